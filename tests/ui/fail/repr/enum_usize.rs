use shm_runtime::Shareable;

#[derive(Shareable)]
#[repr(usize)]
enum Mode {
    Off,
    On,
}

fn main() {}
