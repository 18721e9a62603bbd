//! What the kernel knows of a segment: `shmid_ds` and `ipc_perm`.

use std::time::{Duration, SystemTime};

use crate::ipc::error::ErrorKind;
use crate::ipc::record::ProcRow;
use crate::sys;

/// What the kernel records of a segment: every field of `shmid_ds` and its `ipc_perm`, shmctl(2) with IPC_STAT.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// The key (`__key`). 0 for a private segment, and for one that was removed.
    pub key: i32,
    /// The owner (`uid`), who may remove the segment and change its permissions.
    pub uid: u32,
    /// The owner's group (`gid`).
    pub gid: u32,
    /// The creator (`cuid`), who stays able to do the same.
    pub creator_uid: u32,
    /// The creator's group (`cgid`).
    pub creator_gid: u32,
    /// The permission bits (low nine bits of `mode`): read and write for owner, group and others.
    pub mode: u32,
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

/// Who may do what with a segment, a semaphore set or a message queue: the fields that IPC_SET sets.
///
/// Start from those it has: `Permissions { mode: 0o640, ..segment.stat()?.permissions() }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// The owner.
    pub uid: u32,
    /// The owner's group.
    pub gid: u32,
    /// Read and write for owner, group and others, at most 0o777.
    pub mode: u32,
}

impl Stat {
    /// Owner, group and mode, to be changed and given to `set_permissions`.
    pub fn permissions(&self) -> Permissions {
        Permissions { uid: self.uid, gid: self.gid, mode: self.mode }
    }

    /// shmctl(2) with IPC_STAT; needs read permission.
    pub(crate) fn of(id: i32) -> std::io::Result<Self> {
        let stat = sys::shm_stat(id)?;
        let (perm, mode) = (&stat.shm_perm, u32::from(stat.shm_perm.mode));
        Ok(Self {
            key: perm.__key,
            uid: perm.uid,
            gid: perm.gid,
            creator_uid: perm.cuid,
            creator_gid: perm.cgid,
            mode: mode & 0o777,
            removed: mode & SHM_DEST != 0,
            locked: mode & SHM_LOCKED != 0,
            sequence: u32::from(perm.__seq),
            size: stat.shm_segsz,
            attached_at: time(stat.shm_atime),
            detached_at: time(stat.shm_dtime),
            changed_at: time(stat.shm_ctime),
            creator_pid: stat.shm_cpid,
            last_pid: stat.shm_lpid,
            attached: stat.shm_nattch,
        })
    }

    /// The same from /proc/sysvipc/shm, which shows segments that this process may not read.
    pub(crate) fn from_proc(id: i32) -> Option<Self> {
        let row = ProcRow::of("shm", id)?;
        // key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime rss swap
        let bits = row.mode_bits()?;
        Some(Self {
            key: row.number(0)?,
            uid: row.number(7)?,
            gid: row.number(8)?,
            creator_uid: row.number(9)?,
            creator_gid: row.number(10)?,
            mode: bits & 0o777,
            removed: bits & SHM_DEST != 0,
            locked: bits & SHM_LOCKED != 0,
            sequence: row.sequence()?,
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

/// A time in whole seconds, 0 meaning never.
pub(crate) fn time(seconds: i64) -> Option<SystemTime> {
    match u64::try_from(seconds) {
        Ok(seconds @ 1..) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)),
        _ => None,
    }
}

/// A mode as the kernel takes it.
pub(crate) fn mode_bits(mode: u32) -> Result<u16, ErrorKind> {
    let reason = "a mode has nine bits, read and write for owner, group and others: at most 0o777";
    match u16::try_from(mode) {
        Ok(bits) if bits <= 0o777 => Ok(bits),
        _ => Err(ErrorKind::InvalidInput { reason }),
    }
}
