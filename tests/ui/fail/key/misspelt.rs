use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(naem = "org.example.weather")]
struct Station {
    celsius: f64,
}

fn main() {}
