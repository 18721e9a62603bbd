use shm_runtime::{SharedSegment, TailedSegment};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Log {
    count: u32,
    values: [u32],
}

fn main() {
    let log = Log::open().unwrap().attach_read_only().unwrap();
    log.values[0].set(1);
    log.values.copy_from(&[1]);
}
