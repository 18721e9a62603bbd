//! What `bound` says is all that the impls require: if it is too little, the field says so.

use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bound = "")]
struct S<T> {
    value: T,
}

fn main() {}
