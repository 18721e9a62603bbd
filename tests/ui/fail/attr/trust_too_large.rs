use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, trust = 5_000_000_000)]
struct Station {
    celsius: f64,
}

fn main() {}
