use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(key = 0)]
struct Station {
    celsius: f64,
}

fn main() {}
