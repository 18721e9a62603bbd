use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, size = "24")]
struct Station {
    readings: u64,
    flag: bool,
    celsius: f64,
}

fn main() {}
