use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, trust = "weather")]
struct Station {
    celsius: f64,
}

fn main() {}
