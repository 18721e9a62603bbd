//! Why a call on a segment failed: one function a call.

use std::io;

use crate::ipc::diagnose::{by_id, exists, limit, permissions, saturated};
use crate::ipc::error::ErrorKind;
use crate::ipc::kind::ObjectKind;
use crate::ipc::record::Record;
use crate::sys;
use crate::sys::limits::{self, HUGETLB_SHM_GROUP, MEMLOCK, SHMALL, SHMMAX, SHMMNI};

/// What shmget(2) was asked to create.
#[derive(Clone, Copy)]
pub(crate) struct Creation {
    pub(crate) size: usize,
    pub(crate) huge_pages: bool,
}

/// A shmget(2) that creates. The segment that is in the way, if any, has id `existing`.
pub(crate) fn shmget(error: io::Error, asked: Creation, existing: Option<i32>) -> ErrorKind {
    let Creation { size, huge_pages } = asked;
    match error.raw_os_error() {
        Some(sys::EEXIST) => exists(ObjectKind::Segment, existing),
        Some(sys::EINVAL) if SHMMAX.value().is_some_and(|most| size > saturated(most)) => limit(SHMMAX),
        // Both the number of segments and their pages are limited, and ENOSPC says neither.
        Some(sys::ENOSPC) => match (limits::segments(), SHMMNI.value()) {
            (Ok(there), Some(most)) if there < most => limit(SHMALL),
            _ => limit(SHMMNI),
        },
        Some(sys::ENOMEM) => ErrorKind::NoMemory { size, huge_pages },
        Some(sys::EPERM) if huge_pages => limit(HUGETLB_SHM_GROUP),
        _ => ErrorKind::Os { source: error },
    }
}

/// Any call by the id: shmat(2), and shmctl(2) but for IPC_SET and SHM_LOCK.
pub(crate) fn shmctl(error: io::Error, id: i32) -> ErrorKind {
    by_id(ObjectKind::Segment, error, id)
}

/// A shmctl(2) with IPC_SET.
pub(crate) fn ipc_set(error: io::Error, id: i32) -> ErrorKind {
    permissions(ObjectKind::Segment, error, id)
}

/// A shmctl(2) with SHM_LOCK or SHM_UNLOCK.
pub(crate) fn shm_lock(error: io::Error, id: i32) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::ENOMEM) => limit(MEMLOCK),
        // The kernel gives EPERM to those who do not own the segment, and to those who may not lock at all.
        Some(sys::EPERM) => match Record::look(ObjectKind::Segment, id).as_deref() {
            Some(record) if record.is_owned_by(sys::effective_uid()) => limit(MEMLOCK),
            _ => shmctl(error, id),
        },
        _ => shmctl(error, id),
    }
}
