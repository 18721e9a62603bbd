use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    #[shm(was = "degrees")]
    celsius: f64,
    #[shm(was = "degrees")]
    direction: f64,
}

fn main() {}
