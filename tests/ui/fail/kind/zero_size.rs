use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    nothing: [u8; 0],
}

fn main() {}
