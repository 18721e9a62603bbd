//! Slots of what cannot be copied.

use std::sync::atomic::AtomicU64;

use shm_runtime::{SharedSegment, TailedSegment, sync};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Wire {
    queue: sync::SpscHead,
    ring: sync::RingHead,
    counts: [AtomicU64],
}

fn main() {
    let wire = Wire::open().unwrap().attach().unwrap();
    let _ = wire.queue.sender(&wire.counts);
    let _ = wire.ring.reader(&wire.counts);
}
