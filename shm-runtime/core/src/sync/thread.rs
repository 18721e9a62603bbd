//! The ids of this thread and process, cached, for a system call would cost more than the lock; and how many locks
//! the thread holds.

use core::cell::Cell;
use core::sync::atomic::{
    AtomicBool, AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

use super::lock::Me;
use crate::sys::futex;

thread_local! {
    /// 0 if not asked yet.
    static TID: Cell<u32> = const { Cell::new(0) };
    static HELD: Cell<u32> = const { Cell::new(0) };
}

/// This process's id; 0 if not asked yet.
static PID: AtomicU32 = AtomicU32::new(0);

/// In a child, which has other ids and holds nothing that its parent holds.
extern "C" fn forked() {
    TID.set(0);
    HELD.set(0);
    PID.store(0, Relaxed);
}

/// Whether forks are noticed from here on. If not, memory is too short for it: nothing can be cached then.
fn forks_are_noticed() -> bool {
    // No lock that a fork could leave held in the child. Threads that race here register twice, which does no harm.
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    if !REGISTERED.load(Acquire) && futex::on_fork_in_child(forked).is_ok() {
        REGISTERED.store(true, Release);
    }
    REGISTERED.load(Acquire)
}

/// This thread's id.
#[inline]
pub(super) fn id() -> u32 {
    match TID.get() {
        0 => ask(),
        tid => tid,
    }
}

#[cold]
fn ask() -> u32 {
    let tid = futex::thread_id();
    if forks_are_noticed() {
        TID.set(tid);
    }
    tid
}

/// This thread, to a lock.
#[inline]
pub(super) fn me() -> Me {
    Me { tid: id(), holds_any: HELD.get() != 0 }
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

/// This process's id.
#[inline]
pub(super) fn process_id() -> u32 {
    match PID.load(Relaxed) {
        0 => ask_process(),
        pid => pid,
    }
}

#[cold]
fn ask_process() -> u32 {
    let pid = std::process::id();
    if forks_are_noticed() {
        PID.store(pid, Relaxed);
    }
    pid
}
