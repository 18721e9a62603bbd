//! The protocol of the event: a number that is counted up, and on which waiters sleep.
//!
//! A thread that waits takes the number first, then looks whether there is anything to wait for, and then sleeps only while
//! the number is the same. There is no count of waiters: a dead one would leave it wrong, and one whose memory is
//! read-only could not be counted.

use core::time::Duration;

use crate::sync::atomic::{Acquire, AtomicU32, Relaxed, Release, fence};
use crate::sync::kernel::Kernel;

/// Counts up, and wakes so many of those who sleep.
#[inline]
pub(crate) fn notify(count: &AtomicU32, sleepers: i32, kernel: &impl Kernel) {
    // Who sees the new number sees what was written before; the kernel counts on this thread's behalf.
    fence(Release);
    // In one call: a process killed between counting and waking would leave sleepers asleep.
    kernel.add_one_and_wake(count, sleepers);
}

/// The number now.
#[inline]
pub(crate) fn current(count: &AtomicU32) -> u32 {
    let seen = count.load(Relaxed);
    fence(Acquire);
    seen
}

/// Sleeps until the number is not `seen`; `false` if it still is at `deadline`.
pub(crate) fn wait(count: &AtomicU32, seen: u32, deadline: Option<Duration>, kernel: &impl Kernel) -> bool {
    loop {
        if current(count) != seen {
            return true;
        }
        if deadline.is_some_and(|deadline| kernel.now() >= deadline) {
            return false;
        }
        kernel.wait(count, seen, deadline);
    }
}
