use shm_runtime::Shareable;

#[derive(Shareable)]
#[repr(C)]
enum Mode {
    Off,
    On,
}

fn main() {}
