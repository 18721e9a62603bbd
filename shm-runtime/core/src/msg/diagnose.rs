//! Why a call on a message queue failed: one function a call.

use std::io;

use crate::ipc::diagnose::{self, exists, limit, saturated};
use crate::ipc::error::ErrorKind;
use crate::ipc::kind::ObjectKind;
use crate::sys;
use crate::sys::limits::{self, MSGMAX, MSGMNI};
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
        _ => by_id(Call::Msgsnd, error, id),
    }
}

/// That a message is larger than can be sent now.
pub(crate) fn over_msgmax() -> ErrorKind {
    limit(MSGMAX, None, None)
}

/// A msgrcv(2), or another msgctl(2). EINTR is an end only where it is to be one.
pub(crate) fn by_id(call: Call, error: io::Error, id: i32) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::ipc::EINTR) => ErrorKind::Interrupted,
        _ => diagnose::by_id(ObjectKind::Queue, call, error, id),
    }
}
