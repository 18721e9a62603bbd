//! Errors of semaphores.

use core::fmt;
use core::time::Duration;

use super::words::{Count, Pid, Removal, Shown};
use crate::ipc::identity::Identity;
use crate::ipc::record::Record;

/// Of a set.
pub(super) fn size_differs(found: usize, expected: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "the set has {}, and this program expects {expected}: it was created for something else, or by another \
         version. Let both agree, or remove the set and create it anew",
        Count(found, "semaphore")
    )
}

/// Without initial values.
pub(super) fn uninitialised(
    existing: Option<&Record>,
    waited: Duration,
    kept: Option<&str>,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "after {} ms of waiting, no process has given it its initial values", waited.as_millis())?;
    if let Some(existing) = existing {
        write!(f, ": it is {}", Shown(existing, identity.id))?;
    }
    match kept {
        None => write!(
            f,
            ". If its creator died, `{}` replaces it, and {} removes it",
            identity.call("open_or_create"),
            Removal(identity)
        )?,
        Some(reason) => write!(
            f,
            ". It was not replaced, because {reason}. If its creator died, remove it with {}",
            Removal(identity)
        )?,
    }
    f.write_str(
        ". If it is a C program's, which set the values by SETVAL, and no process has used it since, open it with \
             `allow_unused(true)`",
    )
}

/// In a child of the process that acquired.
pub(super) fn not_holder(
    holder_pid: i32,
    ended: bool,
    undo: bool,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(
        f,
        "{} acquired the units, and this process, which was forked from it, does not hold them. ",
        Pid(holder_pid)
    )?;
    f.write_str(match (ended, undo) {
            (true, true) => {
                "The kernel released them when that process ended (SEM_UNDO belongs to a process), and others may \
                 have acquired them since: acquire in the process that does the work, after fork or daemonizing"
            }
            (true, false) => {
                "That process ended and released nothing, as `undo` is off. To give them back, perform \
                 `Op::Release` (`release` on a semaphore); better, acquire in the process that does the work, after \
                 fork or daemonizing"
            }
            (false, _) => {
                "That process releases them, or the kernel does when it ends, unless `undo` is off. A process \
                 that needs some of its own acquires them itself, after fork or daemonizing"
            }
        })
}
