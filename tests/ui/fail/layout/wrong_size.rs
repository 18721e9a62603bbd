use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, size = 17)]
struct Station {
    readings: u64,
    flag: bool,
    celsius: f64,
}

fn main() {}
