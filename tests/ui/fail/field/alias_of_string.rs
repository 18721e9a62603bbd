use shm_runtime::SharedSegment;

type Name = String;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
    field: Name,
    readings: u64,
}

fn main() {}
