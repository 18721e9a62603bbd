//! The limits of System V objects and how many there are: shmctl(2), semctl(2) and msgctl(2) with IPC_INFO and its like.
//! They need no /proc, which a chroot may not have.

use core::ffi::{c_int, c_ulong, c_ushort, c_void};
use core::mem::MaybeUninit;
use std::io;

use super::checked;

/// `struct shminfo` of shmctl(2).
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct SegmentLimits {
    pub(crate) shmmax: c_ulong,
    shmmin: c_ulong,
    pub(crate) shmmni: c_ulong,
    shmseg: c_ulong,
    pub(crate) shmall: c_ulong,
    reserved: [c_ulong; 4],
}

/// `struct shm_info` of shmctl(2).
#[repr(C)]
#[derive(Clone, Copy)]
struct SegmentUse {
    used_ids: c_int,
    pages: [c_ulong; 3],
    swap: [c_ulong; 2],
}

/// `struct seminfo` of semctl(2).
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct SemaphoreInfo {
    semmap: c_int,
    pub(crate) semmni: c_int,
    pub(crate) semmns: c_int,
    semmnu: c_int,
    pub(crate) semmsl: c_int,
    pub(crate) semopm: c_int,
    semume: c_int,
    semusz: c_int,
    semvmx: c_int,
    /// With SEM_INFO, how many semaphores there are in all sets.
    semaem: c_int,
}

/// `struct msginfo` of msgctl(2).
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct QueueLimits {
    msgpool: c_int,
    msgmap: c_int,
    pub(crate) msgmax: c_int,
    pub(crate) msgmnb: c_int,
    pub(crate) msgmni: c_int,
    msgssz: c_int,
    msgtql: c_int,
    msgseg: c_ushort,
}

const IPC_INFO: c_int = 3;
const SHM_INFO: c_int = 14;
const SEM_INFO: c_int = 19;

/// shmctl(2) with IPC_INFO.
pub(crate) fn of_segments() -> io::Result<SegmentLimits> {
    // SAFETY: IPC_INFO writes one `struct shminfo`.
    unsafe { filled(|to: *mut SegmentLimits| libc::shmctl(0, IPC_INFO, to.cast())) }
}

/// How many segments there are: shmctl(2) with SHM_INFO.
pub(crate) fn segments() -> io::Result<u64> {
    // SAFETY: SHM_INFO writes one `struct shm_info`.
    let layout = unsafe { filled(|to: *mut SegmentUse| libc::shmctl(0, SHM_INFO, to.cast())) }?;
    Ok(u64::try_from(layout.used_ids).unwrap_or(0))
}

/// semctl(2) with IPC_INFO.
pub(crate) fn of_semaphores() -> io::Result<SemaphoreInfo> {
    // SAFETY: IPC_INFO writes one `struct seminfo`.
    unsafe { filled(|to: *mut SemaphoreInfo| libc::semctl(0, 0, IPC_INFO, to.cast::<c_void>())) }
}

/// How many semaphores there are, in all sets: semctl(2) with SEM_INFO.
pub(crate) fn semaphores() -> io::Result<usize> {
    // SAFETY: SEM_INFO writes one `struct seminfo`.
    let layout =
        unsafe { filled(|to: *mut SemaphoreInfo| libc::semctl(0, 0, SEM_INFO, to.cast::<c_void>())) }?;
    Ok(usize::try_from(layout.semaem).unwrap_or(0))
}

/// msgctl(2) with IPC_INFO.
pub(crate) fn of_queues() -> io::Result<QueueLimits> {
    // SAFETY: IPC_INFO writes one `struct msginfo`.
    unsafe { filled(|to: *mut QueueLimits| libc::msgctl(0, IPC_INFO, to.cast())) }
}

/// The soft limit of locked memory, in bytes; `None` if there is none: getrlimit(2) with RLIMIT_MEMLOCK.
pub(crate) fn locked_memory() -> Option<u64> {
    // SAFETY: writes one `rlimit`.
    let limit = unsafe { filled(|to: *mut libc::rlimit| libc::getrlimit(libc::RLIMIT_MEMLOCK, to)) }.ok()?;
    (limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// What a call writes, if it succeeds.
///
/// # Safety
///
/// A `call` that does not return -1 has filled in what it was given the place of.
unsafe fn filled<T>(call: impl FnOnce(*mut T) -> c_int) -> io::Result<T> {
    let mut layout = MaybeUninit::uninit();
    checked(call(layout.as_mut_ptr()))?;
    // SAFETY: the caller's promise.
    Ok(unsafe { layout.assume_init() })
}
