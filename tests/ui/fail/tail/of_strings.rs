use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Log {
    count: u32,
    lines: [String],
}

fn main() {}
