use std::sync::atomic::AtomicU64;

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
    station.hours.copy_from(&[0.0; 24]);
}

fn main() {}
