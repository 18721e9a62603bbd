#[derive(shm_runtime::SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Empties {
    count: u64,
    empties: [[u8; 0]; usize::MAX],
}

fn main() {}
