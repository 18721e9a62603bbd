use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(name = "")]
struct Station {
    celsius: f64,
}

fn main() {}
