use std::num::NonZero;

use shm_runtime::{Shared, Shareable};

#[derive(Clone, Copy, Shareable)]
#[repr(transparent)]
struct Id(NonZero<u32>);

fn get(id: &Shared<Id>) -> Id {
    id.get()
}

fn main() {}
