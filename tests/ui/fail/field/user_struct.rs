use shm_runtime::SharedSegment;

#[repr(C)]
struct Wind {
    speed: f64,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
    field: Wind,
    readings: u64,
}

fn main() {}
