use core::marker::PhantomData;

use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Log {
    count: u32,
    values: [PhantomData<u32>],
}

fn main() {}
