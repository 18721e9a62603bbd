use std::sync::Mutex;

use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
    field: Mutex<u32>,
    readings: u64,
}

fn main() {}
