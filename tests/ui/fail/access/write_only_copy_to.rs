use std::sync::atomic::AtomicU64;

use shm_runtime::{Attached, SharedSegment, WriteOnly};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
    readings: AtomicU64,
    hours: [f32; 24],
    name: [u8; 16],
}

fn use_it(station: &Attached<Station, WriteOnly>) {
    station.hours.copy_to(&mut [0.0; 24]);
}

fn main() {}
