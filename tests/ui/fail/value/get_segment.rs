use std::sync::atomic::AtomicU64;

use shm_runtime::{Attached, SharedSegment};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
    readings: AtomicU64,
}

fn use_it(station: &Attached<Station>) {
    let _ = station.get();
}

fn main() {}
