//! Why a call on a semaphore set failed: one function a call.

use std::io;

use crate::ipc::diagnose::{self, exists, limit, saturated};
use crate::ipc::error::ErrorKind;
use crate::ipc::kind::ObjectKind;
use crate::sys;
use crate::sys::limits::{self, SEMMNI, SEMMNS, SEMMSL, SEMOPM};
use crate::sys::refused::Call;

/// The highest value of a semaphore, fixed by the kernel.
pub(crate) const SEMVMX: u16 = 32767;

/// A semget(2) that creates a set of `count` semaphores. The set that is in the way, if any, has id `existing`.
pub(crate) fn semget(error: io::Error, count: usize, existing: Option<i32>) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::EEXIST) => exists(ObjectKind::Semaphore, existing),
        // Both the number of sets and that of all semaphores are limited, and ENOSPC says neither.
        Some(sys::ENOSPC) => match (limits::semaphores().ok(), SEMMNS.value()) {
            (Some(used), Some(most)) if saturated(used.parts).saturating_add(count) > saturated(most) => {
                limit(SEMMNS, Some(count), Some(used.parts))
            }
            (used, _) => limit(SEMMNI, None, used.map(|used| used.objects)),
        },
        Some(sys::EINVAL) if SEMMSL.value().is_some_and(|most| count > saturated(most)) => {
            limit(SEMMSL, Some(count), None)
        }
        Some(sys::ENOMEM) => ErrorKind::NoMemory { size: 0, huge_pages: false },
        _ => ErrorKind::Os { source: error },
    }
}

/// A semop(2) of this many operations.
pub(crate) fn semop(error: io::Error, id: i32, operations: usize) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::ipc::E2BIG) => limit(SEMOPM, Some(operations), None),
        _ => by_call(Call::Semop, error, id),
    }
}

/// That a value would be above what a semaphore counts.
pub(crate) fn too_high() -> ErrorKind {
    ErrorKind::Limit { name: "SEMVMX", value: Some(SEMVMX.into()), asked: None, used: None }
}

/// A semctl(2) with IPC_SET of this owner and group.
pub(crate) fn set_permissions(error: io::Error, id: i32, to: (u32, u32)) -> ErrorKind {
    diagnose::set_permissions(ObjectKind::Semaphore, Call::Semctl, error, id, to)
}

/// Any other semctl(2).
pub(crate) fn semctl(error: io::Error, id: i32) -> ErrorKind {
    by_call(Call::Semctl, error, id)
}

fn by_call(call: Call, error: io::Error, id: i32) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::ipc::ERANGE) => too_high(),
        _ => diagnose::by_id(ObjectKind::Semaphore, call, error, id),
    }
}

/// A semctl(2) with GETALL or SETALL, of `expected` semaphores.
pub(crate) fn all(error: io::Error, id: i32, expected: usize) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::ipc::EFAULT) => match sys::ipc::sem_stat(id) {
            // The id means another set than the one that was opened.
            Ok(stat) => ErrorKind::SizeDiffers { found: saturated(stat.nsems), expected },
            Err(error) => semctl(error, id),
        },
        _ => semctl(error, id),
    }
}
