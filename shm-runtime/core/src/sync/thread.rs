//! The id of this thread, cached, for a system call would cost more than the lock; and how many locks
//! the thread holds.

use core::cell::Cell;

use super::protocol::mutex::Me;
use crate::sys::{futex, process};

thread_local! {
    /// The process that the other two are of; none yet. A child begins with a copy of what its parent's thread has here,
    /// but has another id, and holds nothing that its parent holds.
    static GENERATION: Cell<u64> = const { Cell::new(u64::MAX) };
    static TID: Cell<u32> = const { Cell::new(0) };
    static HELD: Cell<u32> = const { Cell::new(0) };
}

/// This thread's id.
#[inline]
pub(super) fn id() -> u32 {
    match GENERATION.get() == process::known_generation() {
        true => TID.get(),
        false => ask(),
    }
}

/// The number of this process, once [`id`] was asked.
#[inline]
pub(super) fn generation() -> u64 {
    GENERATION.get()
}

/// In a thread that has not asked yet, or that is the first of a child.
#[cold]
fn ask() -> u32 {
    let generation = process::generation();
    if GENERATION.get() != generation {
        TID.set(futex::thread_id());
        HELD.set(0);
        GENERATION.set(generation);
    }
    TID.get()
}

/// This thread, to a lock.
#[inline]
pub(super) fn me() -> Me {
    // First, as it forgets what the parent of a child holds.
    let tid = id();
    Me { tid, holds_any: HELD.get() != 0 }
}

/// Counts a lock that this thread acquired.
#[inline]
pub(super) fn acquired() {
    HELD.set(HELD.get().wrapping_add(1));
}

/// Counts a lock that this thread released.
#[inline]
pub(super) fn released() {
    HELD.set(HELD.get().wrapping_sub(1));
}
