//! What the kernel knows of an object, of whatever kind: what errors and lists show.

use std::io;

use crate::ipc::kind::ObjectKind;
use crate::ipc::permissions::Permissions;
use crate::ipc::stat::{queue, segment, semaphore};
use crate::sys::proc::ProcRow;

/// What the kernel knows of the object that an error is about, or of an [`Object`](crate::Object).
///
/// ```
/// use shm_runtime::msg::Queue;
/// use shm_runtime::{ErrorKind, Record, Key};
///
/// let key = Key::name(format!("org.example.record.{}", std::process::id()));
/// let queue = Queue::<u64>::create(key.clone())?.remove_on_drop();
/// let error = Queue::<u64>::create(key).unwrap_err();
/// let ErrorKind::AlreadyExists { existing: Some(existing), .. } = error.kind() else { panic!("{error}") };
/// assert!(matches!(&**existing, Record::Queue(stat) if stat.permissions.mode == 0o600 && stat.messages == 0));
/// # Ok::<(), shm_runtime::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Record {
    /// A segment.
    Segment(segment::Stat),
    /// A semaphore set.
    Semaphore(semaphore::Stat),
    /// A message queue.
    Queue(queue::Stat),
}

impl Record {
    /// What the kernel knows of the object, whether this process may read it or not.
    pub(crate) fn look(object: ObjectKind, id: i32) -> Option<Box<Self>> {
        let stat = Self::of(object, id).ok();
        stat.or_else(|| Self::from_proc(object, id)).map(Box::new)
    }

    /// IPC_STAT, which needs read permission.
    pub(crate) fn of(object: ObjectKind, id: i32) -> io::Result<Self> {
        Ok(match object {
            ObjectKind::Segment => Self::Segment(segment::Stat::of(id)?),
            ObjectKind::Semaphore => Self::Semaphore(semaphore::Stat::of(id)?),
            ObjectKind::Queue => Self::Queue(queue::Stat::of(id)?),
        })
    }

    /// The same of an object that this process may not read: by a call that needs no permission, or, before Linux 4.17, from
    /// /proc/sysvipc. Of a segment only the latter, because it is for errors there.
    pub(crate) fn of_any(object: ObjectKind, id: i32) -> Option<Self> {
        let asked = match object {
            ObjectKind::Segment => None,
            ObjectKind::Semaphore => semaphore::Stat::of_any(id).ok().map(Self::Semaphore),
            ObjectKind::Queue => queue::Stat::of_any(id).ok().map(Self::Queue),
        };
        asked.or_else(|| Self::from_proc(object, id))
    }

    /// Owner and creator.
    pub(crate) fn users(&self) -> (u32, u32) {
        match self {
            Self::Segment(stat) => (stat.permissions.uid, stat.creator_uid),
            Self::Semaphore(stat) => (stat.permissions.uid, stat.creator_uid),
            Self::Queue(stat) => (stat.permissions.uid, stat.creator_uid),
        }
    }

    /// What `of` gives, from /proc/sysvipc, which shows objects that this process may not read.
    pub(crate) fn from_proc(object: ObjectKind, id: i32) -> Option<Self> {
        Self::from_row(object, &ProcRow::of(object.table(), id)?)
    }

    pub(crate) fn from_row(object: ObjectKind, row: &ProcRow) -> Option<Self> {
        match object {
            ObjectKind::Segment => segment::Stat::from_row(row).map(Self::Segment),
            ObjectKind::Semaphore => semaphore::Stat::from_row(row).map(Self::Semaphore),
            ObjectKind::Queue => queue::Stat::from_row(row).map(Self::Queue),
        }
    }

    /// The kind of the object.
    pub fn kind(&self) -> ObjectKind {
        match self {
            Self::Segment(_) => ObjectKind::Segment,
            Self::Semaphore(_) => ObjectKind::Semaphore,
            Self::Queue(_) => ObjectKind::Queue,
        }
    }

    /// The key; 0 of a private object, and of a segment that was removed.
    pub fn key(&self) -> i32 {
        match self {
            Self::Segment(stat) => stat.key,
            Self::Semaphore(stat) => stat.key,
            Self::Queue(stat) => stat.key,
        }
    }

    /// Owner, group and mode.
    pub fn permissions(&self) -> Permissions {
        match self {
            Self::Segment(stat) => stat.permissions,
            Self::Semaphore(stat) => stat.permissions,
            Self::Queue(stat) => stat.permissions,
        }
    }

    /// The creator's user.
    pub fn creator_uid(&self) -> u32 {
        self.users().1
    }

    /// Whether this user is its owner or its creator.
    pub(crate) fn is_owned_by(&self, uid: u32) -> bool {
        let (owner, creator) = self.users();
        [owner, creator].contains(&uid)
    }
}
