use shm_runtime::{Shareable, SharedSegment};

#[derive(Clone, Copy, Shareable, SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Form {
    a: u8,
}

#[derive(Clone, Copy, SharedSegment, Shareable)]
#[repr(C)]
#[shm(name = "org.example.form", mode = 0o600)]
struct Other {
    a: u8,
}

fn main() {}
