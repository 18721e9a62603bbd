//! Why a call on a message queue failed: one function a call.

use std::io;

use crate::ipc::diagnose::{self, exists, limit, saturated};
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
        _ => by_id(Call::Msgsnd, error, id),
    }
}

/// That a message is larger than can be sent now.
pub(crate) fn over_msgmax() -> ErrorKind {
    limit(MSGMAX, None, None)
}

/// A msgctl(2) with IPC_SET, of permissions and this limit, in bytes.
pub(crate) fn ipc_set(error: io::Error, id: i32, to: (u32, u32), bytes: u64) -> ErrorKind {
    let uid = sys::effective_uid();
    let may = |record: &Record| uid == 0 || record.is_owned_by(uid);
    match (error.raw_os_error(), Record::look(ObjectKind::Queue, id).as_deref()) {
        // The kernel gives EPERM to those who do not own the queue, and to those who ask for too much: root too, in a
        // container that took CAP_SYS_RESOURCE away.
        (Some(sys::EPERM), Some(record))
            if may(record) && MSGMNB.value().is_some_and(|most| bytes > most) =>
        {
            limit(MSGMNB, usize::try_from(bytes).ok(), None)
        }
        _ => diagnose::set_permissions(ObjectKind::Queue, Call::Msgctl, error, id, to),
    }
}

/// A msgrcv(2), or another msgctl(2). EINTR is an end only where it is to be one.
pub(crate) fn by_id(call: Call, error: io::Error, id: i32) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::ipc::EINTR) => ErrorKind::Interrupted,
        _ => diagnose::by_id(ObjectKind::Queue, call, error, id),
    }
}
