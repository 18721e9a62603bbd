#[derive(shm_runtime::SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Beyond {
    count: u64,
    bytes: [u64; usize::MAX / 8],
}

fn main() {}
