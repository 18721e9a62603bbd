use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Log {
    count: u32,
    values: [u32],
}

fn main() {
    let _ = Log::options().len(10).create();
}
