//! From an `errno` to what happened: by looking, because one number stands for many causes.

use std::fs;
use std::io;

use crate::ipc::error::ErrorKind;
use crate::ipc::identity::ObjectKind;
use crate::ipc::record::Record;
use crate::sys::{self, limits};

/// What shmget(2) was asked to create.
#[derive(Clone, Copy)]
pub(crate) struct Creation {
    pub(crate) size: usize,
    pub(crate) huge_pages: bool,
}

/// Why a shmget(2) that creates failed. The segment that is in the way, if any, has id `existing`.
pub(crate) fn create(error: io::Error, asked: Creation, existing: Option<i32>) -> ErrorKind {
    let Creation { size, huge_pages } = asked;
    match error.raw_os_error() {
        Some(sys::EEXIST) => ErrorKind::AlreadyExists {
            existing: existing.and_then(|id| Record::look(ObjectKind::Segment, id)),
        },
        Some(sys::EINVAL) => match limits::of_segments() {
            Ok(limits) if u64::try_from(size).is_ok_and(|size| size > limits.shmmax) => {
                ErrorKind::Limit { name: "kernel.shmmax", value: Some(limits.shmmax) }
            }
            _ => ErrorKind::Os { source: error },
        },
        // Both the number of segments and their pages are limited, and ENOSPC says neither.
        Some(sys::ENOSPC) => {
            let limits = limits::of_segments().ok();
            match (limits::segments(), limits) {
                (Ok(there), Some(limits)) if there < limits.shmmni => {
                    ErrorKind::Limit { name: "kernel.shmall", value: Some(limits.shmall) }
                }
                _ => ErrorKind::Limit { name: "kernel.shmmni", value: limits.map(|limits| limits.shmmni) },
            }
        }
        Some(sys::ENOMEM) => ErrorKind::NoMemory { size, huge_pages },
        Some(sys::EPERM) if huge_pages => {
            ErrorKind::Limit { name: "vm.hugetlb_shm_group", value: read("/proc/sys/vm/hugetlb_shm_group") }
        }
        _ => ErrorKind::Os { source: error },
    }
}

/// Why a call on the segment with this id failed.
pub(crate) fn by_id(error: io::Error, id: i32) -> ErrorKind {
    on(ObjectKind::Segment, error, id)
}

/// Why a call on the object with this id failed.
pub(crate) fn on(object: ObjectKind, error: io::Error, id: i32) -> ErrorKind {
    let (uid, gid) = (sys::effective_uid(), sys::effective_gid());
    match error.raw_os_error() {
        Some(sys::EIDRM) => ErrorKind::Removed,
        // EINVAL is a removed segment too, but not only that.
        Some(sys::EINVAL) if is_gone(object, id) => ErrorKind::Removed,
        Some(sys::EACCES) => ErrorKind::Permission { existing: Record::look(object, id), uid, gid },
        Some(sys::EPERM) => ErrorKind::NotOwner { existing: Record::look(object, id), uid },
        _ => ErrorKind::Os { source: error },
    }
}

/// Why SHM_LOCK failed.
pub(crate) fn lock(error: io::Error, id: i32) -> ErrorKind {
    match error.raw_os_error() {
        // The kernel gives EPERM to those who do not own the segment, and to those who may not lock at all.
        Some(sys::ENOMEM) => memlock(),
        Some(sys::EPERM) => match Record::look(ObjectKind::Segment, id).as_deref() {
            Some(Record::Segment(stat)) if [stat.uid, stat.creator_uid].contains(&sys::effective_uid()) => {
                memlock()
            }
            _ => by_id(error, id),
        },
        _ => by_id(error, id),
    }
}

fn memlock() -> ErrorKind {
    ErrorKind::Limit { name: "RLIMIT_MEMLOCK", value: limits::locked_memory() }
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

fn read(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Why a semget(2) for `count` semaphores or a msgget(2), which creates, failed. What is in the way, if anything, has
/// id `existing`.
pub(crate) fn create_other(
    object: ObjectKind,
    error: io::Error,
    count: usize,
    existing: Option<i32>,
) -> ErrorKind {
    match (error.raw_os_error(), object) {
        (Some(sys::EEXIST), _) => {
            ErrorKind::AlreadyExists { existing: existing.and_then(|id| Record::look(object, id)) }
        }
        (Some(sys::ENOSPC), ObjectKind::Queue) => {
            ErrorKind::Limit { name: "kernel.msgmni", value: queue_limit(|limits| limits.msgmni) }
        }
        // Both the number of sets and that of all semaphores are limited, and ENOSPC says neither.
        (Some(sys::ENOSPC), ObjectKind::Semaphore) => match (limits::semaphores(), semaphore_limit("SEMMNS"))
        {
            (Ok(there), Some(most)) if there.saturating_add(count) > saturated(most) => {
                limit_of_semaphores("SEMMNS")
            }
            _ => limit_of_semaphores("SEMMNI"),
        },
        (Some(sys::EINVAL), ObjectKind::Semaphore) => match semaphore_limit("SEMMSL") {
            Some(most) if count > saturated(most) => limit_of_semaphores("SEMMSL"),
            _ => ErrorKind::Os { source: error },
        },
        _ => ErrorKind::Os { source: error },
    }
}

/// Why a semop(2) on the set with this id failed.
pub(crate) fn operate(error: io::Error, id: i32) -> ErrorKind {
    match error.raw_os_error() {
        Some(sys::ipc::E2BIG) => limit_of_semaphores("SEMOPM"),
        Some(sys::ipc::ERANGE) => ErrorKind::Limit { name: "SEMVMX", value: Some(SEMVMX.into()) },
        _ => on(ObjectKind::Semaphore, error, id),
    }
}

/// The highest value of a semaphore, fixed by the kernel.
pub(crate) const SEMVMX: u16 = 32767;

/// Why a msgsnd(2) of this many bytes to the queue with this id failed.
pub(crate) fn send(error: io::Error, id: i32, size: usize) -> ErrorKind {
    match (error.raw_os_error(), queue_limit(|limits| limits.msgmax)) {
        (Some(sys::EINVAL), Some(most)) if size > saturated(most) => {
            ErrorKind::Limit { name: "kernel.msgmax", value: Some(most) }
        }
        _ => on(ObjectKind::Queue, error, id),
    }
}

/// Why an IPC_SET of this limit, in bytes, failed for the queue with this id.
pub(crate) fn set_limit(error: io::Error, id: i32, limit: u64) -> ErrorKind {
    let highest = queue_limit(|limits| limits.msgmnb);
    match (error.raw_os_error(), Record::look(ObjectKind::Queue, id).as_deref()) {
        // The kernel gives EPERM to those who do not own the queue, and to those who ask for too much.
        (Some(sys::EPERM), Some(Record::Queue(stat)))
            if [stat.uid, stat.creator_uid].contains(&sys::effective_uid())
                && highest.is_some_and(|highest| limit > highest) =>
        {
            ErrorKind::Limit { name: "kernel.msgmnb", value: highest }
        }
        _ => on(ObjectKind::Queue, error, id),
    }
}

/// The bytes of the largest message that can be sent now.
pub(crate) fn largest_message() -> Option<usize> {
    queue_limit(|limits| limits.msgmax).map(saturated)
}

fn queue_limit(which: impl FnOnce(limits::QueueLimits) -> i32) -> Option<u64> {
    u64::try_from(which(limits::of_queues().ok()?)).ok()
}

fn limit_of_semaphores(name: &'static str) -> ErrorKind {
    ErrorKind::Limit { name, value: semaphore_limit(name) }
}

/// One of the four numbers in the sysctl.
fn semaphore_limit(name: &str) -> Option<u64> {
    let limits = limits::of_semaphores().ok()?;
    let limit = match name {
        "SEMMSL" => limits.semmsl,
        "SEMMNS" => limits.semmns,
        "SEMOPM" => limits.semopm,
        "SEMMNI" => limits.semmni,
        _ => return None,
    };
    u64::try_from(limit).ok()
}

fn saturated(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
