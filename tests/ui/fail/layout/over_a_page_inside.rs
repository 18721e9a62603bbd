use shm_runtime::{Shareable, SharedSegment};

#[derive(Shareable)]
#[repr(C, align(8192))]
struct Page {
    bytes: [u8; 8192],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    page: Page,
}

fn main() {}
