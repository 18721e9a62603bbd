//! A slice at the end of a struct whose fields have no names.

use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Log(u64, [u32]);

fn main() {}
