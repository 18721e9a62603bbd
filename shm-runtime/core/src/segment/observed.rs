//! What the kernel says of a segment, by which it is told from another one with the same id.

use core::fmt;
use std::io;

use crate::ipc::stat::segment::Stat;
use crate::sys;

/// What is known of a segment: what the kernel said of it, or, of one that was just created, what was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed {
    pub(crate) size: usize,
    /// `None` of a segment that was created here, and not looked at since.
    pub(crate) users: Option<Users>,
}

/// Whose a segment is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Users {
    /// The only one of these that can change.
    pub(crate) owner: u32,
    pub(crate) creator: u32,
    /// 0 where this process cannot see the creator.
    creator_pid: i32,
}

impl Observed {
    /// shmctl(2) with IPC_STAT, of which only this much is kept.
    pub(crate) fn of(id: i32) -> io::Result<Self> {
        let stat = sys::shm_stat(id)?;
        let (owner, creator) = (stat.perm.uid, stat.perm.cuid);
        let users = Some(Users { owner, creator, creator_pid: stat.cpid });
        Ok(Self { size: stat.segsz, users })
    }

    /// A segment of which nothing is known yet, not even that it has a byte.
    pub(crate) fn nothing() -> Self {
        Self::created(0)
    }

    /// A segment of `size` bytes that was created just now.
    pub(crate) fn created(size: usize) -> Self {
        Self { size, users: None }
    }

    /// Whether the creator certainly is in a pid namespace whose processes this one does not see.
    pub(crate) fn creator_is_out_of_sight(&self) -> bool {
        self.users.is_some_and(|users| users.creator_pid == 0)
    }

    /// Whether this and `other` can be the same segment: nothing differs that does not change. (Two segments of one
    /// size that one process made in two IPC namespaces differ in nothing.)
    pub(crate) fn may_be(&self, other: &Self) -> bool {
        let same_creator = match (self.users, other.users) {
            (Some(a), Some(b)) => {
                let pids = [a.creator_pid, b.creator_pid];
                a.creator == b.creator && (pids[0] == pids[1] || pids.contains(&0))
            }
            _ => true,
        };
        self.size == other.size && same_creator
    }
}

/// As an error says it: `16 bytes, created by uid 0, pid 17`.
impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.size)?;
        match self.users {
            Some(Users { creator, creator_pid, .. }) => {
                write!(f, ", created by uid {creator}, ")?;
                match creator_pid {
                    0 => f.write_str("by a process of another pid namespace"),
                    pid => write!(f, "pid {pid}"),
                }
            }
            None => Ok(()),
        }
    }
}

impl From<&Stat> for Observed {
    fn from(stat: &Stat) -> Self {
        let (owner, creator, creator_pid) = (stat.permissions.uid, stat.creator_uid, stat.creator_pid);
        Self { size: stat.size, users: Some(Users { owner, creator, creator_pid }) }
    }
}
