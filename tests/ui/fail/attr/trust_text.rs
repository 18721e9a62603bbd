use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, trust = "1000")]
struct Station {
    celsius: f64,
}

fn main() {}
