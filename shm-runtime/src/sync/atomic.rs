//! The atomics of the protocols: the standard ones, or the model checker's.

#[cfg(not(loom))]
pub(super) use core::{
    hint::spin_loop,
    sync::atomic::{AtomicU32, AtomicU64, fence},
};
#[cfg(loom)]
pub(super) use loom::{
    hint::spin_loop,
    sync::atomic::{AtomicU32, AtomicU64, fence},
};

pub(super) use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
