//! Why a call on a semaphore set failed: one function a call.

use std::io;

use crate::ipc::diagnose::{by_id, exists, limit, permissions, saturated};
use crate::ipc::error::ErrorKind;
use crate::ipc::kind::ObjectKind;
use crate::sys;
use crate::sys::limits::{self, SEMMNI, SEMMNS, SEMMSL, SEMOPM};

/// The highest value of a semaphore, fixed by the kernel.
pub(crate) const SEMVMX: u16 = 32767;

/// A semget(2) that creates a set of `count` semaphores. The set that is in the way, if any, has id `existing`.
pub(crate) fn semget(error: io::Error, count: usize, existing: Option<i32>) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::EEXIST) => exists(ObjectKind::Semaphore, existing),
        // Both the number of sets and that of all semaphores are limited, and ENOSPC says neither.
        Some(sys::ENOSPC) => match (limits::semaphores(), SEMMNS.value()) {
            (Ok(there), Some(most)) if there.saturating_add(count) > saturated(most) => limit(SEMMNS),
            _ => limit(SEMMNI),
        },
        Some(sys::EINVAL) if SEMMSL.value().is_some_and(|most| count > saturated(most)) => limit(SEMMSL),
        _ => ErrorKind::Os { source: error },
    }
}

/// A semop(2).
pub(crate) fn semop(error: io::Error, id: i32) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::ipc::E2BIG) => limit(SEMOPM),
        _ => semctl(error, id),
    }
}

/// That a value would be above what a semaphore counts.
pub(crate) fn too_high() -> ErrorKind {
    ErrorKind::Limit { name: "SEMVMX", value: Some(SEMVMX.into()) }
}

/// A semctl(2).
pub(crate) fn semctl(error: io::Error, id: i32) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::ipc::ERANGE) => too_high(),
        _ => by_id(ObjectKind::Semaphore, error, id),
    }
}

/// A semctl(2) with IPC_SET.
pub(crate) fn ipc_set(error: io::Error, id: i32) -> ErrorKind {
    permissions(ObjectKind::Semaphore, error, id)
}

/// A semctl(2) with GETALL or SETALL, of `expected` semaphores.
pub(crate) fn all(error: io::Error, id: i32, expected: usize) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::ipc::EFAULT) => match sys::ipc::sem_stat(id) {
            // The id means another set than the one that was opened.
            Ok(stat) => ErrorKind::SizeDiffers { found: saturated(stat.sem_nsems), expected },
            Err(error) => semctl(error, id),
        },
        _ => semctl(error, id),
    }
}
