//! What the kernel knows of a segment: `shmid_ds` and `ipc_perm`.

use std::time::SystemTime;

use crate::ipc::permissions::{IpcPerm, Permissions, has_permissions};
use crate::ipc::stat::time;
use crate::sys;
use crate::sys::proc::ProcRow;

/// What the kernel records of a segment: every field of `shmid_ds` and its `ipc_perm`, shmctl(2) with IPC_STAT.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// The key (`__key`). 0 for a private segment, and for one that was removed.
    pub key: i32,
    /// The owner and its group (`uid`, `gid`), who may remove the segment and change its permissions; and the permission bits
    /// (low nine bits of `mode`): read and write for owner, group and others.
    pub permissions: Permissions,
    /// The creator (`cuid`), who stays able to do the same.
    pub creator_uid: u32,
    /// The creator's group (`cgid`).
    pub creator_gid: u32,
    /// Removed already, and gone when the last one detaches (SHM_DEST in `mode`).
    pub removed: bool,
    /// Kept from being swapped out (SHM_LOCKED in `mode`).
    pub locked: bool,
    /// How often the kernel has used this slot of its table (`__seq`).
    pub sequence: u32,
    /// Bytes (`shm_segsz`): as asked for, not rounded up to pages.
    pub size: usize,
    /// When it was last attached (`shm_atime`, whole seconds), if ever.
    pub attached_at: Option<SystemTime>,
    /// When it was last detached (`shm_dtime`, whole seconds), if ever.
    pub detached_at: Option<SystemTime>,
    /// When it was created, or its permissions last changed (`shm_ctime`, whole seconds).
    pub changed_at: Option<SystemTime>,
    /// The process that created it (`shm_cpid`), as seen in this pid namespace: 0 if it cannot be seen from there.
    pub creator_pid: i32,
    /// The process that last attached or detached (`shm_lpid`), or 0; also if it cannot be seen from this pid namespace.
    pub last_pid: i32,
    /// How many attachments there are (`shm_nattch`).
    pub attached: u64,
}

has_permissions!(Stat);

impl Stat {
    /// shmctl(2) with IPC_STAT; needs read permission.
    pub(crate) fn of(id: i32) -> std::io::Result<Self> {
        Ok(Self::new(&sys::shm_stat(id)?))
    }

    pub(crate) fn new(stat: &sys::objects::ShmidDs) -> Self {
        let perm = IpcPerm::of(&stat.perm);
        Self {
            key: perm.key,
            permissions: perm.permissions,
            creator_uid: perm.creator_uid,
            creator_gid: perm.creator_gid,
            removed: perm.flags & SHM_DEST != 0,
            locked: perm.flags & SHM_LOCKED != 0,
            sequence: perm.sequence,
            size: stat.segsz,
            attached_at: time(stat.atime),
            detached_at: time(stat.dtime),
            changed_at: time(stat.ctime),
            creator_pid: stat.cpid,
            last_pid: stat.lpid,
            attached: stat.nattch,
        }
    }

    /// The same of a segment that this process may not read. For errors.
    pub(crate) fn from_proc(id: i32) -> Option<Self> {
        Self::from_row(&ProcRow::of("shm", id)?)
    }

    /// The same from a row of /proc/sysvipc/shm, which shows segments that this process may not read.
    pub(crate) fn from_row(row: &ProcRow) -> Option<Self> {
        // key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime rss swap
        let perm = IpcPerm::from_row(row, 7)?;
        Some(Self {
            key: perm.key,
            permissions: perm.permissions,
            creator_uid: perm.creator_uid,
            creator_gid: perm.creator_gid,
            removed: perm.flags & SHM_DEST != 0,
            locked: perm.flags & SHM_LOCKED != 0,
            sequence: perm.sequence,
            size: row.number(3)?,
            attached_at: time(row.number(11)?),
            detached_at: time(row.number(12)?),
            changed_at: time(row.number(13)?),
            creator_pid: row.number(4)?,
            last_pid: row.number(5)?,
            attached: row.number(6)?,
        })
    }
}

/// Bits of `mode` that IPC_STAT adds to the permissions.
const SHM_DEST: u32 = 0o1000;
const SHM_LOCKED: u32 = 0o2000;
