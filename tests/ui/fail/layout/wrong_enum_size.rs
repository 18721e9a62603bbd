use shm_runtime::Shareable;

#[derive(Shareable)]
#[repr(u8)]
#[shm(size = 4)]
enum Mode {
    Off,
    On,
}

fn main() {}
