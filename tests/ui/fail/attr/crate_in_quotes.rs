use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, crate = "shm_runtime")]
struct Station {
    celsius: f64,
}

fn main() {}
