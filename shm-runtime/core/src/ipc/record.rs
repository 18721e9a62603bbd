//! What the kernel knows of an object, of whatever kind: what errors show.

use std::io;

use crate::ipc::kind::ObjectKind;
use crate::ipc::stat::{queue, segment, semaphore};

/// What the kernel knows of the object that an error is about.
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

    fn of(object: ObjectKind, id: i32) -> io::Result<Self> {
        Ok(match object {
            ObjectKind::Segment => Self::Segment(segment::Stat::of(id)?),
            ObjectKind::Semaphore => Self::Semaphore(semaphore::Stat::of(id)?),
            ObjectKind::Queue => Self::Queue(queue::Stat::of(id)?),
        })
    }

    /// The same from /proc/sysvipc, which shows objects that this process may not read.
    pub(crate) fn from_proc(object: ObjectKind, id: i32) -> Option<Self> {
        match object {
            ObjectKind::Segment => segment::Stat::from_proc(id).map(Self::Segment),
            ObjectKind::Semaphore => semaphore::Stat::from_proc(id).map(Self::Semaphore),
            ObjectKind::Queue => queue::Stat::from_proc(id).map(Self::Queue),
        }
    }

    /// Whether this user is its owner or its creator.
    pub(crate) fn is_owned_by(&self, uid: u32) -> bool {
        let (permissions, creator) = match self {
            Self::Segment(stat) => (stat.permissions, stat.creator_uid),
            Self::Semaphore(stat) => (stat.permissions, stat.creator_uid),
            Self::Queue(stat) => (stat.permissions, stat.creator_uid),
        };
        [permissions.uid, creator].contains(&uid)
    }
}
