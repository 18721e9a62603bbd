//! A parameter of which there are bytes has to be shareable.

use std::marker::PhantomData;

use shm_runtime::{Shareable, SharedSegment};

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Pair<T, U> {
    value: T,
    marker: PhantomData<U>,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct S {
    fine: Pair<u8, String>,
    wrong: Pair<String, u8>,
}

fn main() {}
