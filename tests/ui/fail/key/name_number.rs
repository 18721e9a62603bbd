use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(name = 3)]
struct Station {
    celsius: f64,
}

fn main() {}
