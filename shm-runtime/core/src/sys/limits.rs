//! The limits of System V objects and how many there are: shmctl(2), semctl(2) and msgctl(2) with IPC_INFO and its like.
//! They need no /proc, which a chroot may not have.

use core::ffi::{c_int, c_ulong, c_ushort, c_void};
use core::mem::MaybeUninit;
use std::io;

use super::checked;
use super::proc::sysctl;

/// `struct shminfo` of shmctl(2).
#[repr(C)]
#[derive(Clone, Copy)]
struct SegmentLimits {
    shmmax: c_ulong,
    shmmin: c_ulong,
    shmmni: c_ulong,
    shmseg: c_ulong,
    shmall: c_ulong,
    reserved: [c_ulong; 4],
}

/// `struct shm_info` of shmctl(2).
#[repr(C)]
#[derive(Clone, Copy)]
struct SegmentUse {
    used_ids: c_int,
    /// Of all segments, present or not.
    pages: c_ulong,
    present: [c_ulong; 2],
    swap: [c_ulong; 2],
}

/// `struct seminfo` of semctl(2).
#[repr(C)]
#[derive(Clone, Copy)]
struct SemaphoreInfo {
    semmap: c_int,
    semmni: c_int,
    semmns: c_int,
    semmnu: c_int,
    semmsl: c_int,
    semopm: c_int,
    semume: c_int,
    /// With SEM_INFO, how many sets there are.
    semusz: c_int,
    semvmx: c_int,
    /// With SEM_INFO, how many semaphores there are in all sets.
    semaem: c_int,
}

/// `struct msginfo` of msgctl(2).
#[repr(C)]
#[derive(Clone, Copy)]
struct QueueLimits {
    /// With MSG_INFO, how many queues there are.
    msgpool: c_int,
    msgmap: c_int,
    msgmax: c_int,
    msgmnb: c_int,
    msgmni: c_int,
    msgssz: c_int,
    msgtql: c_int,
    msgseg: c_ushort,
}

const IPC_INFO: c_int = 3;
const MSG_INFO: c_int = 12;
const SHM_INFO: c_int = 14;
const SEM_INFO: c_int = 19;

/// shmctl(2) with IPC_INFO.
fn of_segments() -> io::Result<SegmentLimits> {
    // SAFETY: IPC_INFO writes one `struct shminfo`.
    unsafe { filled(|to: *mut SegmentLimits| libc::shmctl(0, IPC_INFO, to.cast())) }
}

/// What there is of a kind.
#[derive(Clone, Copy)]
pub(crate) struct Used {
    pub(crate) objects: u64,
    /// The pages of all segments, or the semaphores of all sets.
    pub(crate) parts: u64,
}

/// Segments, and their pages: shmctl(2) with SHM_INFO.
pub(crate) fn segments() -> io::Result<Used> {
    // SAFETY: SHM_INFO writes one `struct shm_info`.
    let info = unsafe { filled(|to: *mut SegmentUse| libc::shmctl(0, SHM_INFO, to.cast())) }?;
    Ok(Used { objects: count(info.used_ids), parts: info.pages })
}

/// semctl(2) with IPC_INFO.
fn of_semaphores() -> io::Result<SemaphoreInfo> {
    // SAFETY: IPC_INFO writes one `struct seminfo`.
    unsafe { filled(|to: *mut SemaphoreInfo| libc::semctl(0, 0, IPC_INFO, to.cast::<c_void>())) }
}

/// Sets, and their semaphores: semctl(2) with SEM_INFO.
pub(crate) fn semaphores() -> io::Result<Used> {
    // SAFETY: SEM_INFO writes one `struct seminfo`.
    let info = unsafe { filled(|to: *mut SemaphoreInfo| libc::semctl(0, 0, SEM_INFO, to.cast::<c_void>())) }?;
    Ok(Used { objects: count(info.semusz), parts: count(info.semaem) })
}

/// How many queues there are: msgctl(2) with MSG_INFO.
pub(crate) fn queues() -> io::Result<u64> {
    // SAFETY: MSG_INFO writes one `struct msginfo`.
    let info = unsafe { filled(|to: *mut QueueLimits| libc::msgctl(0, MSG_INFO, to.cast())) }?;
    Ok(count(info.msgpool))
}

fn count(number: c_int) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// msgctl(2) with IPC_INFO.
fn of_queues() -> io::Result<QueueLimits> {
    // SAFETY: IPC_INFO writes one `struct msginfo`.
    unsafe { filled(|to: *mut QueueLimits| libc::msgctl(0, IPC_INFO, to.cast())) }
}

/// The last place that is in use in the kernel's table of segments; 0 also if none is: shmctl(2) with IPC_INFO.
pub(crate) fn last_segment() -> io::Result<i32> {
    let mut info = MaybeUninit::<SegmentLimits>::uninit();
    // SAFETY: IPC_INFO writes one `struct shminfo`, for which there is room.
    checked(unsafe { libc::shmctl(0, IPC_INFO, info.as_mut_ptr().cast()) })
}

/// The same of semaphore sets: semctl(2).
pub(crate) fn last_set() -> io::Result<i32> {
    let mut info = MaybeUninit::<SemaphoreInfo>::uninit();
    // SAFETY: IPC_INFO writes one `struct seminfo`, for which there is room.
    checked(unsafe { libc::semctl(0, 0, IPC_INFO, info.as_mut_ptr().cast::<c_void>()) })
}

/// The same of queues: msgctl(2).
pub(crate) fn last_queue() -> io::Result<i32> {
    let mut info = MaybeUninit::<QueueLimits>::uninit();
    // SAFETY: IPC_INFO writes one `struct msginfo`, for which there is room.
    checked(unsafe { libc::msgctl(0, IPC_INFO, info.as_mut_ptr().cast()) })
}

/// A limit, by the name that errors have for it.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    /// As sysctl(8) has it; of semaphores, which have four in one sysctl, as semget(2) has it.
    pub(crate) name: &'static str,
    value: fn() -> Option<u64>,
}

impl Limit {
    /// Its value, if it can be asked for.
    pub(crate) fn value(self) -> Option<u64> {
        (self.value)()
    }
}

macro_rules! limits {
    ($($(#[$doc:meta])* $limit:ident = $name:literal, $of:ident . $field:ident;)*) => {$(
        $(#[$doc])*
        pub(crate) const $limit: Limit =
            Limit { name: $name, value: || u64::try_from($of().ok()?.$field).ok() };
    )*};
}
limits! {
    /// Bytes of a segment.
    SHMMAX = "kernel.shmmax", of_segments.shmmax;
    /// Pages of all segments.
    SHMALL = "kernel.shmall", of_segments.shmall;
    /// Segments.
    SHMMNI = "kernel.shmmni", of_segments.shmmni;
    /// Semaphores of a set.
    SEMMSL = "SEMMSL", of_semaphores.semmsl;
    /// Semaphores of all sets.
    SEMMNS = "SEMMNS", of_semaphores.semmns;
    /// Operations of a semop(2).
    SEMOPM = "SEMOPM", of_semaphores.semopm;
    /// Sets.
    SEMMNI = "SEMMNI", of_semaphores.semmni;
    /// Bytes of a message.
    MSGMAX = "kernel.msgmax", of_queues.msgmax;
    /// Bytes of a new queue.
    MSGMNB = "kernel.msgmnb", of_queues.msgmnb;
    /// Queues.
    MSGMNI = "kernel.msgmni", of_queues.msgmni;
}

/// The four numbers of `sysctl kernel.sem`, in their order.
pub(crate) const SEMAPHORE_LIMITS: [&str; 4] = [SEMMSL.name, SEMMNS.name, SEMOPM.name, SEMMNI.name];

/// Open files of the system, of which each segment is one.
pub(crate) const FILE_MAX: Limit = Limit { name: "fs.file-max", value: || sysctl("fs/file-max") };

/// The group that may use huge pages without CAP_IPC_LOCK.
pub(crate) fn huge_pages_group() -> Option<u32> {
    sysctl("vm/hugetlb_shm_group")
}

/// The bytes that this process may lock, if there is a limit.
pub(crate) const MEMLOCK: Limit = Limit { name: "RLIMIT_MEMLOCK", value: locked_memory };

/// The soft limit of locked memory, in bytes; `None` if there is none: getrlimit(2) with RLIMIT_MEMLOCK.
fn locked_memory() -> Option<u64> {
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
    let mut info = MaybeUninit::uninit();
    checked(call(info.as_mut_ptr()))?;
    // SAFETY: `checked` has returned on -1. Any other result, by the caller, means that the call has filled in
    // `info`: it is initialised, and a valid `T`.
    Ok(unsafe { info.assume_init() })
}
