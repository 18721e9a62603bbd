use shm_runtime::{Shareable, SharedSegment};

#[derive(Shareable)]
#[repr(C)]
struct Pair<T> {
    left: T,
    right: T,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
    field: Pair<String>,
    readings: u64,
}

fn main() {}
