use std::marker::PhantomData;
use std::num::NonZero;

use shm_runtime::{Shareable, SharedSegment};

#[derive(SharedSegment)]
#[repr(transparent)]
#[shm(private)]
struct Station {
    wind: Wind,
}

#[derive(Clone, Copy, Shareable)]
#[repr(transparent)]
pub struct Wind(pub(crate) f64);

#[derive(Clone, Copy, Shareable)]
#[repr(transparent)]
struct Id<T: Copy>(Option<NonZero<u32>>, PhantomData<T>)
where
    T: Default;

#[derive(SharedSegment)]
#[repr(C, align(64))]
#[shm(private)]
#[allow(dead_code)]
struct Both(Id<u8>, #[shm(offset = 8)] Wind, [Wind; 2]);

fn read(both: &shm_runtime::Shared<Both>) -> f64 {
    both.1.0.get() + both.2[1].0.get() + both.2.get()[0].0
}

fn main() {
    _ = read;
}
