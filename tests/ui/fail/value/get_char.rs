use std::sync::atomic::AtomicU64;

use shm_runtime::{Attached, Shareable, SharedSegment};

#[derive(Clone, Copy, Shareable)]
#[repr(u8)]
enum Mode {
    Off,
    On,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Wind {
    speed: f64,
    mode: Mode,
}

#[derive(Shareable)]
#[repr(C)]
struct Rain {
    total: f64,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
    readings: AtomicU64,
    counts: [AtomicU64; 4],
    mode: Mode,
    modes: [Mode; 4],
    wind: Wind,
    rain: Rain,
    letter: char,
}

fn use_it(station: &Attached<Station>) {
    let _ = station.letter.get();
}

fn main() {}
