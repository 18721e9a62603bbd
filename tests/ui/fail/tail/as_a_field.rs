//! A struct that ends in a slice, as a field of another one.

use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Log {
    count: u32,
    values: [u32],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
    log: Log,
}

fn main() {}
