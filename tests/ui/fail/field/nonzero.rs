use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
    field: std::num::NonZeroU32,
    readings: u64,
}

fn main() {}
