#[derive(shm_runtime::SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct S {
    count: u64,
    field: libc::timespec,
    last: u8,
}

fn main() {}
