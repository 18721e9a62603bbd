use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shm_runtime::{Attached, SharedSegment, ReadOnly};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
    readings: AtomicU64,
    hours: [f32; 24],
    name: [u8; 16],
}

fn use_it(station: &Attached<Station, ReadOnly>) {
    station.readings.fetch_add(1, Relaxed);
}

fn main() {}
