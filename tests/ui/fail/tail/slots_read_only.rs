//! Ends of queues and the role of a writer, over slots that are attached read-only.

use shm_runtime::{SharedSegment, TailedSegment, sync};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Wire {
    queue: sync::SpscHead,
    ring: sync::RingHead,
    readings: [f64],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Office {
    queue: sync::QueueHead,
    jobs: [sync::QueueSlot<u64>],
}

fn main() {
    let wire = Wire::open().unwrap().attach_read_only().unwrap();
    let _ = wire.queue.receiver(&wire.readings);
    let _ = wire.ring.writer(&wire.readings);
    let office = Office::open().unwrap().attach_read_only().unwrap();
    let _ = office.queue.over(&office.jobs);

    // The head of one attachment, and the slots of another.
    let both = Wire::open().unwrap().attach().unwrap();
    let _ = both.queue.sender(&wire.readings);
}
