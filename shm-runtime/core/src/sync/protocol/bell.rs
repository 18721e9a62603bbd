//! The protocol of the bell: those who wait for a value say so, and only then the one who has it calls the kernel.
//!
//! The word is odd while a thread sleeps on it, or is about to. Ringing adds one and wakes, in one system call.
//!
//! Between the look at a word that is even, and the sleep of a thread that has just made it odd, there is no barrier in the
//! one who rings, which would cost more than all the rest: it may miss that thread. It may also be killed before it rings; and
//! a thread that has a read-only attachment cannot say that it waits. So no sleep is long: all look by themselves again.

use core::time::Duration;

use crate::sync::atomic::{AtomicU32, Relaxed, SeqCst, fence, spin_loop};
use crate::sync::kernel::Kernel;

/// The bit of the word that says that a thread sleeps.
const ASLEEP: u32 = 1;

/// How often a thread looks before it sleeps: less than a sleep and a wake-up take.
const SPINS: u32 = if cfg!(loom) { 1 } else { 200 };

/// How often it looks before each sleep, and again after it.
pub(crate) const LOOKS: u32 = SPINS + 1;

/// The longest single sleep of a thread that has said that it sleeps, ...
const SLEEP: Duration = Duration::from_millis(20);

/// ... and of one that cannot say it.
const UNSEEN: Duration = Duration::from_millis(1);

/// Wakes all who sleep, if any say that they do.
#[inline]
pub(crate) fn ring(bell: &AtomicU32, kernel: &impl Kernel) {
    if bell.load(Relaxed) & ASLEEP != 0 {
        ring_slowly(bell, kernel);
    }
}

#[cold]
#[inline(never)]
fn ring_slowly(bell: &AtomicU32, kernel: &impl Kernel) {
    kernel.add_one_and_wake(bell, i32::MAX);
}

/// Waits until `look` finds something, which it is asked for once at least; `None` at `deadline`.
///
/// `writable` is whether the word can be written.
pub(crate) fn wait<R>(
    bell: &AtomicU32,
    writable: bool,
    deadline: Option<Duration>,
    kernel: &impl Kernel,
    mut look: impl FnMut() -> Option<R>,
) -> Option<R> {
    loop {
        for _ in 0..SPINS {
            if let Some(found) = look() {
                return Some(found);
            }
            spin_loop();
        }
        let now = kernel.now();
        if deadline.is_some_and(|deadline| now >= deadline) {
            return None;
        }
        let seen = match writable {
            true => bell.fetch_or(ASLEEP, Relaxed) | ASLEEP,
            false => bell.load(Relaxed),
        };
        // The look comes after that. So the only value that is missed is one that is still in the processor of a thread which has
        // looked at the word before it was odd: for a moment, where without this fence the look could be from long before.
        fence(SeqCst);
        if let Some(found) = look() {
            return Some(found);
        }
        let longest = now.saturating_add(if writable { SLEEP } else { UNSEEN });
        kernel.wait(bell, seen, Some(deadline.map_or(longest, |deadline| deadline.min(longest))));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use core::time::Duration;
    use std::sync::Barrier;
    use std::thread;

    use super::{ASLEEP, AtomicU32, Relaxed, ring, wait};
    use crate::sync::kernel::{Kernel, Linux};

    #[test]
    fn a_wait_ends_in_time_and_looks_once_however_short_the_time_is() {
        for writable in [false, true] {
            let bell = AtomicU32::new(0);
            for millis in [0, 1, 45] {
                let (start, mut looks) = (Linux.now(), 0);
                let deadline = start + Duration::from_millis(millis);
                let found = wait(&bell, writable, Some(deadline), &Linux, || {
                    looks += 1;
                    None::<()>
                });
                assert_eq!(found, None);
                assert!(looks > 0 && Linux.now() >= deadline);
            }
            assert_eq!(bell.load(Relaxed), u32::from(writable));
        }
    }

    #[test]
    fn who_says_that_it_sleeps_is_woken_and_nothing_is_called_when_nobody_does() {
        let (bell, value, before) = (AtomicU32::new(0), AtomicU32::new(0), Barrier::new(2));
        ring(&bell, &Linux);
        assert_eq!(bell.load(Relaxed), 0);
        thread::scope(|scope| {
            scope.spawn(|| {
                before.wait();
                while bell.load(Relaxed) & ASLEEP == 0 {
                    thread::yield_now();
                }
                value.store(7, Relaxed);
                ring(&bell, &Linux);
            });
            before.wait();
            let found = wait(&bell, true, None, &Linux, || Some(value.load(Relaxed)).filter(|&v| v != 0));
            assert_eq!(found, Some(7));
        });
        assert_eq!(bell.load(Relaxed) & !ASLEEP, 2);
    }

    #[test]
    fn who_was_not_rung_for_finds_the_value_by_itself() {
        for writable in [false, true] {
            let (bell, value) = (AtomicU32::new(u32::MAX - 1), AtomicU32::new(0));
            thread::scope(|scope| {
                scope.spawn(|| value.store(7, Relaxed));
                let found =
                    wait(&bell, writable, None, &Linux, || Some(value.load(Relaxed)).filter(|&v| v != 0));
                assert_eq!(found, Some(7));
            });
        }
    }
}
