use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(transparent)]
#[shm(private)]
struct Station {
    celsius: f64,
}

fn main() {}
