//! What the kernel knows of an object, of whatever kind: what errors show.

use std::fs;
use std::io;

use crate::ipc::identity::ObjectKind;
use crate::ipc::stat::segment::Stat;
use crate::{msg, sem};

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
/// assert!(matches!(&**existing, Record::Queue(stat) if stat.mode == 0o600 && stat.messages == 0));
/// # Ok::<(), shm_runtime::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Record {
    /// A segment.
    Segment(Stat),
    /// A semaphore set.
    Semaphore(sem::Stat),
    /// A message queue.
    Queue(msg::Stat),
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
            ObjectKind::Segment => Self::Segment(Stat::of(id)?),
            ObjectKind::Semaphore => Self::Semaphore(sem::Stat::of(id)?),
            ObjectKind::Queue => Self::Queue(msg::Stat::of(id)?),
        })
    }

    /// The same of an object that this process may not read: by a call that needs no permission, or, before Linux 4.17, from
    /// /proc/sysvipc. Of a segment only the latter, because it is for errors there.
    pub(crate) fn of_any(object: ObjectKind, id: i32) -> Option<Self> {
        let asked = match object {
            ObjectKind::Segment => None,
            ObjectKind::Semaphore => sem::Stat::of_any(id).ok().map(Self::Semaphore),
            ObjectKind::Queue => msg::Stat::of_any(id).ok().map(Self::Queue),
        };
        asked.or_else(|| Self::from_proc(object, id))
    }

    /// Owner and creator.
    pub(crate) fn users(&self) -> (u32, u32) {
        match self {
            Self::Segment(stat) => (stat.uid, stat.creator_uid),
            Self::Semaphore(stat) => (stat.uid, stat.creator_uid),
            Self::Queue(stat) => (stat.uid, stat.creator_uid),
        }
    }

    /// What `of` gives, from /proc/sysvipc, which shows objects that this process may not read.
    pub(crate) fn from_proc(object: ObjectKind, id: i32) -> Option<Self> {
        match object {
            ObjectKind::Segment => Stat::from_proc(id).map(Self::Segment),
            ObjectKind::Semaphore => sem::Stat::from_proc(id).map(Self::Semaphore),
            ObjectKind::Queue => msg::Stat::from_proc(id).map(Self::Queue),
        }
    }
}

/// A line of a table in /proc/sysvipc: all begin with the key, the id and the mode.
pub(crate) struct ProcRow {
    columns: Vec<String>,
}

impl ProcRow {
    /// The lines of `/proc/sysvipc/{table}`.
    pub(crate) fn all(table: &str) -> Option<Vec<Self>> {
        let table = fs::read_to_string(format!("/proc/sysvipc/{table}")).ok()?;
        let split = |line: &str| Self { columns: line.split_whitespace().map(str::to_owned).collect() };
        Some(table.lines().skip(1).map(split).collect())
    }

    /// The line of the object with this id.
    pub(crate) fn of(table: &str, id: i32) -> Option<Self> {
        Self::all(table)?.into_iter().find(|row| row.number(1) == Some(id))
    }

    pub(crate) fn number<N: TryFrom<i64>>(&self, column: usize) -> Option<N> {
        let number: i64 = self.columns.get(column)?.parse().ok()?;
        number.try_into().ok()
    }

    /// The mode, which is in octal, with the kernel's flags.
    pub(crate) fn mode_bits(&self) -> Option<u32> {
        u32::from_str_radix(self.columns.get(2)?, 8).ok()
    }

    /// The low nine bits of the mode.
    pub(crate) fn mode(&self) -> Option<u32> {
        Some(self.mode_bits()? & 0o777)
    }

    /// How often the kernel has used the slot: an id is the slot plus 2^15 times that number.
    pub(crate) fn sequence(&self) -> Option<u32> {
        Some(self.number::<u32>(1)? >> 15)
    }
}
