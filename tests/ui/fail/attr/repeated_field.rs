use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    #[shm(offset = 0, offset = 0)]
    celsius: f64,
}

fn main() {}
