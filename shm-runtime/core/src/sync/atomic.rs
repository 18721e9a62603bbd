//! The atomics of the protocols: the standard ones, or the model checker's.

#[cfg(not(loom))]
pub(super) use core::{
    hint::spin_loop,
    sync::atomic::{AtomicU32, AtomicU64, fence},
};
#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicU32, AtomicU64, fence};

/// The side of a pair of barriers that is often passed: the processor's part in it is done by the other side, which has the
/// kernel put a barrier into all threads ([`Kernel::barrier`](super::kernel::Kernel::barrier)).
#[cfg(not(loom))]
#[inline]
pub(super) fn light_barrier() {
    core::sync::atomic::compiler_fence(SeqCst);
}

/// Loom does not know of such barriers: to it, both sides are what they are together.
#[cfg(loom)]
pub(super) fn light_barrier() {
    fence(SeqCst);
}

/// Loom's own would let the others run to their end first, and so hide what they do meanwhile. The loops here end
/// without.
#[cfg(loom)]
pub(super) fn spin_loop() {}

pub(super) use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
