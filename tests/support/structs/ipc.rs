//! What the tests of semaphores and queues share.

#![allow(missing_docs, reason = "the names say it")]

use shm_runtime::{Shareable, SharedSegment};

/// With padding after `pages` and at the end.
#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(C)]
pub struct Job {
    pub pages: u16,
    pub cost: f64,
    pub urgent: bool,
}

/// Not every number is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Shareable)]
#[repr(u32)]
pub enum Colour {
    Red = 1,
    Green = 2,
}

/// Counted up in two steps, so that it takes a lock.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Counter {
    pub count: u64,
}
