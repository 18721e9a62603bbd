//! futex(2) between processes, and the identity of threads.
//!
//! The memory may be shared with processes that are up to anything, so no answer of these calls is a proof of what the
//! word holds.

use core::ffi::{c_int, c_long};
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering::SeqCst};
use core::time::Duration;
use std::io;

pub(crate) use libc::{
    EAGAIN, EDEADLK, EINTR, EINVAL, ENOSYS, EPERM, ESRCH, ETIMEDOUT, FUTEX_OWNER_DIED, FUTEX_TID_MASK,
    FUTEX_WAITERS,
};

/// What a system call returned.
fn called(returned: c_long) -> io::Result<()> {
    match returned {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// A time since a clock's zero, for the kernel; one too far away for it, as far as it goes.
fn timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

fn clock(id: libc::clockid_t) -> Duration {
    let mut now = timespec(Duration::ZERO);
    // SAFETY: the call writes one `timespec`, for which there is room; the two clocks of this file exist.
    unsafe { libc::clock_gettime(id, &raw mut now) };
    // Both clocks are past their zero.
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Time since an arbitrary zero, as the deadlines below are: clock_gettime(2) with CLOCK_MONOTONIC.
pub(crate) fn now() -> Duration {
    clock(libc::CLOCK_MONOTONIC)
}

/// FUTEX_LOCK_PI2: acquires the lock, or waits for it until `deadline`.
pub(crate) fn lock_pi(word: &AtomicU32, deadline: Duration) -> io::Result<()> {
    match lock_pi_until(word, libc::FUTEX_LOCK_PI2, deadline) {
        // EPERM: so a filter of system calls that does not know it yet may say.
        Err(error) if matches!(error.raw_os_error(), Some(ENOSYS | EPERM)) => {
            lock_pi_realtime(word, deadline)
        }
        outcome => outcome,
    }
}

/// FUTEX_LOCK_PI, for kernels before 5.14: its deadline is one of the clock that can be set.
pub(crate) fn lock_pi_realtime(word: &AtomicU32, deadline: Duration) -> io::Result<()> {
    let left = deadline.saturating_sub(now());
    let deadline = clock(libc::CLOCK_REALTIME).saturating_add(left);
    lock_pi_until(word, libc::FUTEX_LOCK_PI, deadline)
}

fn lock_pi_until(word: &AtomicU32, operation: c_int, deadline: Duration) -> io::Result<()> {
    let deadline = timespec(deadline);
    // SAFETY: the word outlives the call and is accessed only by atomics; the time is read during the call.
    called(unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, 0, &raw const deadline) })
}

/// FUTEX_TRYLOCK_PI: acquires the lock if that needs no waiting.
pub(crate) fn try_lock_pi(word: &AtomicU32) -> io::Result<()> {
    // SAFETY: the word outlives the call and is accessed only by atomics.
    called(unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_TRYLOCK_PI) })
}

/// Whether locking is refused whatever the lock is, by a filter of system calls: so is a lock of our own that is free.
pub(crate) fn is_pi_refused() -> bool {
    let refused = |acquired: io::Result<()>| acquired.is_err_and(|error| error.raw_os_error() == Some(EPERM));
    refused(try_lock_pi(&AtomicU32::new(0))) || refused(lock_pi_realtime(&AtomicU32::new(0), now()))
}

/// FUTEX_UNLOCK_PI: gives the lock to the thread that has waited longest for it.
pub(crate) fn unlock_pi(word: &AtomicU32) -> io::Result<()> {
    // SAFETY: the word outlives the call and is accessed only by atomics.
    called(unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_UNLOCK_PI) })
}

/// FUTEX_WAIT_BITSET: sleeps while the word is `value`, at most until `deadline`. The mapping may be read-only.
///
/// Where a filter of system calls refuses it, it sleeps for a millisecond instead: its callers look at the word again, and
/// would otherwise do nothing else.
pub(crate) fn wait(word: &AtomicU32, value: u32, deadline: Option<Duration>) -> io::Result<()> {
    let deadline = deadline.map(timespec);
    let deadline = deadline.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the word outlives the call, which only compares it; the time, if any, lives until the end of this
    // function.
    let waited = called(unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT_BITSET,
            value,
            deadline,
            ptr::null::<u32>(),
            libc::FUTEX_BITSET_MATCH_ANY,
        )
    });
    if waited.as_ref().is_err_and(is_refusal) {
        std::thread::sleep(Duration::from_millis(1));
    }
    waited
}

/// Whether it is what a filter of system calls says, and futex(2) itself never does of waiting and waking.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ENOSYS | EPERM))
}

/// FUTEX_WAKE: wakes every thread that sleeps on the word.
pub(crate) fn wake_all(word: &AtomicU32) {
    // SAFETY: the kernel takes the address as the futex's name, and does not access the word.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
}

/// FUTEX_WAKE_OP: adds one to the word and wakes `count` of those who sleep on it, in one call, between whose
/// two parts no signal can kill this process.
pub(crate) fn add_one_and_wake(word: &AtomicU32, count: c_int) {
    // Beyond `count`, one more is woken if the old value was u32::MAX: the operation has to compare something.
    let add_one = libc::FUTEX_OP(libc::FUTEX_OP_ADD, 1, libc::FUTEX_OP_CMP_EQ, -1);
    // SAFETY: the word outlives the call and is accessed only by atomics. The fourth argument is a number here.
    let woken = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE_OP,
            count,
            0_usize,
            word.as_ptr(),
            add_one,
        )
    };
    if woken < 0 {
        // It fails for an address that is not mapped or not writable, and this is a mapped, writable one: so a filter of
        // system calls refuses it, and nothing was added. Those who sleep are woken if the filter knows FUTEX_WAKE.
        word.fetch_add(1, SeqCst);
        wake_all(word);
    }
}

/// gettid(2).
pub(crate) fn thread_id() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::gettid() }.unsigned_abs()
}

/// pthread_atfork(3): has `handler` called in every child that fork(2) makes, by the one thread that it has.
pub(crate) fn on_fork_in_child(handler: extern "C" fn()) -> io::Result<()> {
    // SAFETY: the handler takes nothing and lives as long as the program.
    match unsafe { libc::pthread_atfork(None, None, Some(handler)) } {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use core::time::Duration;
    use std::sync::Barrier;
    use std::{io, thread};

    use super::{ETIMEDOUT, lock_pi, lock_pi_realtime, now, thread_id, unlock_pi};

    /// A way to acquire the lock until a deadline.
    type Lock = fn(&AtomicU32, Duration) -> io::Result<()>;

    #[test]
    fn both_ways_to_lock_wait_as_long_as_they_are_told() {
        for lock in [lock_pi as Lock, lock_pi_realtime] {
            let (word, done) = (AtomicU32::new(0), Barrier::new(2));
            thread::scope(|scope| {
                scope.spawn(|| {
                    lock(&word, now() + Duration::from_secs(60)).unwrap();
                    assert_eq!(word.load(Relaxed), thread_id());
                    done.wait();
                    done.wait();
                    unlock_pi(&word).unwrap();
                });
                done.wait();
                let deadline = now() + Duration::from_millis(30);
                let error = lock(&word, deadline).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(ETIMEDOUT));
                assert!(now() >= deadline);
                done.wait();
                lock(&word, now() + Duration::from_secs(60)).unwrap();
            });
        }
    }
}
