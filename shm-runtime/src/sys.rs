//! Every call into libc, one function a call: arguments typed, errors as `errno` in an `io::Error`.

use core::ffi::{c_int, c_long, c_void};
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU32;
use core::time::Duration;
use std::io;

pub(crate) use libc::shmid_ds;
pub(crate) use libc::{E2BIG, EAGAIN, EINTR, ENOMSG, ERANGE, IPC_NOWAIT, MSG_EXCEPT, SEM_UNDO};
pub(crate) use libc::{
    EACCES, EEXIST, EIDRM, EINVAL, ENOENT, ENOMEM, ENOSPC, EPERM, IPC_CREAT, IPC_EXCL, IPC_PRIVATE,
    SHM_HUGETLB, SHM_NORESERVE, SHM_RDONLY, SHM_REMAP,
};
pub(crate) use libc::{msqid_ds, sembuf, semid_ds};

/// What a call that returns -1 on failure returned.
fn checked(returned: c_int) -> io::Result<c_int> {
    if returned == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(returned)
    }
}

/// shmget(2).
pub(crate) fn shmget(key: i32, size: usize, flags: c_int) -> io::Result<i32> {
    // SAFETY: takes numbers only.
    checked(unsafe { libc::shmget(key, size, flags) })
}

/// shmat(2) at an address of the kernel's choosing.
pub(crate) fn shmat(id: i32, flags: c_int) -> io::Result<NonNull<c_void>> {
    // SAFETY: without an address, the kernel maps where nothing else is.
    mapped(unsafe { libc::shmat(id, core::ptr::null(), flags & !SHM_REMAP) })
}

/// shmat(2) at `address`, in place of what is mapped there.
///
/// # Safety
///
/// What the mapping covers is not in use: no object lives there, and nobody counts on it being unmapped.
pub(crate) unsafe fn shmat_over(id: i32, address: *mut c_void, flags: c_int) -> io::Result<NonNull<c_void>> {
    // SAFETY: the caller's promise.
    mapped(unsafe { libc::shmat(id, address, flags | SHM_REMAP) })
}

/// What shmat returned; it fails with -1, not with null.
fn mapped(address: *mut c_void) -> io::Result<NonNull<c_void>> {
    if address.addr() == usize::MAX {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(address).ok_or_else(|| io::Error::from_raw_os_error(EINVAL))
}

/// shmdt(2).
///
/// # Safety
///
/// `address` came from shmat, and nothing uses the mapping any more.
pub(crate) unsafe fn shmdt(address: NonNull<c_void>) -> io::Result<()> {
    // SAFETY: the caller's promise.
    checked(unsafe { libc::shmdt(address.as_ptr()) }).map(drop)
}

/// shmctl(2) with IPC_STAT.
pub(crate) fn shm_stat(id: i32) -> io::Result<shmid_ds> {
    let mut stat = MaybeUninit::uninit();
    // SAFETY: IPC_STAT writes one `shmid_ds`, for which there is room.
    checked(unsafe { libc::shmctl(id, libc::IPC_STAT, stat.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, and so filled it in.
    Ok(unsafe { stat.assume_init() })
}

/// shmctl(2) with IPC_SET, which sets owner, group and mode alone.
pub(crate) fn shm_set(id: i32, uid: u32, gid: u32, mode: u16) -> io::Result<()> {
    // SAFETY: a struct of integers, for all of which zero is a value.
    let mut stat: shmid_ds = unsafe { core::mem::zeroed() };
    (stat.shm_perm.uid, stat.shm_perm.gid) = (uid, gid);
    #[allow(clippy::useless_conversion, reason = "u16 on x86_64, u32 on aarch64")]
    {
        stat.shm_perm.mode = mode.into();
    }
    // SAFETY: IPC_SET reads one `shmid_ds`.
    checked(unsafe { libc::shmctl(id, libc::IPC_SET, &raw mut stat) }).map(drop)
}

/// shmctl(2) with a command that takes no argument: IPC_RMID, SHM_LOCK, SHM_UNLOCK.
fn shm_command(id: i32, command: c_int) -> io::Result<()> {
    // SAFETY: the commands of this file's callers ignore the pointer.
    checked(unsafe { libc::shmctl(id, command, core::ptr::null_mut()) }).map(drop)
}

/// shmctl(2) with IPC_RMID.
pub(crate) fn shm_remove(id: i32) -> io::Result<()> {
    shm_command(id, libc::IPC_RMID)
}

/// shmctl(2) with SHM_LOCK.
pub(crate) fn shm_lock(id: i32) -> io::Result<()> {
    shm_command(id, libc::SHM_LOCK)
}

/// shmctl(2) with SHM_UNLOCK.
pub(crate) fn shm_unlock(id: i32) -> io::Result<()> {
    shm_command(id, libc::SHM_UNLOCK)
}

/// madvise(2) with MADV_POPULATE_WRITE or, for a read-only mapping, MADV_POPULATE_READ.
pub(crate) fn populate(start: NonNull<c_void>, len: usize, write: bool) -> io::Result<()> {
    let advice = if write {
        libc::MADV_POPULATE_WRITE
    } else {
        libc::MADV_POPULATE_READ
    };
    // SAFETY: populating touches pages without changing what is in them; a wrong range is an error.
    checked(unsafe { libc::madvise(start.as_ptr(), len, advice) }).map(drop)
}

/// The effective user of this process: whom the kernel checks permissions for.
pub(crate) fn effective_uid() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// The effective group of this process.
pub(crate) fn effective_gid() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::getegid() }
}

/// getpid(2).
pub(crate) fn pid() -> i32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::getpid() }
}

/// Whether there is a process with this pid: kill(2) with signal 0, which sends nothing.
pub(crate) fn process_exists(pid: i32) -> bool {
    // SAFETY: takes numbers only, and no signal is sent.
    let sent = checked(unsafe { libc::kill(pid, 0) });
    // EPERM: there is one, of somebody else.
    sent.err()
        .is_none_or(|error| error.raw_os_error() != Some(libc::ESRCH))
}

/// futex(2) with FUTEX_WAIT, between processes: sleeps while the word is `value`, `timeout` at most. It returns
/// for any reason; the caller looks again.
pub(crate) fn futex_wait(word: &AtomicU32, value: u32, timeout: Duration) {
    let timeout = libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    // SAFETY: the word outlives the call, which only compares it; the time is read during the call.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            value,
            &raw const timeout,
        )
    };
}

/// futex(2) with FUTEX_WAKE, between processes: wakes everybody who sleeps on the word.
pub(crate) fn futex_wake_all(word: &AtomicU32) {
    // SAFETY: the kernel takes the address as the futex's name, and does not access the word.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
}

/// semget(2).
pub(crate) fn semget(key: i32, count: c_int, flags: c_int) -> io::Result<i32> {
    // SAFETY: takes numbers only.
    checked(unsafe { libc::semget(key, count, flags) })
}

/// semtimedop(2): without a time-out, semop(2).
pub(crate) fn semop(id: i32, operations: &[sembuf], timeout: Option<Duration>) -> io::Result<()> {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let timeout = timeout.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    let (operations, count) = (operations.as_ptr(), operations.len());
    // SAFETY: the kernel reads `count` operations, and one time unless it is null, during the call.
    let returned = unsafe { libc::syscall(libc::SYS_semtimedop, id, operations, count, timeout) };
    if returned == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// What semctl(2) tells of one semaphore.
#[derive(Clone, Copy)]
pub(crate) enum SemaphoreFact {
    Value = libc::GETVAL as isize,
    LastPid = libc::GETPID as isize,
    WaitingForMore = libc::GETNCNT as isize,
    WaitingForZero = libc::GETZCNT as isize,
}

/// semctl(2) with GETVAL, GETPID, GETNCNT or GETZCNT.
pub(crate) fn sem_get(id: i32, index: u16, fact: SemaphoreFact) -> io::Result<i32> {
    // SAFETY: these commands take numbers only.
    checked(unsafe { libc::semctl(id, index.into(), fact as c_int) })
}

/// semctl(2) with IPC_STAT.
pub(crate) fn sem_stat(id: i32) -> io::Result<semid_ds> {
    let mut stat = MaybeUninit::<semid_ds>::uninit();
    // SAFETY: IPC_STAT writes one `semid_ds`, for which there is room.
    checked(unsafe { libc::semctl(id, 0, libc::IPC_STAT, stat.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, and so filled it in.
    Ok(unsafe { stat.assume_init() })
}

/// semctl(2) with IPC_SET, which sets owner, group and mode alone.
pub(crate) fn sem_set(id: i32, uid: u32, gid: u32, mode: u16) -> io::Result<()> {
    // SAFETY: a struct of integers, for all of which zero is a value.
    let mut stat: semid_ds = unsafe { core::mem::zeroed() };
    set_permissions(&mut stat.sem_perm, uid, gid, mode);
    // SAFETY: IPC_SET reads one `semid_ds`.
    checked(unsafe { libc::semctl(id, 0, libc::IPC_SET, &raw mut stat) }).map(drop)
}

/// semctl(2) with IPC_RMID.
pub(crate) fn sem_remove(id: i32) -> io::Result<()> {
    // SAFETY: IPC_RMID takes numbers only.
    checked(unsafe { libc::semctl(id, 0, libc::IPC_RMID) }).map(drop)
}

/// msgget(2).
pub(crate) fn msgget(key: i32, flags: c_int) -> io::Result<i32> {
    // SAFETY: takes numbers only.
    checked(unsafe { libc::msgget(key, flags) })
}

/// msgsnd(2).
///
/// # Safety
///
/// `message` is readable for a `long`, the type, and `size` bytes behind it, all initialised.
pub(crate) unsafe fn msgsnd(id: i32, message: *const c_void, size: usize, flags: c_int) -> io::Result<()> {
    // SAFETY: the caller's promise.
    checked(unsafe { libc::msgsnd(id, message, size, flags) }).map(drop)
}

/// msgrcv(2): how many bytes there are behind the type.
///
/// # Safety
///
/// `message` is writable for a `long`, the type, and `size` bytes behind it.
pub(crate) unsafe fn msgrcv(
    id: i32,
    message: *mut c_void,
    size: usize,
    select: c_long,
    flags: c_int,
) -> io::Result<usize> {
    // SAFETY: the caller's promise.
    let received = unsafe { libc::msgrcv(id, message, size, select, flags) };
    // Negative on failure alone.
    usize::try_from(received).map_err(|_| io::Error::last_os_error())
}

/// msgctl(2) with IPC_STAT.
pub(crate) fn msg_stat(id: i32) -> io::Result<msqid_ds> {
    let mut stat = MaybeUninit::uninit();
    // SAFETY: IPC_STAT writes one `msqid_ds`, for which there is room.
    checked(unsafe { libc::msgctl(id, libc::IPC_STAT, stat.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, and so filled it in.
    Ok(unsafe { stat.assume_init() })
}

/// msgctl(2) with IPC_SET, which sets owner, group, mode and the limit of the queue's bytes.
pub(crate) fn msg_set(id: i32, uid: u32, gid: u32, mode: u16, limit: u64) -> io::Result<()> {
    // SAFETY: a struct of integers, for all of which zero is a value.
    let mut stat: msqid_ds = unsafe { core::mem::zeroed() };
    set_permissions(&mut stat.msg_perm, uid, gid, mode);
    stat.msg_qbytes = limit;
    // SAFETY: IPC_SET reads one `msqid_ds`.
    checked(unsafe { libc::msgctl(id, libc::IPC_SET, &raw mut stat) }).map(drop)
}

/// msgctl(2) with IPC_RMID.
pub(crate) fn msg_remove(id: i32) -> io::Result<()> {
    // SAFETY: IPC_RMID ignores the pointer.
    checked(unsafe { libc::msgctl(id, libc::IPC_RMID, core::ptr::null_mut()) }).map(drop)
}

fn set_permissions(permissions: &mut libc::ipc_perm, uid: u32, gid: u32, mode: u16) {
    (permissions.uid, permissions.gid) = (uid, gid);
    #[allow(clippy::useless_conversion, reason = "u16 on x86_64, u32 on aarch64")]
    {
        permissions.mode = mode.into();
    }
}

/// futex(2) between processes, and the identity of threads: for the types of `sync`.
///
/// The memory may be shared with processes that are up to anything, so no answer of these calls is a proof of
/// what the word holds.
#[cfg(not(loom))]
pub(crate) mod futex {
    use core::ffi::{c_int, c_long};
    use core::ptr;
    use core::sync::atomic::AtomicU32;
    use core::time::Duration;
    use std::io;

    pub(crate) use libc::{
        EAGAIN, EDEADLK, EINTR, EINVAL, ENOSYS, EPERM, ESRCH, ETIMEDOUT, FUTEX_OWNER_DIED, FUTEX_TID_MASK,
        FUTEX_WAITERS,
    };

    use super::checked;

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
            tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
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
            Err(error) if error.raw_os_error() == Some(ENOSYS) => lock_pi_realtime(word, deadline),
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
        // SAFETY: the word outlives the call and is accessed by atomics alone; the time is read during the call.
        called(unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, 0, &raw const deadline) })
    }

    /// FUTEX_TRYLOCK_PI: acquires the lock if that needs no waiting.
    pub(crate) fn try_lock_pi(word: &AtomicU32) -> io::Result<()> {
        // SAFETY: the word outlives the call and is accessed by atomics alone.
        called(unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_TRYLOCK_PI) })
    }

    /// FUTEX_UNLOCK_PI: gives the lock to whoever has waited longest for it.
    pub(crate) fn unlock_pi(word: &AtomicU32) -> io::Result<()> {
        // SAFETY: the word outlives the call and is accessed by atomics alone.
        called(unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_UNLOCK_PI) })
    }

    /// FUTEX_WAIT_BITSET: sleeps while the word is `value`, at most until `deadline`. The mapping may be read-only.
    pub(crate) fn wait(word: &AtomicU32, value: u32, deadline: Option<Duration>) -> io::Result<()> {
        let deadline = deadline.map(timespec);
        let deadline = deadline.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: the word outlives the call, which only compares it; the time, if any, lives until the end of this
        // function.
        called(unsafe {
            libc::syscall(
                libc::SYS_futex,
                word.as_ptr(),
                libc::FUTEX_WAIT_BITSET,
                value,
                deadline,
                ptr::null::<u32>(),
                libc::FUTEX_BITSET_MATCH_ANY,
            )
        })
    }

    /// FUTEX_WAKE_OP: adds one to the word and wakes `count` of those who sleep on it, in one call, between whose
    /// two parts no signal can kill this process.
    pub(crate) fn add_one_and_wake(word: &AtomicU32, count: c_int) {
        // Beyond `count`, one more is woken if the old value was u32::MAX: the operation has to compare something.
        let add_one = libc::FUTEX_OP(libc::FUTEX_OP_ADD, 1, libc::FUTEX_OP_CMP_EQ, -1);
        // SAFETY: the word outlives the call and is accessed by atomics alone. The fourth argument is a number here.
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
        // It fails for an address that is not mapped or not writable, and this is a mapped, writable one.
        debug_assert!(woken >= 0, "FUTEX_WAKE_OP: {}", io::Error::last_os_error());
    }

    /// gettid(2).
    pub(crate) fn thread_id() -> u32 {
        // SAFETY: takes nothing and cannot fail.
        unsafe { libc::gettid() }.unsigned_abs()
    }

    /// Whether there is a process with this pid: kill(2) with signal 0, which sends nothing.
    pub(crate) fn process_exists(pid: i32) -> bool {
        // SAFETY: takes numbers only, and no signal is sent.
        let sent = checked(unsafe { libc::kill(pid, 0) });
        // EPERM: there is one, of somebody else.
        sent.err().is_none_or(|error| error.raw_os_error() != Some(ESRCH))
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
}
