use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, mode)]
struct Station {
    celsius: f64,
}

fn main() {}
