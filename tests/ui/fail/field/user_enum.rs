use shm_runtime::SharedSegment;

#[repr(u8)]
enum Mode {
    Off,
    On,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
    field: Mode,
    readings: u64,
}

fn main() {}
