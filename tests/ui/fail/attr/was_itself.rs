use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    #[shm(was = "celsius")]
    celsius: f64,
}

fn main() {}
