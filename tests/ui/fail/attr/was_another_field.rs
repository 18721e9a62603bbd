use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    #[shm(was = "kelvin")]
    celsius: f64,
    kelvin: f64,
}

fn main() {}
