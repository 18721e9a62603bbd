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
