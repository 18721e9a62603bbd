//! What the protocols ask of the kernel: a trait, so that the model checker can put a kernel of its own in.

use core::time::Duration;
use std::io;

use super::atomic::AtomicU32;

/// The bits of a lock's word, as the kernel defines them: the holder's thread id, ...
pub(super) const TID: u32 = 0x3fff_ffff;
/// ... whether threads wait for it in the kernel, and so it has to be released there, ...
pub(super) const WAITERS: u32 = 0x8000_0000;
/// ... and whether its holder died while they did.
pub(super) const OWNER_DIED: u32 = 0x4000_0000;

/// Why the kernel did not acquire a lock.
#[derive(Debug)]
pub(super) enum Refused {
    /// ESRCH: the holder is dead, and no thread waits in the kernel.
    OwnerDead,
    /// EDEADLK: this thread holds it, or holds another one that its holder waits for.
    Deadlock,
    /// ETIMEDOUT.
    TimedOut,
    /// EAGAIN or EINTR: for now, or without a reason.
    Again,
    /// EINVAL: the word is not what the kernel's own record of the lock says.
    Inconsistent,
    /// EPERM: the holder is a thread of the kernel.
    Forbidden,
    /// Something else.
    Other(io::Error),
}

/// How long a claim waits where the kernel has no barrier for all threads: much longer than a processor keeps a store to itself,
/// or a load that it has begun early.
#[cfg(not(loom))]
const UNFENCED: Duration = Duration::from_millis(100);

/// The system calls of the protocols.
///
/// None of them is relied on for memory ordering, but two. One is `barrier`. The other is the answer that a thread or process is
/// dead, from `is_dead` or another call: what is done after it sees all that the dead one stored. A thread that dies has carried
/// out all its instructions up to one, and its processor has passed full barriers before the kernel says that it is dead;
/// and the return from a system call is a point that no later load is moved across (on Arm a context synchronization event). So a
/// value that is in order between any two instructions is in order for the next thread. Stores whose order matters only for that
/// are `Release` all the same, or have a fence between them: this keeps the compiler from exchanging them.
pub(super) trait Kernel {
    /// Acquires the lock, or waits for it until `deadline`.
    fn lock(&self, word: &AtomicU32, deadline: Duration) -> Result<(), Refused>;
    /// Acquires the lock if that needs no waiting.
    fn try_lock(&self, word: &AtomicU32) -> Result<(), Refused>;
    /// Gives the lock to a thread that waits for it; `false` if the kernel refused to.
    fn unlock(&self, word: &AtomicU32) -> bool;
    /// Whether no living thread has this id; `Forbidden` if a thread of the kernel has it.
    fn is_dead(&self, tid: u32) -> Result<bool, Refused>;
    /// Sleeps while the word is `value`, at most until `deadline`; returns for any reason.
    fn wait(&self, word: &AtomicU32, value: u32, deadline: Option<Duration>);
    /// Adds one to the word and wakes this many who sleep on it, in one step.
    fn add_one_and_wake(&self, word: &AtomicU32, count: i32);
    /// Time since some zero.
    fn now(&self) -> Duration;
    /// Lets others run for a moment.
    fn pause(&self);
    /// A full barrier in this thread, and in each other one of the system, at some point of it between the call and its end:
    /// the other side of [`light_barrier`](super::atomic::light_barrier).
    fn barrier(&self);
}

/// The kernel this program runs on.
#[cfg(not(loom))]
pub(super) struct Linux;

#[cfg(not(loom))]
mod linux {
    use core::time::Duration;
    use std::io;
    use std::thread;

    use super::{AtomicU32, Kernel, Linux, OWNER_DIED, Refused, TID, UNFENCED, WAITERS};
    use crate::sys::{futex, membarrier};

    static_assertions::const_assert!(TID == futex::FUTEX_TID_MASK);
    static_assertions::const_assert!(WAITERS == futex::FUTEX_WAITERS);
    static_assertions::const_assert!(OWNER_DIED == futex::FUTEX_OWNER_DIED);

    impl From<io::Error> for Refused {
        fn from(error: io::Error) -> Self {
            match error.raw_os_error() {
                Some(futex::ESRCH) => Self::OwnerDead,
                Some(futex::EDEADLK) => Self::Deadlock,
                Some(futex::ETIMEDOUT) => Self::TimedOut,
                Some(futex::EAGAIN | futex::EINTR) => Self::Again,
                Some(futex::EINVAL) => Self::Inconsistent,
                Some(futex::EPERM) if !futex::is_pi_refused() => Self::Forbidden,
                _ => Self::Other(error),
            }
        }
    }

    impl Kernel for Linux {
        fn lock(&self, word: &AtomicU32, deadline: Duration) -> Result<(), Refused> {
            Ok(futex::lock_pi(word, deadline)?)
        }

        fn try_lock(&self, word: &AtomicU32) -> Result<(), Refused> {
            Ok(futex::try_lock_pi(word)?)
        }

        fn unlock(&self, word: &AtomicU32) -> bool {
            futex::unlock_pi(word).is_ok()
        }

        fn is_dead(&self, tid: u32) -> Result<bool, Refused> {
            // Asked about a lock of our own, whose word no other code can change meanwhile: that the thread is dead then
            // means this very thread. /proc would not do (it can hide threads), nor kill(2) (a zombie has an id).
            let word = AtomicU32::new(tid);
            match futex::try_lock_pi(&word).map_err(Refused::from) {
                Err(Refused::OwnerDead) => Ok(true),
                Err(Refused::Forbidden) => Err(Refused::Forbidden),
                Ok(()) | Err(_) => Ok(false),
            }
        }

        fn wait(&self, word: &AtomicU32, value: u32, deadline: Option<Duration>) {
            // Whatever it says, the caller looks at the word and the clock.
            let _ = futex::wait(word, value, deadline);
        }

        fn add_one_and_wake(&self, word: &AtomicU32, count: i32) {
            futex::add_one_and_wake(word, count);
        }

        fn now(&self) -> Duration {
            futex::now()
        }

        fn pause(&self) {
            thread::sleep(Duration::from_micros(50));
        }

        fn barrier(&self) {
            // Refused before Linux 4.3, with the boot option nohz_full, or by a filter of system calls.
            if membarrier::global().is_err() {
                thread::sleep(UNFENCED);
            }
        }
    }
}
