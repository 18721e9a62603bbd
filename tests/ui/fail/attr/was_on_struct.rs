use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, was = "Weather")]
struct Station {
    celsius: f64,
}

fn main() {}
