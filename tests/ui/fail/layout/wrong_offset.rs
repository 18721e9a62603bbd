use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    readings: u64,
    flag: bool,
    #[shm(offset = 9)]
    celsius: f64,
}

fn main() {}
