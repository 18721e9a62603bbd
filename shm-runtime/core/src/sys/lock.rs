//! Locks on single bytes of a file: fcntl(2), of open file descriptions. The kernel releases them when the last
//! descriptor is closed, so also when the process dies.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

use super::checked;

/// One byte; the file need not have it.
fn byte(kind: libc::c_int, at: u32) -> libc::flock {
    // SAFETY: a struct of integers, for all of which zero is a value.
    let mut lock: libc::flock = unsafe { core::mem::zeroed() };
    // 0, 1 or 2; SEEK_SET is 0.
    lock.l_type = i16::try_from(kind).unwrap_or_default();
    (lock.l_start, lock.l_len) = (at.into(), 1);
    lock
}

fn set(file: &File, kind: libc::c_int, at: u32) -> io::Result<()> {
    let lock = byte(kind, at);
    // SAFETY: the kernel reads one `flock`.
    checked(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) }).map(drop)
}

/// F_OFD_SETLK with F_RDLCK: a lock that others may have at the same time. The file has to be open for reading.
pub(crate) fn share(file: &File, at: u32) -> io::Result<()> {
    set(file, libc::F_RDLCK, at)
}

/// F_OFD_SETLK with F_UNLCK: also for the children that have the open file.
pub(crate) fn release(file: &File, at: u32) -> io::Result<()> {
    set(file, libc::F_UNLCK, at)
}

/// F_OFD_GETLK with F_WRLCK: whether the byte is locked through any other open file.
pub(crate) fn is_locked(file: &File, at: u32) -> io::Result<bool> {
    let mut lock = byte(libc::F_WRLCK, at);
    // SAFETY: the kernel reads and writes one `flock`.
    checked(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) })?;
    Ok(i32::from(lock.l_type) != libc::F_UNLCK)
}
