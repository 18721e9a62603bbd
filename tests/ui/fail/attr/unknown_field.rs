use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    #[shm(ofset = 0)]
    celsius: f64,
}

fn main() {}
