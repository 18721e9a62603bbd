#[derive(shm_runtime::SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Huge {
    count: u64,
    bytes: [u8; 1 << 46],
}

fn main() {}
