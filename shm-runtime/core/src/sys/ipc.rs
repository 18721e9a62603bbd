//! semget(2), msgget(2) and their kin.

use core::ffi::{c_int, c_long, c_void};
use core::mem::MaybeUninit;
use core::time::Duration;
use std::io;

pub(crate) use libc::sembuf;
pub(crate) use libc::{
    E2BIG, EAGAIN, EFAULT, EINTR, ENOMSG, ENOSYS, ERANGE, IPC_NOWAIT, MSG_COPY, MSG_EXCEPT, SEM_UNDO,
};

use super::guarded::Guarded;
use super::objects::{MsqidDs, SemidDs};
use super::{checked, set_permissions};

/// Of linux/sem.h and linux/msg.h.
const SEM_STAT_ANY: c_int = 20;
const MSG_STAT_ANY: c_int = 13;

/// semget(2).
pub(crate) fn semget(key: i32, count: c_int, flags: c_int) -> io::Result<i32> {
    // SAFETY: takes numbers only.
    checked(unsafe { libc::semget(key, count, flags) })
}

/// semtimedop(2): without a time-out, semop(2).
pub(crate) fn semop(id: i32, operations: &[sembuf], timeout: Option<Duration>) -> io::Result<()> {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
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

/// semctl(2) with SETVAL.
pub(crate) fn sem_set_value(id: i32, index: u16, value: u16) -> io::Result<()> {
    // SAFETY: SETVAL takes numbers only.
    checked(unsafe { libc::semctl(id, index.into(), libc::SETVAL, c_int::from(value)) }).map(drop)
}

/// semctl(2) with GETALL: the values of a set of `N`. EFAULT if the set has more semaphores by now, `None` if fewer.
pub(crate) fn sem_get_all<const N: usize>(id: i32) -> io::Result<Option<[u16; N]>> {
    // No semaphore has such a value.
    const MISSING: u16 = u16::MAX;
    let room = Guarded::new(N, |_| MISSING)?;
    // SAFETY: GETALL writes one `unsigned short` for each semaphore of the set, which may be more than there is room for:
    // then the kernel comes to the page after the room, and stops.
    checked(unsafe { libc::semctl(id, 0, libc::GETALL, room.as_ptr()) })?;
    let values = core::array::from_fn(|index| room.get(index).unwrap_or(MISSING));
    Ok((!values.contains(&MISSING)).then_some(values))
}

/// semctl(2) with SETALL. EFAULT, and nothing is set, if the set has more semaphores than these by now.
pub(crate) fn sem_set_all(id: i32, values: &[u16]) -> io::Result<()> {
    let room = Guarded::new(values.len(), |index| values[index])?;
    // SAFETY: SETALL reads one `unsigned short` for each semaphore of the set, which may be more than there are: then the
    // kernel comes to the page after them, and stops.
    checked(unsafe { libc::semctl(id, 0, libc::SETALL, room.as_ptr()) }).map(drop)
}

/// semctl(2) with IPC_STAT.
pub(crate) fn sem_stat(id: i32) -> io::Result<SemidDs> {
    let mut stat = MaybeUninit::<SemidDs>::uninit();
    // SAFETY: IPC_STAT writes one `semid_ds`, for which there is room.
    checked(unsafe { libc::semctl(id, 0, libc::IPC_STAT, stat.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, and so filled it in.
    Ok(unsafe { stat.assume_init() })
}

/// The places in the kernel's table that an id can mean: ids have a sequence number above 15 bits, or above 24 (the kernel's
/// parameter `ipcmni_extend`).
fn indices(id: i32) -> [i32; 2] {
    [id & 0x7fff, id & 0xff_ffff]
}

/// The set at this place of the kernel's table, and its id: semctl(2) with SEM_STAT_ANY, which takes no permission (Linux
/// 4.17).
pub(crate) fn sem_stat_at(index: i32) -> io::Result<(i32, SemidDs)> {
    let mut stat = MaybeUninit::<SemidDs>::uninit();
    // SAFETY: SEM_STAT_ANY writes one `semid_ds`, for which there is room.
    let id = checked(unsafe { libc::semctl(index, 0, SEM_STAT_ANY, stat.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, and so filled it in.
    Ok((id, unsafe { stat.assume_init() }))
}

/// The queue at this place of the kernel's table, and its id: msgctl(2) with MSG_STAT_ANY, which takes no permission (Linux
/// 4.17).
pub(crate) fn msg_stat_at(index: i32) -> io::Result<(i32, MsqidDs)> {
    let mut stat = MaybeUninit::<MsqidDs>::uninit();
    // SAFETY: MSG_STAT_ANY writes one `msqid_ds`, for which there is room.
    let id = checked(unsafe { libc::msgctl(index, MSG_STAT_ANY, stat.as_mut_ptr().cast()) })?;
    // SAFETY: the call succeeded, and so filled it in.
    Ok((id, unsafe { stat.assume_init() }))
}

/// What `at` finds of the object with this id.
pub(crate) fn by_index<S>(id: i32, at: impl Fn(i32) -> io::Result<(i32, S)>) -> io::Result<S> {
    let found = indices(id).into_iter().find_map(|index| at(index).ok().filter(|(found, _)| *found == id));
    found.map(|(_, stat)| stat).ok_or_else(|| io::Error::from_raw_os_error(super::EINVAL))
}

/// semctl(2) with IPC_SET, which sets owner, group and mode only.
pub(crate) fn sem_set(id: i32, uid: u32, gid: u32, mode: u16) -> io::Result<()> {
    // SAFETY: a struct of integers, for all of which zero is a value.
    let mut stat: SemidDs = unsafe { core::mem::zeroed() };
    set_permissions(&mut stat.perm, uid, gid, mode);
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
/// `message` is readable for a `long`, the type, and `size` bytes after it, all initialised.
pub(crate) unsafe fn msgsnd(id: i32, message: *const c_void, size: usize, flags: c_int) -> io::Result<()> {
    // SAFETY: msgsnd(2) reads a `long` and the `size` bytes after it, during the call only: the caller says that
    // these are readable and initialised. The other arguments are numbers.
    checked(unsafe { libc::msgsnd(id, message, size, flags) }).map(drop)
}

/// msgrcv(2): how many bytes there are after the type. (With MSG_COPY, the kernel reads the room too, and gives what it read
/// to nobody: it need not be initialised.)
///
/// # Safety
///
/// `message` is writable for a `long`, the type, and `size` bytes after it.
pub(crate) unsafe fn msgrcv(
    id: i32,
    message: *mut c_void,
    size: usize,
    select: c_long,
    flags: c_int,
) -> io::Result<usize> {
    // SAFETY: msgrcv(2) writes a `long` and at most `size` bytes after it, during the call only: the caller says that
    // these are writable. The other arguments are numbers.
    let received = unsafe { libc::msgrcv(id, message, size, select, flags) };
    // Negative only on failure.
    usize::try_from(received).map_err(|_| io::Error::last_os_error())
}

/// msgctl(2) with IPC_STAT.
pub(crate) fn msg_stat(id: i32) -> io::Result<MsqidDs> {
    let mut stat = MaybeUninit::<MsqidDs>::uninit();
    // SAFETY: IPC_STAT writes one `msqid_ds`, for which there is room.
    checked(unsafe { libc::msgctl(id, libc::IPC_STAT, stat.as_mut_ptr().cast()) })?;
    // SAFETY: the call succeeded, and so filled it in.
    Ok(unsafe { stat.assume_init() })
}

/// msgctl(2) with IPC_SET, which sets owner, group, mode and the limit of the queue's bytes.
pub(crate) fn msg_set(id: i32, uid: u32, gid: u32, mode: u16, limit: u64) -> io::Result<()> {
    // SAFETY: a struct of integers, for all of which zero is a value.
    let mut stat: MsqidDs = unsafe { core::mem::zeroed() };
    set_permissions(&mut stat.perm, uid, gid, mode);
    stat.qbytes = limit;
    // SAFETY: IPC_SET reads one `msqid_ds`.
    checked(unsafe { libc::msgctl(id, libc::IPC_SET, (&raw mut stat).cast()) }).map(drop)
}

/// msgctl(2) with IPC_RMID.
pub(crate) fn msg_remove(id: i32) -> io::Result<()> {
    // SAFETY: IPC_RMID ignores the pointer.
    checked(unsafe { libc::msgctl(id, libc::IPC_RMID, core::ptr::null_mut()) }).map(drop)
}
