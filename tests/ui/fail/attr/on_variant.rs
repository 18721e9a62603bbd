use shm_runtime::Shareable;

#[derive(Shareable)]
#[repr(u8)]
enum Mode {
    Off,
    #[shm(offset = 1)]
    On,
}

fn main() {}
