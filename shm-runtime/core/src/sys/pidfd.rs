//! A process held by a file descriptor, which means no later process with its pid: pidfd_open(2), Linux 5.3.

use core::ffi::c_int;
use core::mem::MaybeUninit;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;

use super::checked;

/// The type of the file system that pidfds are on since Linux 6.9, PIDFS_MAGIC: "PIDF".
const PIDFS: u64 = 0x5049_4446;

/// PIDFD_GET_PID_NAMESPACE: `_IO(0xff, 5)`.
const GET_PID_NAMESPACE: u64 = 0xff05;

/// A process, running or not waited for yet.
pub(crate) struct Pidfd(File);

impl Pidfd {
    /// Of the process with this pid in the caller's pid namespace.
    pub(crate) fn open(pid: i32) -> io::Result<Self> {
        // SAFETY: takes numbers only.
        let returned = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        Ok(Self(owned(returned)?.into()))
    }

    /// A number that the kernel gives to no other process until it is booted anew; `None` before Linux 6.9, where all
    /// pidfds have the same inode.
    pub(crate) fn inode(&self) -> Option<u64> {
        let mut stat = MaybeUninit::<libc::statfs>::uninit();
        // SAFETY: writes one `statfs`, for which there is room.
        checked(unsafe { libc::fstatfs(self.0.as_raw_fd(), stat.as_mut_ptr()) }).ok()?;
        // SAFETY: the call succeeded, and so filled it in.
        let kind = unsafe { stat.assume_init() }.f_type;
        if u64::try_from(kind) != Ok(PIDFS) {
            return None;
        }
        self.0.metadata().ok().map(|metadata| metadata.ino())
    }

    /// Whether all its threads have ended: of a process of which only the first thread has ended, it is false.
    pub(crate) fn has_ended(&self) -> bool {
        let mut poll = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: reads and writes one `pollfd`, and does not wait.
        let ready = checked(unsafe { libc::poll(&raw mut poll, 1, 0) });
        matches!(ready, Ok(1)) && poll.revents & libc::POLLIN != 0
    }

    /// The inode of its pid namespace (Linux 6.11).
    pub(crate) fn pid_namespace(&self) -> io::Result<u64> {
        // SAFETY: the call takes no argument.
        let returned = unsafe { libc::ioctl(self.0.as_raw_fd(), GET_PID_NAMESPACE as _) };
        let namespace: File = owned(returned.into())?.into();
        Ok(namespace.metadata()?.ino())
    }
}

/// The descriptor that a call returned.
fn owned(returned: libc::c_long) -> io::Result<OwnedFd> {
    let fd = checked(c_int::try_from(returned).unwrap_or(-1))?;
    // SAFETY: the kernel has just opened it, and nothing else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
