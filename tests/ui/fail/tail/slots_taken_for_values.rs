//! What is sent is not of the type of the slots.

use shm_runtime::{SharedSegment, TailedSegment, sync};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Wire {
    queue: sync::SpscHead,
    readings: [f64],
}

fn main() {
    let wire = Wire::open().unwrap().attach().unwrap();
    let _ = wire.queue.sender(&wire.readings).unwrap().send(&1_u32);
}
