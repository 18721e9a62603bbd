//! From an `errno` to what happened: by looking, because one number stands for many causes. What is the same for all
//! three kinds; each has its own besides.

use std::io;

use crate::ipc::error::ErrorKind;
use crate::ipc::kind::ObjectKind;
use crate::ipc::record::Record;
use crate::sys;
use crate::sys::limits::{Limit, MSGMNB};
use crate::sys::proc::{self, ProcRow};
use crate::sys::refused::{self, Call};

/// Why a call on the object with this id failed.
pub(crate) fn by_id(object: ObjectKind, call: Call, error: io::Error, id: i32) -> ErrorKind {
    let changes = matches!(call, Call::Shmctl | Call::Semctl | Call::Msgctl);
    let (uid, gid) = (sys::effective_uid(), sys::effective_gid());
    if let Some(kind) = refused(call, &error) {
        return kind;
    }
    match error.raw_os_error() {
        Some(sys::EIDRM) => ErrorKind::Removed,
        // EINVAL is a removed object too, but not only that.
        Some(sys::EINVAL) if is_gone(object, id) => ErrorKind::Removed,
        Some(sys::EACCES) => ErrorKind::Permission { existing: Record::look(object, id), uid, gid },
        // Only changing it is for its owner.
        Some(sys::EPERM) if changes => ErrorKind::NotOwner { existing: Record::look(object, id), uid },
        // Not of a message, whose size its caller knows.
        Some(sys::ENOMEM) => ErrorKind::NoMemory { size: 0, huge_pages: false },
        _ => ErrorKind::Os { source: error },
    }
}

/// Why a call failed for a reason that has nothing to do with what it was asked, if that is so.
pub(crate) fn refused(call: Call, error: &io::Error) -> Option<ErrorKind> {
    let errno = error.raw_os_error()?;
    let is_candidate = matches!(errno, sys::ENOSYS | sys::EPERM | sys::EACCES);
    (is_candidate && call.always_fails_with(errno)).then(|| ErrorKind::CallRefused {
        call: call.name(),
        filtered: refused::is_filtered(),
        source: io::Error::from_raw_os_error(errno),
    })
}

/// Why there is no object with an id that this process was given: not found by key, nor seen before.
pub(crate) fn no_such_id(object: ObjectKind, id: i32) -> ErrorKind {
    // Ids are places in a table, which are used again, plus 2^15 times a number that is new each time.
    const PLACE: i32 = 0x7fff;
    let here = ProcRow::all(object.table()).unwrap_or_default();
    let mut ids = here.iter().filter_map(|row| row.number::<i32>(1));
    let successor = ids.find(|other| id >= 0 && *other != id && other & PLACE == id & PLACE);
    ErrorKind::NoSuchId { ipc_namespace: proc::ipc_namespace(), successor }
}

/// Why owner and group could not be set.
pub(crate) fn set_permissions(
    object: ObjectKind,
    call: Call,
    error: io::Error,
    id: i32,
    (uid, gid): (u32, u32),
) -> ErrorKind {
    match error.raw_os_error() {
        // Of arguments that are numbers, the kernel refuses these only.
        Some(sys::EINVAL) if !is_gone(object, id) => ErrorKind::NoSuchUser { uid, gid },
        _ => by_id(object, call, error, id),
    }
}

/// Why owner, group and limit of a queue, in bytes, could not be set: one call sets them all.
pub(crate) fn set_queue(error: io::Error, id: i32, to: (u32, u32), bytes: u64) -> ErrorKind {
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
        _ => set_permissions(ObjectKind::Queue, Call::Msgctl, error, id, to),
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

/// That this limit is reached, with what was asked for and what is in use already.
pub(crate) fn limit(limit: Limit, asked: Option<usize>, used: Option<u64>) -> ErrorKind {
    let asked = asked.and_then(|asked| u64::try_from(asked).ok());
    ErrorKind::Limit { name: limit.name, value: limit.value(), asked, used }
}

/// A number of the kernel's as one of things here.
pub(crate) fn saturated(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
