use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(key = 0x1_0000_0000)]
struct Station {
    celsius: f64,
}

fn main() {}
