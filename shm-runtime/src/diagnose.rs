//! From an `errno` to what happened: by looking, because one number stands for many causes.

use std::fs;
use std::io;

use crate::error::ErrorKind;
use crate::stat::Stat;
use crate::sys;

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
            existing: look(existing),
        },
        Some(sys::EINVAL) => match sysctl("shmmax") {
            Some(max) if u64::try_from(size).is_ok_and(|size| size > max) => ErrorKind::Limit {
                name: "kernel.shmmax",
                value: Some(max),
            },
            _ => ErrorKind::Os { source: error },
        },
        // Both the number of segments and their pages are limited, and ENOSPC says neither.
        Some(sys::ENOSPC) => {
            let name = match (segments(), sysctl("shmmni")) {
                (Some(there), Some(most)) if there < most => "shmall",
                _ => "shmmni",
            };
            let value = sysctl(name);
            let name = if name == "shmall" {
                "kernel.shmall"
            } else {
                "kernel.shmmni"
            };
            ErrorKind::Limit { name, value }
        }
        Some(sys::ENOMEM) => ErrorKind::NoMemory { size, huge_pages },
        Some(sys::EPERM) if huge_pages => ErrorKind::Limit {
            name: "vm.hugetlb_shm_group",
            value: read("/proc/sys/vm/hugetlb_shm_group"),
        },
        _ => ErrorKind::Os { source: error },
    }
}

/// Why a call on the segment with this id failed.
pub(crate) fn by_id(error: io::Error, id: i32) -> ErrorKind {
    let (uid, gid) = (sys::effective_uid(), sys::effective_gid());
    match error.raw_os_error() {
        Some(sys::EIDRM) => ErrorKind::Removed,
        // EINVAL is a removed segment too, but not only that.
        Some(sys::EINVAL) if Stat::from_proc(id).is_none() => ErrorKind::Removed,
        Some(sys::EACCES) => ErrorKind::Permission {
            existing: look(Some(id)),
            uid,
            gid,
        },
        Some(sys::EPERM) => ErrorKind::NotOwner {
            existing: look(Some(id)),
            uid,
        },
        _ => ErrorKind::Os { source: error },
    }
}

/// Why SHM_LOCK failed.
pub(crate) fn lock(error: io::Error, id: i32) -> ErrorKind {
    match error.raw_os_error() {
        // The kernel gives EPERM to those who do not own the segment, and to those who may not lock at all.
        Some(sys::ENOMEM) => memlock(),
        Some(sys::EPERM) => match look(Some(id)) {
            Some(stat) if [stat.uid, stat.creator_uid].contains(&sys::effective_uid()) => memlock(),
            existing => ErrorKind::NotOwner {
                existing,
                uid: sys::effective_uid(),
            },
        },
        _ => by_id(error, id),
    }
}

fn memlock() -> ErrorKind {
    // The fourth column of "Max locked memory   8388608   8388608   bytes" is the soft limit.
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max locked memory"));
    let value = line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    ErrorKind::Limit {
        name: "RLIMIT_MEMLOCK",
        value,
    }
}

/// What the kernel knows of a segment, whether this process may read it or not.
pub(crate) fn look(id: Option<i32>) -> Option<Box<Stat>> {
    let id = id?;
    Stat::of(id).ok().or_else(|| Stat::from_proc(id)).map(Box::new)
}

/// How many segments there are: the lines of the table but its head.
fn segments() -> Option<u64> {
    let table = fs::read_to_string("/proc/sysvipc/shm").ok()?;
    u64::try_from(table.lines().count().checked_sub(1)?).ok()
}

fn sysctl(name: &str) -> Option<u64> {
    read(&format!("/proc/sys/kernel/{name}"))
}

fn read(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
