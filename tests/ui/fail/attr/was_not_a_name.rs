use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    #[shm(was = "air temperature")]
    celsius: f64,
    #[shm(was = "2nd")]
    other: f64,
}

fn main() {}
