//! The name that the twin would have is taken, and no field mentions it.

use shm_runtime::SharedSegment;

struct SheetFields;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Sheet {
    width: u16,
}

fn main() {}
