//! From an `errno` to what happened: by looking, because one number stands for many causes. What is the same for all
//! three kinds; each has its own besides.

use std::io;

use crate::ipc::error::ErrorKind;
use crate::ipc::kind::ObjectKind;
use crate::ipc::record::Record;
use crate::sys;
use crate::sys::limits::Limit;

/// Why a call on the object with this id failed.
pub(crate) fn by_id(object: ObjectKind, error: io::Error, id: i32) -> ErrorKind {
    let (uid, gid) = (sys::effective_uid(), sys::effective_gid());
    match error.raw_os_error() {
        Some(sys::EIDRM) => ErrorKind::Removed,
        // EINVAL is a removed object too, but not only that.
        Some(sys::EINVAL) if is_gone(object, id) => ErrorKind::Removed,
        Some(sys::EACCES) => ErrorKind::Permission { existing: Record::look(object, id), uid, gid },
        Some(sys::EPERM) => ErrorKind::NotOwner { existing: Record::look(object, id), uid },
        _ => ErrorKind::Os { source: error },
    }
}

/// Why IPC_SET, with these permissions, failed.
pub(crate) fn permissions(object: ObjectKind, error: io::Error, id: i32) -> ErrorKind {
    let invalid = error.raw_os_error() == Some(sys::EINVAL);
    match by_id(object, error, id) {
        ErrorKind::Os { .. } if invalid => ErrorKind::InvalidInput {
            reason: "the uid or gid is none: it is -1, or has no number in this process's user namespace (/proc/self/uid_map). \
                     What `stat` shows as 65534 there may be any such user, and cannot be given back to it",
        },
        kind => kind,
    }
}

/// Whether there is certainly no object with this id any more, whether this process may read it or not. Asked of the
/// kernel, because there may be no /proc.
pub(crate) fn is_gone(object: ObjectKind, id: i32) -> bool {
    let looked = match object {
        ObjectKind::Segment => sys::shm_stat(id).map(drop),
        ObjectKind::Semaphore => sys::ipc::sem_stat(id).map(drop),
        ObjectKind::Queue => sys::ipc::msg_stat(id).map(drop),
    };
    matches!(looked.map_err(|error| error.raw_os_error()), Err(Some(sys::EINVAL | sys::EIDRM)))
}

/// What is in the way of creating one: it has id `existing`, unless it was removed meanwhile.
pub(crate) fn exists(object: ObjectKind, existing: Option<i32>) -> ErrorKind {
    ErrorKind::AlreadyExists { existing: existing.and_then(|id| Record::look(object, id)) }
}

/// That this limit is reached.
pub(crate) fn limit(limit: Limit) -> ErrorKind {
    ErrorKind::Limit { name: limit.name, value: limit.value() }
}

/// A number of the kernel's as one of things here.
pub(crate) fn saturated(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
