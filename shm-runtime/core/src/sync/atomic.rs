//! The atomics of the protocols: the standard ones, or the model checker's.

#[cfg(not(loom))]
pub(super) use core::{
    hint::spin_loop,
    sync::atomic::{AtomicU32, AtomicU64, fence},
};
#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicU32, AtomicU64, fence};

/// Loom's own would let the others run to their end first, and so hide what they do meanwhile. The loops here end
/// without.
#[cfg(loom)]
pub(super) fn spin_loop() {}

pub(super) use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
