//! Every call into libc, one function a call: arguments typed, errors as `errno` in an `io::Error`.

use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use std::io;

#[cfg_attr(loom, allow(dead_code, unused_imports, reason = "the model checker has a kernel of its own"))]
pub(crate) mod futex;
mod guarded;
pub(crate) mod ipc;
pub(crate) mod limits;
pub(crate) mod liveness;
pub(crate) mod lock;
#[cfg_attr(loom, allow(dead_code, reason = "the model checker has a kernel of its own"))]
pub(crate) mod membarrier;
pub(crate) mod pidfd;
pub(crate) mod proc;
pub(crate) mod process;
pub(crate) mod refused;
pub(crate) mod user;

pub(crate) use libc::{
    EACCES, EEXIST, EIDRM, EINVAL, ENFILE, ENOENT, ENOMEM, ENOSPC, ENOSYS, EPERM, IPC_CREAT, IPC_EXCL,
    IPC_PRIVATE, SHM_HUGETLB, SHM_NORESERVE, SHM_RDONLY, SHM_REMAP,
};
pub(crate) use libc::{ipc_perm, shmid_ds};

/// What a call that returns -1 on failure returned.
fn checked(returned: c_int) -> io::Result<c_int> {
    if returned == -1 { Err(io::Error::last_os_error()) } else { Ok(returned) }
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
/// What the mapping covers is not in use: no object lives there, and no code counts on it being unmapped.
pub(crate) unsafe fn shmat_over(id: i32, address: *mut c_void, flags: c_int) -> io::Result<NonNull<c_void>> {
    // SAFETY: with SHM_REMAP, shmat(2) replaces what is mapped from `address` on, for the size of the segment. By the
    // caller, no object lives there, so none loses its memory; and no code counts on the range being unmapped, so
    // none maps something there itself.
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
    // SAFETY: shmdt(2) unmaps the segment attached at `address`, which by the caller came from shmat; nothing uses
    // the mapping any more, so no reference or pointer into it is dereferenced after it.
    checked(unsafe { libc::shmdt(address.as_ptr()) }).map(drop)
}

/// Whether the mapping that begins at `address`, where shmat returned it, is made of huge pages. (As Linux 5.16 and later
/// tell; earlier ones do not.)
///
/// Most mappings are not, as their address says: the kernel is not asked. It says so by what no mapping of huge pages
/// can have done to its second page of the usual size, mremap(2): EINVAL. Other mappings stay as they are, because
/// their length does: so does what may be mapped after a mapping of one page.
pub(crate) fn is_of_huge_pages(address: NonNull<c_void>) -> bool {
    // The smallest huge page of this processor's kind; ARM and RISC-V make some of 16 pages.
    const SMALLEST: usize = if cfg!(target_arch = "x86_64") { 2 << 20 } else { 64 << 10 };
    if !address.addr().get().is_multiple_of(SMALLEST) {
        return false;
    }
    let page = page_size();
    let second = address.as_ptr().wrapping_byte_add(page);
    // SAFETY: with the same length before and after, and without a flag, mremap moves nothing and unmaps nothing,
    // whatever is mapped there.
    let moved = unsafe { libc::mremap(second, page, page, 0) };
    moved == libc::MAP_FAILED && io::Error::last_os_error().raw_os_error() == Some(EINVAL)
}

/// Bytes of a page of the usual size: sysconf(3).
pub(crate) fn page_size() -> usize {
    // SAFETY: takes a number only.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// shmctl(2) with IPC_STAT.
pub(crate) fn shm_stat(id: i32) -> io::Result<shmid_ds> {
    let mut stat = MaybeUninit::uninit();
    // SAFETY: IPC_STAT writes one `shmid_ds`, for which there is room.
    checked(unsafe { libc::shmctl(id, libc::IPC_STAT, stat.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, and so filled it in.
    Ok(unsafe { stat.assume_init() })
}

/// Of linux/shm.h.
const SHM_STAT_ANY: c_int = 15;

/// The segment at this place of the kernel's table, and its id: shmctl(2) with SHM_STAT_ANY, which takes no permission
/// (Linux 4.17).
pub(crate) fn shm_stat_at(index: i32) -> io::Result<(i32, shmid_ds)> {
    let mut stat = MaybeUninit::uninit();
    // SAFETY: SHM_STAT_ANY writes one `shmid_ds`, for which there is room.
    let id = checked(unsafe { libc::shmctl(index, SHM_STAT_ANY, stat.as_mut_ptr()) })?;
    // SAFETY: the call succeeded, and so filled it in.
    Ok((id, unsafe { stat.assume_init() }))
}

/// shmctl(2) with IPC_SET, which sets owner, group and mode only.
pub(crate) fn shm_set(id: i32, uid: u32, gid: u32, mode: u16) -> io::Result<()> {
    // SAFETY: a struct of integers, for all of which zero is a value.
    let mut stat: shmid_ds = unsafe { core::mem::zeroed() };
    set_permissions(&mut stat.shm_perm, uid, gid, mode);
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
    let advice = if write { libc::MADV_POPULATE_WRITE } else { libc::MADV_POPULATE_READ };
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
fn pid() -> i32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::getpid() }
}

/// Whether there is a process with this pid: tgkill(2) with signal 0, which sends nothing. The id of a thread, other than
/// the first of its process, is none's pid.
pub(crate) fn process_exists(pid: i32) -> bool {
    // SAFETY: takes numbers only, and no signal is sent.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, pid, pid, 0) };
    // EPERM: there is one, of another user.
    sent == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

/// Time since boot, in this process's time namespace: CLOCK_BOOTTIME.
pub(crate) fn since_boot() -> core::time::Duration {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: writes one `timespec`, for which there is room.
    if unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, time.as_mut_ptr()) } != 0 {
        return core::time::Duration::ZERO;
    }
    // SAFETY: the call succeeded, and so filled it in.
    let time = unsafe { time.assume_init() };
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    core::time::Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

/// Owner, group and mode, for IPC_SET.
fn set_permissions(permissions: &mut libc::ipc_perm, uid: u32, gid: u32, mode: u16) {
    (permissions.uid, permissions.gid) = (uid, gid);
    #[allow(clippy::useless_conversion, reason = "u16 on x86_64, u32 on aarch64")]
    {
        permissions.mode = mode.into();
    }
}
