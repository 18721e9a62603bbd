//! Heads over slots that are not theirs: of values in place of a queue's slots, and of values in place of bytes.

use shm_runtime::{SharedSegment, TailedSegment, sync};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Office {
    queue: sync::QueueHead,
    ring: sync::ByteRingHead,
    wire: sync::ByteQueueHead,
    jobs: [u64],
}

fn main() {
    let office = Office::open().unwrap().attach().unwrap();
    let _ = office.queue.over(&office.jobs);
    let _ = office.ring.writer(&office.jobs);
    let _ = office.wire.sender(&office.jobs);
}
