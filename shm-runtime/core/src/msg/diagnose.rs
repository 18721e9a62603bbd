//! Why a call on a message queue failed: one function a call.

use std::io;

use crate::ipc::diagnose::{by_id, exists, limit, saturated};
use crate::ipc::error::ErrorKind;
use crate::ipc::kind::ObjectKind;
use crate::ipc::record::Record;
use crate::sys;
use crate::sys::limits::{self, MSGMAX, MSGMNB, MSGMNI};
use crate::sys::refused::Call;

/// A msgget(2) that creates. The queue that is in the way, if any, has id `existing`.
pub(crate) fn msgget(error: io::Error, existing: Option<i32>) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::EEXIST) => exists(ObjectKind::Queue, existing),
        Some(sys::ENOSPC) => limit(MSGMNI, None, limits::queues().ok()),
        Some(sys::ENOMEM) => ErrorKind::NoMemory { size: 0, huge_pages: false },
        _ => ErrorKind::Os { source: error },
    }
}

/// A msgsnd(2) of this many bytes.
pub(crate) fn msgsnd(error: io::Error, id: i32, size: usize) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::EINVAL) if MSGMAX.value().is_some_and(|most| size > saturated(most)) => {
            limit(MSGMAX, Some(size), None)
        }
        Some(sys::ENOMEM) => ErrorKind::NoMemory { size, huge_pages: false },
        _ => by_id(ObjectKind::Queue, Call::Msgsnd, error, id),
    }
}

/// A msgctl(2) with IPC_SET of this limit, in bytes.
pub(crate) fn set_limit(error: io::Error, id: i32, bytes: u64) -> ErrorKind {
    let too_much = || MSGMNB.value().is_some_and(|most| bytes > most);
    match (error.raw_os_error(), Record::look(ObjectKind::Queue, id).as_deref()) {
        // The kernel gives EPERM to those who do not own the queue, and to those who ask for too much.
        (Some(sys::EPERM), Some(record)) if record.is_owned_by(sys::effective_uid()) && too_much() => {
            limit(MSGMNB, usize::try_from(bytes).ok(), None)
        }
        _ => msgctl(error, id),
    }
}

/// A msgrcv(2).
pub(crate) fn msgrcv(error: io::Error, id: i32) -> ErrorKind {
    by_id(ObjectKind::Queue, Call::Msgrcv, error, id)
}

/// Any other msgctl(2).
pub(crate) fn msgctl(error: io::Error, id: i32) -> ErrorKind {
    by_id(ObjectKind::Queue, Call::Msgctl, error, id)
}

/// The bytes of the largest message that can be sent now.
pub(crate) fn largest_message() -> Option<usize> {
    MSGMAX.value().map(saturated)
}
