use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(u8)]
#[shm(private)]
enum Mode {
    Off,
    On,
}

fn main() {}
