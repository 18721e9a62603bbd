use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private = true)]
struct Station {
    celsius: f64,
}

fn main() {}
