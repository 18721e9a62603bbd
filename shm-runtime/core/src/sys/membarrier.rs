//! Barriers in other threads: membarrier(2).

use std::io;

use super::checked;

/// MEMBARRIER_CMD_GLOBAL: returns when each thread of the system that runs has passed a full memory barrier. That takes some
/// milliseconds. (Linux 4.3; not with the boot option nohz_full.)
pub(crate) fn global() -> io::Result<()> {
    // SAFETY: takes numbers only.
    let returned = unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_GLOBAL, 0, 0) };
    checked(libc::c_int::try_from(returned).unwrap_or(-1)).map(drop)
}
