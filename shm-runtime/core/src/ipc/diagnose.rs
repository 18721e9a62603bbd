//! From an `errno` to what happened: by looking, because one number stands for many causes. What is the same for all
//! three kinds; each has its own besides.

use std::io;

use crate::ipc::error::ErrorKind;
use crate::ipc::kind::ObjectKind;
use crate::ipc::record::Record;
use crate::sys;
use crate::sys::proc::Sysctl;

/// Why a call on the object with this id failed.
pub(crate) fn by_id(object: ObjectKind, error: io::Error, id: i32) -> ErrorKind {
    let (uid, gid) = (sys::effective_uid(), sys::effective_gid());
    match error.raw_os_error() {
        Some(sys::EIDRM) => ErrorKind::Removed,
        // EINVAL is a removed object too, but not only that.
        Some(sys::EINVAL) if Record::from_proc(object, id).is_none() => ErrorKind::Removed,
        Some(sys::EACCES) => ErrorKind::Permission { existing: Record::look(object, id), uid, gid },
        Some(sys::EPERM) => ErrorKind::NotOwner { existing: Record::look(object, id), uid },
        _ => ErrorKind::Os { source: error },
    }
}

/// What is in the way of creating one: it has id `existing`, unless it was removed meanwhile.
pub(crate) fn exists(object: ObjectKind, existing: Option<i32>) -> ErrorKind {
    ErrorKind::AlreadyExists { existing: existing.and_then(|id| Record::look(object, id)) }
}

/// That this limit is reached.
pub(crate) fn limit(limit: Sysctl) -> ErrorKind {
    ErrorKind::Limit { name: limit.name, value: limit.value() }
}

/// A number of the kernel's as one of things here.
pub(crate) fn saturated(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
