use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
struct Station {
    celsius: f64,
}

fn main() {}
