//! Why a call on a message queue failed: one function a call.

use std::io;

use crate::ipc::diagnose::{by_id, exists, limit, permissions, saturated};
use crate::ipc::error::ErrorKind;
use crate::ipc::kind::ObjectKind;
use crate::ipc::record::Record;
use crate::sys;
use crate::sys::limits::{MSGMAX, MSGMNB, MSGMNI};

/// A msgget(2) that creates. The queue that is in the way, if any, has id `existing`.
pub(crate) fn msgget(error: io::Error, existing: Option<i32>) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::EEXIST) => exists(ObjectKind::Queue, existing),
        Some(sys::ENOSPC) => limit(MSGMNI),
        _ => ErrorKind::Os { source: error },
    }
}

/// A msgsnd(2) of this many bytes.
pub(crate) fn msgsnd(error: io::Error, id: i32, size: usize) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::EINVAL) if MSGMAX.value().is_some_and(|most| size > saturated(most)) => limit(MSGMAX),
        _ => msgctl(error, id),
    }
}

/// That a message is larger than can be sent now.
pub(crate) fn over_msgmax() -> ErrorKind {
    limit(MSGMAX)
}

/// A msgctl(2) with IPC_SET, of permissions and this limit, in bytes.
pub(crate) fn ipc_set(error: io::Error, id: i32, bytes: u64) -> ErrorKind {
    let uid = sys::effective_uid();
    let may = |record: &Record| uid == 0 || record.is_owned_by(uid);
    match (error.raw_os_error(), Record::look(ObjectKind::Queue, id).as_deref()) {
        // The kernel gives EPERM to those who do not own the queue, and to those who ask for too much: root too, in a
        // container that took CAP_SYS_RESOURCE away.
        (Some(sys::EPERM), Some(record))
            if may(record) && MSGMNB.value().is_some_and(|most| bytes > most) =>
        {
            limit(MSGMNB)
        }
        _ => permissions(ObjectKind::Queue, error, id),
    }
}

/// Any other call by the id: msgrcv(2), and msgctl(2). EINTR is an end only where it is to be one.
pub(crate) fn msgctl(error: io::Error, id: i32) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::ipc::EINTR) => ErrorKind::Interrupted,
        _ => by_id(ObjectKind::Queue, error, id),
    }
}
