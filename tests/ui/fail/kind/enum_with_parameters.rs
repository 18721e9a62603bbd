use shm_runtime::Shareable;

#[derive(Shareable)]
#[repr(u8)]
enum Mode<const N: usize> {
    Off,
    On,
}

fn main() {}
