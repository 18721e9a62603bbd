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
///
/// This holds on every processor, however it reorders, as the kernel's barrier is a full one (on Arm a `dmb ish`) at some point
/// of this thread between the other side's call and its return. If that point is after the store that stands before this call, the
/// other side sees the store once it has returned. If it is before, the load that stands after this call sees what the
/// other side stored before it called. The only thing to be done here is to keep the compiler from exchanging the two.
#[cfg(not(loom))]
#[inline]
pub(super) fn light_barrier() {
    core::sync::atomic::compiler_fence(SeqCst);
}

/// Loom does not know of such barriers. In a model in which a role is taken away, both sides are to it what they are together; in all
/// others, which need none, this side is what it is to the processor, nothing, and so orders nothing else either.
#[cfg(loom)]
pub(super) fn light_barrier() {
    if BARRIERS.get() {
        fence(SeqCst);
    }
}

#[cfg(loom)]
std::thread_local! {
    /// Whether a role is taken away in the model that runs: all its threads are one to the standard library.
    pub(super) static BARRIERS: core::cell::Cell<bool> = const { core::cell::Cell::new(false) };
}

/// Loom's own would let the others run to their end first, and so hide what they do meanwhile. The loops here end
/// without.
#[cfg(loom)]
pub(super) fn spin_loop() {}

pub(super) use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
