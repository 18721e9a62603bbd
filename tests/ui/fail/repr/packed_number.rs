use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C, packed(4))]
#[shm(private)]
struct Station {
    celsius: f64,
}

fn main() {}
