//! A type macro that gives an enum: no spelling of it makes `get` possible.

use shm_runtime::{Shareable, SharedSegment};

#[derive(Clone, Copy, Shareable)]
#[repr(u8)]
enum Lane {
    Left,
}

macro_rules! kind {
    () => {
        Lane
    };
}

#[derive(Clone, Copy, SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Road {
    first: u8,
    lane: [kind!(); 2],
}

fn main() {
    let _ = Road::create().unwrap().attach().unwrap().get();
}
