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
    let _ = station.name.to_string_lossy();
}

fn main() {}
