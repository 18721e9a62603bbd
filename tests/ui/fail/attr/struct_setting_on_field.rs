use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    #[shm(size = 8)]
    celsius: f64,
}

fn main() {}
