use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
    field: [[String; 4]; 2],
    readings: u64,
}

fn main() {}
