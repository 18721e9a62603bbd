//! What the kernel knows of a message queue: `msqid_ds` and `ipc_perm`.

use std::io;
use std::time::SystemTime;

use crate::ipc::permissions::{IpcPerm, Permissions, has_permissions};
use crate::ipc::stat::time;
use crate::sys;
use crate::sys::proc::ProcRow;

/// What the kernel records of a message queue: every field of `msqid_ds` and its `ipc_perm`, msgctl(2) with IPC_STAT.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// The key (`__key`). 0 for a private queue.
    pub key: i32,
    /// The owner and its group (`uid`, `gid`), who may remove the queue and change its permissions; and the permission bits
    /// (low nine bits of `mode`): receive and send for owner, group and others.
    pub permissions: Permissions,
    /// The creator (`cuid`), who stays able to do the same.
    pub creator_uid: u32,
    /// The creator's group (`cgid`).
    pub creator_gid: u32,
    /// How often the kernel has used this slot of its table (`__seq`).
    pub sequence: u32,
    /// When the last message was sent (`msg_stime`, whole seconds), if ever.
    pub sent_at: Option<SystemTime>,
    /// When the last message was received (`msg_rtime`, whole seconds), if ever.
    pub received_at: Option<SystemTime>,
    /// When it was created, or its permissions or limit last changed (`msg_ctime`, whole seconds).
    pub changed_at: Option<SystemTime>,
    /// The bytes of the messages in the queue, without their types (`msg_cbytes`).
    pub bytes: u64,
    /// How many messages are in the queue (`msg_qnum`).
    pub messages: u64,
    /// How many bytes, and how many messages, the queue takes (`msg_qbytes`). `None` only in an error about a queue
    /// that this process may not read: /proc/sysvipc/msg does not show it.
    pub limit: Option<u64>,
    /// The process that last sent (`msg_lspid`), or 0: before the first message, and for a process that this pid
    /// namespace does not have.
    pub last_sender_pid: i32,
    /// The process that last received (`msg_lrpid`), or 0 likewise.
    pub last_receiver_pid: i32,
}

has_permissions!(Stat);

impl Stat {
    /// msgctl(2) with IPC_STAT; needs read permission.
    pub(crate) fn of(id: i32) -> io::Result<Self> {
        Ok(Self::new(&sys::ipc::msg_stat(id)?))
    }

    /// The same with MSG_STAT_ANY, which needs no permission, and Linux 4.17.
    pub(crate) fn of_any(id: i32) -> io::Result<Self> {
        Ok(Self::new(&sys::ipc::by_index(id, sys::ipc::msg_stat_at)?))
    }

    /// What IPC_SET sets, to be set again: an owner may change what its own mode does not let it read.
    pub(crate) fn to_change(id: i32) -> io::Result<Self> {
        Self::of(id).or_else(|error| Self::of_any(id).map_err(|_| error))
    }

    pub(crate) fn new(stat: &sys::objects::MsqidDs) -> Self {
        let perm = IpcPerm::of(&stat.perm);
        Self {
            key: perm.key,
            permissions: perm.permissions,
            creator_uid: perm.creator_uid,
            creator_gid: perm.creator_gid,
            sequence: perm.sequence,
            sent_at: time(stat.stime),
            received_at: time(stat.rtime),
            changed_at: time(stat.ctime),
            bytes: stat.cbytes,
            messages: stat.qnum,
            limit: Some(stat.qbytes),
            last_sender_pid: stat.lspid,
            last_receiver_pid: stat.lrpid,
        }
    }

    /// The same from a row of /proc/sysvipc/msg, which shows queues that this process may not read.
    pub(crate) fn from_row(row: &ProcRow) -> Option<Self> {
        // key msqid perms cbytes qnum lspid lrpid uid gid cuid cgid stime rtime ctime
        let perm = IpcPerm::from_row(row, 7)?;
        Some(Self {
            key: perm.key,
            permissions: perm.permissions,
            creator_uid: perm.creator_uid,
            creator_gid: perm.creator_gid,
            sequence: perm.sequence,
            sent_at: time(row.number(11)?),
            received_at: time(row.number(12)?),
            changed_at: time(row.number(13)?),
            bytes: row.number(3)?,
            messages: row.number(4)?,
            limit: None,
            last_sender_pid: row.number(5)?,
            last_receiver_pid: row.number(6)?,
        })
    }
}
