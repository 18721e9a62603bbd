//! What the kernel knows of a semaphore set: `semid_ds`, `ipc_perm`, and each semaphore.

use std::io;
use std::time::SystemTime;

use crate::ipc::permissions::{IpcPerm, Permissions, has_permissions};
use crate::ipc::stat::time;
use crate::sys::proc::ProcRow;
use crate::sys::{self, ipc::SemaphoreFact};

/// What the kernel records of a semaphore set: every field of `semid_ds` and its `ipc_perm`, semctl(2) with IPC_STAT.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// The key (`__key`). 0 for a private set.
    pub key: i32,
    /// The owner and its group (`uid`, `gid`), who may remove the set and change its permissions; and the permission bits
    /// (low nine bits of `mode`): read and alter for owner, group and others.
    pub permissions: Permissions,
    /// The creator (`cuid`), who stays able to do the same.
    pub creator_uid: u32,
    /// The creator's group (`cgid`).
    pub creator_gid: u32,
    /// How often the kernel has used this slot of its table (`__seq`).
    pub sequence: u32,
    /// When the last semop(2) was done (`sem_otime`, whole seconds), if ever: before it, no process gave the set its
    /// initial values.
    pub operated_at: Option<SystemTime>,
    /// When it was created, or last changed by semctl(2) (`sem_ctime`, whole seconds).
    pub changed_at: Option<SystemTime>,
    /// How many semaphores it has (`sem_nsems`).
    pub semaphores: usize,
}

has_permissions!(Stat);

impl Stat {
    /// semctl(2) with IPC_STAT; needs read permission.
    pub(crate) fn of(id: i32) -> io::Result<Self> {
        Ok(Self::new(&sys::ipc::sem_stat(id)?))
    }

    /// The same with SEM_STAT_ANY, which needs no permission, and Linux 4.17.
    pub(crate) fn of_any(id: i32) -> io::Result<Self> {
        Ok(Self::new(&sys::ipc::by_index(id, sys::ipc::sem_stat_at)?))
    }

    pub(crate) fn new(stat: &sys::objects::SemidDs) -> Self {
        let perm = IpcPerm::of(&stat.perm);
        Self {
            key: perm.key,
            permissions: perm.permissions,
            creator_uid: perm.creator_uid,
            creator_gid: perm.creator_gid,
            sequence: perm.sequence,
            operated_at: time(stat.otime),
            changed_at: time(stat.ctime),
            // `unsigned long`, and at most 2^31 of them.
            semaphores: usize::try_from(stat.nsems).unwrap_or(usize::MAX),
        }
    }

    /// The same from a row of /proc/sysvipc/sem, which shows sets that this process may not read.
    pub(crate) fn from_row(row: &ProcRow) -> Option<Self> {
        // key semid perms nsems uid gid cuid cgid otime ctime
        let perm = IpcPerm::from_row(row, 4)?;
        Some(Self {
            key: perm.key,
            permissions: perm.permissions,
            creator_uid: perm.creator_uid,
            creator_gid: perm.creator_gid,
            sequence: perm.sequence,
            operated_at: time(row.number(8)?),
            changed_at: time(row.number(9)?),
            semaphores: row.number(3)?,
        })
    }
}

/// One semaphore of a set, as it is now: semctl(2) with GETVAL, GETNCNT, GETZCNT and GETPID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct State {
    /// The units there are to be acquired, at most 32767 (`semval`).
    pub value: u16,
    /// How many threads wait for more units (`semncnt`).
    pub waiting: u32,
    /// How many threads wait for it to become 0 (`semzcnt`).
    pub waiting_for_zero: u32,
    /// The process of the last operation on it (`sempid`), or 0: before the first one, and for a process that this
    /// pid namespace does not have.
    pub last_pid: i32,
}

impl State {
    /// Four calls: others may operate on it between them.
    pub(crate) fn of(id: i32, index: u16) -> io::Result<Self> {
        Ok(Self {
            value: value(id, index)?,
            waiting: count(id, index, SemaphoreFact::WaitingForMore)?,
            waiting_for_zero: count(id, index, SemaphoreFact::WaitingForZero)?,
            last_pid: sys::ipc::sem_get(id, index, SemaphoreFact::LastPid)?,
        })
    }
}

pub(crate) fn value(id: i32, index: u16) -> io::Result<u16> {
    // From 0 to SEMVMX.
    Ok(u16::try_from(sys::ipc::sem_get(id, index, SemaphoreFact::Value)?).unwrap_or_default())
}

pub(crate) fn count(id: i32, index: u16, fact: SemaphoreFact) -> io::Result<u32> {
    // Never negative.
    Ok(u32::try_from(sys::ipc::sem_get(id, index, fact)?).unwrap_or_default())
}
