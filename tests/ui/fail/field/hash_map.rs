use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
    field: std::collections::HashMap<u32, u32>,
    readings: u64,
}

fn main() {}
