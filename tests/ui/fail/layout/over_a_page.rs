use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C, align(8192))]
#[shm(private)]
struct Station {
    celsius: f64,
}

fn main() {}
