use shm_runtime::{List, SharedSegment, sync};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
    locks: List<sync::Mutex<u8>, 4>,
}

fn main() {}
