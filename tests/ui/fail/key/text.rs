use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(key = "org.example.weather")]
struct Station {
    celsius: f64,
}

fn main() {}
