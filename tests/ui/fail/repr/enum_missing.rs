use shm_runtime::Shareable;

#[derive(Shareable)]
enum Mode {
    Off,
    On,
}

fn main() {}
