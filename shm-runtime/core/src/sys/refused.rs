//! Calls that are refused whatever they are asked: by a filter of system calls (seccomp), as containers have, or because the
//! kernel has none of them.

use core::ffi::{c_int, c_void};
use core::ptr;
use std::fs;
use std::io;

/// A system call.
#[derive(Clone, Copy)]
pub(crate) enum Call {
    Shmget,
    Shmat,
    Shmdt,
    Shmctl,
    Semget,
    Semop,
    Semctl,
    Msgget,
    Msgsnd,
    Msgrcv,
    Msgctl,
}

/// No object has this id, in any namespace.
const NONE: c_int = -1;

impl Call {
    /// As its man page has it, and a filter knows it. (What waits for a semaphore without a time-out too is semtimedop(2).)
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Shmget => "shmget",
            Self::Shmat => "shmat",
            Self::Shmdt => "shmdt",
            Self::Shmctl => "shmctl",
            Self::Semget => "semget",
            Self::Semop => "semtimedop",
            Self::Semctl => "semctl",
            Self::Msgget => "msgget",
            Self::Msgsnd => "msgsnd",
            Self::Msgrcv => "msgrcv",
            Self::Msgctl => "msgctl",
        }
    }

    /// Whether the call fails with this `errno` even where the kernel has no reason to: asked for an object that cannot be, it
    /// says EINVAL or ENOENT before it looks at owners, modes and limits. (msgget(2) has no such arguments: looking for a
    /// key needs no permission.)
    pub(crate) fn always_fails_with(self, errno: c_int) -> bool {
        let mut place = [0_u64; 2];
        let place = place.as_mut_ptr().cast::<c_void>();
        // SAFETY: no segment, set or queue has the id -1 and none can be made of the sizes 0 and -1, and nothing is attached at 1, which is not
        // the start of a page: so nothing is attached, detached, made, changed, or written through a pointer; semtimedop and msgsnd may read, and `place` has room for one
        // operation, and for a type and 8 bytes.
        let failed = unsafe {
            match self {
                Self::Shmget => libc::shmget(libc::IPC_PRIVATE, 0, 0) == -1,
                Self::Shmat => libc::shmat(NONE, ptr::null(), libc::SHM_RDONLY).addr() == usize::MAX,
                Self::Shmdt => libc::shmdt(ptr::without_provenance(1)) == -1,
                Self::Shmctl => libc::shmctl(NONE, libc::IPC_STAT, ptr::null_mut()) == -1,
                Self::Semget => libc::semget(libc::IPC_PRIVATE, -1, 0) == -1,
                Self::Semop => {
                    let none = ptr::null::<libc::timespec>();
                    libc::syscall(libc::SYS_semtimedop, NONE, place, 1_usize, none) == -1
                }
                Self::Semctl => libc::semctl(NONE, 0, libc::GETVAL) == -1,
                Self::Msgget => libc::msgget(1, 0) == -1,
                Self::Msgsnd => libc::msgsnd(NONE, place, 8, libc::IPC_NOWAIT) == -1,
                Self::Msgrcv => libc::msgrcv(NONE, place, 8, 0, libc::IPC_NOWAIT) == -1,
                Self::Msgctl => libc::msgctl(NONE, libc::IPC_STAT, ptr::null_mut()) == -1,
            }
        };
        failed && io::Error::last_os_error().raw_os_error() == Some(errno)
    }
}

/// Whether this thread's system calls go through a filter; `None` without /proc.
pub(crate) fn is_filtered() -> Option<bool> {
    let status = fs::read_to_string("/proc/thread-self/status").ok()?;
    let mode = status.lines().find_map(|line| line.strip_prefix("Seccomp:"))?;
    Some(mode.trim() != "0")
}
