//! Why a call on a segment failed: one function a call.

use std::io;

use crate::ipc::diagnose::{self, exists, limit, refused, saturated};
use crate::ipc::error::ErrorKind;
use crate::ipc::kind::ObjectKind;
use crate::ipc::record::Record;
use crate::sys;
use crate::sys::limits::{self, FILE_MAX, MEMLOCK, SHMALL, SHMMAX, SHMMNI};
use crate::sys::refused::Call;

/// What shmget(2) was asked to create.
#[derive(Clone, Copy)]
pub(crate) struct Creation {
    pub(crate) size: usize,
    pub(crate) huge_pages: bool,
}

/// A shmget(2) that creates. The segment that is in the way, if any, has id `existing`.
pub(crate) fn shmget(error: io::Error, asked: Creation, existing: Option<i32>) -> ErrorKind {
    let Creation { size, huge_pages } = asked;
    if let Some(kind) = refused(Call::Shmget, &error) {
        return kind;
    }
    match error.raw_os_error() {
        Some(sys::EEXIST) => exists(ObjectKind::Segment, existing),
        Some(sys::EINVAL) if SHMMAX.value().is_some_and(|most| size > saturated(most)) => {
            limit(SHMMAX, Some(size), None)
        }
        // A kernel without any, or without the size that is the default.
        Some(sys::EINVAL | sys::ENOSYS) if huge_pages => ErrorKind::InvalidInput {
            reason: "this kernel has no huge pages (no `HugePages_Total` in /proc/meminfo, or hugetlbfs is off): create the \
                     segment without them",
        },
        // The number of segments and their pages are limited, and the pool of huge pages; and ENOSPC says none of them.
        Some(sys::ENOSPC) => no_space(size, huge_pages),
        Some(sys::ENOMEM) => ErrorKind::NoMemory { size, huge_pages },
        Some(sys::ENFILE) => limit(FILE_MAX, None, None),
        Some(sys::EPERM) if huge_pages => ErrorKind::HugePagesDenied {
            group: limits::huge_pages_group(),
            uid: sys::effective_uid(),
            groups: sys::user::groups(),
        },
        _ => ErrorKind::Os { source: error },
    }
}

fn no_space(size: usize, huge_pages: bool) -> ErrorKind {
    let used = limits::segments().ok();
    let pages = saturated(used.map_or(0, |used| used.parts)).saturating_add(size.div_ceil(sys::page_size()));
    let (most, all) = (SHMMNI.value(), SHMALL.value());
    match used {
        Some(used) if most.is_some_and(|most| used.objects >= most) => {
            limit(SHMMNI, None, Some(used.objects))
        }
        Some(used) if all.is_some_and(|all| pages > saturated(all)) => {
            limit(SHMALL, Some(size), Some(used.parts))
        }
        _ if huge_pages => ErrorKind::NoMemory { size, huge_pages },
        // What was in the way is gone.
        Some(used) => limit(SHMMNI, None, Some(used.objects)),
        None => limit(SHMMNI, None, None),
    }
}

/// Any call by the id, but for SHM_LOCK.
pub(crate) fn by_id(call: Call, error: io::Error, id: i32) -> ErrorKind {
    diagnose::by_id(ObjectKind::Segment, call, error, id)
}

/// A shmctl(2), but for that.
pub(crate) fn shmctl(error: io::Error, id: i32) -> ErrorKind {
    by_id(Call::Shmctl, error, id)
}

/// A shmctl(2) with SHM_LOCK or SHM_UNLOCK, of a segment of this size.
pub(crate) fn shm_lock(error: io::Error, id: i32, size: usize) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::ENOMEM) => limit(MEMLOCK, Some(size), None),
        // The kernel gives EPERM to those who do not own the segment, and to those who may not lock at all.
        Some(sys::EPERM) => match Record::look(ObjectKind::Segment, id).as_deref() {
            Some(record)
                if record.is_owned_by(sys::effective_uid()) && refused(Call::Shmctl, &error).is_none() =>
            {
                limit(MEMLOCK, Some(size), None)
            }
            _ => shmctl(error, id),
        },
        _ => shmctl(error, id),
    }
}

/// A shmctl(2) with IPC_SET of this owner and group.
pub(crate) fn set_permissions(error: io::Error, id: i32, to: (u32, u32)) -> ErrorKind {
    diagnose::set_permissions(ObjectKind::Segment, Call::Shmctl, error, id, to)
}

/// A shmdt(2) of what was attached at this address.
pub(crate) fn shmdt(error: io::Error, address: usize) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::EINVAL) => ErrorKind::NotAttached { address },
        _ => refused(Call::Shmdt, &error).unwrap_or(ErrorKind::Os { source: error }),
    }
}
