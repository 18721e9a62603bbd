//! `ipc_perm`: what the kernel records of every object, of whatever kind.

use crate::sys;
use crate::sys::proc::ProcRow;

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

/// All of `ipc_perm`.
pub(super) struct IpcPerm {
    pub(super) key: i32,
    pub(super) permissions: Permissions,
    pub(super) creator_uid: u32,
    pub(super) creator_gid: u32,
    pub(super) sequence: u32,
    /// What the kernel adds to the mode, above its nine bits.
    pub(super) flags: u32,
}

impl IpcPerm {
    /// What IPC_STAT said.
    pub(super) fn of(perm: &sys::objects::IpcPerm) -> Self {
        let bits = perm.mode;
        Self {
            key: perm.key,
            permissions: Permissions { uid: perm.uid, gid: perm.gid, mode: bits & MODE },
            creator_uid: perm.cuid,
            creator_gid: perm.cgid,
            sequence: u32::from(perm.seq),
            flags: bits & !MODE,
        }
    }

    /// The same from a row of /proc/sysvipc, in which `users` is the column of the first of four: owner, owner's group,
    /// creator, creator's group.
    pub(super) fn from_row(row: &ProcRow, users: usize) -> Option<Self> {
        let bits = row.mode_bits()?;
        Some(Self {
            key: row.number(0)?,
            permissions: Permissions {
                uid: row.number(users)?,
                gid: row.number(users + 1)?,
                mode: bits & MODE,
            },
            creator_uid: row.number(users + 2)?,
            creator_gid: row.number(users + 3)?,
            sequence: row.sequence()?,
            flags: bits & !MODE,
        })
    }
}

/// Read, write and execute for owner, group and others.
const MODE: u32 = 0o777;

/// A `Stat` has what its permissions have: `stat.uid`, `stat.gid` and `stat.mode`.
macro_rules! has_permissions {
    ($stat:ty) => {
        impl core::ops::Deref for $stat {
            type Target = $crate::ipc::permissions::Permissions;

            /// For `stat.uid`, `stat.gid` and `stat.mode`.
            fn deref(&self) -> &Self::Target {
                &self.permissions
            }
        }

        impl $stat {
            /// Owner, group and mode, to be changed and given to `set_permissions`.
            pub fn permissions(&self) -> $crate::ipc::permissions::Permissions {
                self.permissions
            }
        }
    };
}
pub(super) use has_permissions;
