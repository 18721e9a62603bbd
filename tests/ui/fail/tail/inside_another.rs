use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Log {
    count: u32,
    values: [u32],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Logs {
    count: u32,
    log: Log,
}

fn main() {}
