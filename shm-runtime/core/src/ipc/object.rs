//! An object of whatever kind, and all there are: for programs that manage them, and need not know what is in them.

use std::io;

use crate::ipc::diagnose;
use crate::ipc::error::{Error, ErrorKind};
use crate::ipc::identity::Identity;
use crate::ipc::key::Key;
use crate::ipc::kind::ObjectKind;
use crate::ipc::lookup::Lookup;
use crate::ipc::mode::mode_bits;
use crate::ipc::permissions::Permissions;
use crate::ipc::record::Record;
use crate::ipc::stat::semaphore::State;
use crate::ipc::stat::{queue, segment, semaphore};
use crate::ipc::trusted::Trust;
use crate::sys::proc::ProcRow;
use crate::sys::{self, limits};

/// A segment, semaphore set or message queue as the kernel knows it, of whatever type and whichever user: what `ipcs` lists and
/// `ipcrm` removes.
///
/// ```
/// use shm_runtime::{Key, Object, ObjectKind, Record, msg::Queue};
///
/// let queue = Queue::<u64>::create(Key::private())?.remove_on_drop();
/// let all = Object::all(ObjectKind::Queue)?;
/// let listed = all.iter().find(|object| object.id() == queue.id()).expect("it is there");
/// assert!(matches!(listed.record(), Record::Queue(stat) if stat.messages == 0 && stat.permissions.mode == 0o600));
///
/// let found = Object::from_id(ObjectKind::Queue, queue.id())?;
/// found.remove()?;
/// assert!(Object::from_id(ObjectKind::Queue, queue.id()).is_err());
/// # Ok::<(), shm_runtime::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    id: i32,
    record: Record,
}

impl Object {
    /// All of this kind in the IPC namespace of this thread, in the order of the kernel's table: whoever owns them, and
    /// whether this process may read them or not.
    ///
    /// One call for each, by its place in the table: shmctl(2) with SHM_STAT_ANY and its like; before Linux 4.17, from /proc/sysvipc. What comes or goes
    /// meanwhile is listed or is not.
    ///
    /// # Errors
    ///
    /// If the kernel was built without System V IPC.
    pub fn all(kind: ObjectKind) -> Result<Vec<Self>, Error> {
        let objects = match Self::by_calls(kind) {
            Ok(objects) if objects.is_empty() => Self::from_proc(kind),
            Ok(objects) => objects,
            Err(source) => {
                let identity = Identity { object: kind, ..Identity::default() };
                return Err(Error::new("list", identity, ErrorKind::Os { source }));
            }
        };
        Ok(objects)
    }

    fn by_calls(kind: ObjectKind) -> io::Result<Vec<Self>> {
        let (last, at): (_, fn(i32) -> io::Result<Self>) = match kind {
            ObjectKind::Segment => (limits::last_segment()?, |index| {
                let (id, stat) = sys::shm_stat_at(index)?;
                Ok(Self { id, record: Record::Segment(segment::Stat::new(&stat)) })
            }),
            ObjectKind::Semaphore => (limits::last_set()?, |index| {
                let (id, stat) = sys::ipc::sem_stat_at(index)?;
                Ok(Self { id, record: Record::Semaphore(semaphore::Stat::new(&stat)) })
            }),
            ObjectKind::Queue => (limits::last_queue()?, |index| {
                let (id, stat) = sys::ipc::msg_stat_at(index)?;
                Ok(Self { id, record: Record::Queue(queue::Stat::new(&stat)) })
            }),
        };
        // An error is a place that is empty.
        Ok((0..=last).filter_map(|index| at(index).ok()).collect())
    }

    fn from_proc(kind: ObjectKind) -> Vec<Self> {
        let rows = ProcRow::all(kind.table()).unwrap_or_default();
        let object = |row: &ProcRow| Some(Self { id: row.number(1)?, record: Record::from_row(kind, row)? });
        rows.iter().filter_map(object).collect()
    }

    /// The object with this id. 0 is one too.
    ///
    /// # Errors
    ///
    /// If there is none: [`NoSuchId`](ErrorKind::NoSuchId).
    pub fn from_id(kind: ObjectKind, id: i32) -> Result<Self, Error> {
        let identity = Identity { object: kind, ..Identity::default() }.with_id(id);
        Self::looked_up(identity, id)
    }

    /// The object that has this key.
    ///
    /// # Errors
    ///
    /// If there is none: [`NotFound`](ErrorKind::NotFound); if the key is private, or cannot be derived.
    pub fn from_key(kind: ObjectKind, key: Key) -> Result<Self, Error> {
        let (identity, id) = Lookup::new(kind, key, None, Trust::Anybody).find("look up")?;
        Self::looked_up(identity, id)
    }

    fn looked_up(identity: Identity, id: i32) -> Result<Self, Error> {
        let kind = identity.object;
        let found = match Record::of(kind, id) {
            Err(error) if error.raw_os_error() == Some(sys::EACCES) => Record::of_any(kind, id).ok_or(error),
            found => found,
        };
        match found {
            Ok(record) => Ok(Self { id, record }),
            Err(error) => {
                let why = match diagnose::by_id(kind, kind.control(), error, id) {
                    // It was given, and not found by a key.
                    ErrorKind::Removed if identity.value.is_none() => diagnose::no_such_id(kind, id),
                    why => why,
                };
                Err(Error::new("look up", identity, why))
            }
        }
    }

    /// The kind of the object.
    pub fn kind(&self) -> ObjectKind {
        self.record.kind()
    }

    /// The shmid, semid or msqid.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// What the kernel knew of it when it was listed or looked up.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Value, waiters and last process of each semaphore of a set; of another kind of object, nothing. Each is asked for by
    /// itself: together they are not a snapshot.
    ///
    /// # Errors
    ///
    /// If the set was removed, or may not be read.
    pub fn semaphores(&self) -> Result<Vec<State>, Error> {
        let Record::Semaphore(stat) = &self.record else { return Ok(Vec::new()) };
        let states = (0..=u16::MAX).take(stat.semaphores).map(|index| State::of(self.id, index));
        let states: io::Result<Vec<_>> = states.collect();
        states.map_err(|error| self.error("look into", self.why(error)))
    }

    /// Sets owner, group and mode: IPC_SET of shmctl(2), semctl(2) and msgctl(2).
    ///
    /// # Errors
    ///
    /// If it was removed, belongs to another user, the mode has bits beyond 0o777, or the user or the group has no number in
    /// this process's user namespace. Of a queue also as [`msg::Queue::set_permissions`](crate::msg::Queue::set_permissions) says:
    /// the call sets its limit too, to what it is.
    pub fn set_permissions(&self, permissions: Permissions) -> Result<(), Error> {
        let operation = "set the permissions of";
        let Permissions { uid, gid, mode } = permissions;
        let bits = mode_bits(mode).map_err(|kind| self.error(operation, kind))?;
        let (kind, id, to) = (self.kind(), self.id, (uid, gid));
        let why = |error| diagnose::set_permissions(kind, kind.control(), error, id, to);
        let set = match kind {
            ObjectKind::Segment => sys::shm_set(id, uid, gid, bits).map_err(why),
            ObjectKind::Semaphore => sys::ipc::sem_set(id, uid, gid, bits).map_err(why),
            ObjectKind::Queue => queue::Stat::to_change(id).map_err(why).and_then(|stat| {
                let limit = stat.limit.unwrap_or_default();
                sys::ipc::msg_set(id, uid, gid, bits, limit)
                    .map_err(|error| diagnose::set_queue(error, id, to, limit))
            }),
        };
        set.map_err(|kind| self.error(operation, kind))
    }

    /// Removes it, by its id: IPC_RMID of shmctl(2), semctl(2) and msgctl(2). A segment goes when the last process detaches;
    /// a set and a queue are gone at once.
    ///
    /// # Errors
    ///
    /// If it was removed already, or belongs to another user.
    pub fn remove(&self) -> Result<(), Error> {
        let removed = match self.kind() {
            ObjectKind::Segment => sys::shm_remove(self.id),
            ObjectKind::Semaphore => sys::ipc::sem_remove(self.id),
            ObjectKind::Queue => sys::ipc::msg_remove(self.id),
        };
        removed.map_err(|error| self.error("remove", self.why(error)))
    }

    fn why(&self, error: io::Error) -> ErrorKind {
        diagnose::by_id(self.kind(), self.kind().control(), error, self.id)
    }

    fn error(&self, operation: &'static str, kind: ErrorKind) -> Error {
        let value = Some(self.record.key()).filter(|&key| key != sys::IPC_PRIVATE);
        let identity = Identity { object: self.kind(), value, ..Identity::default() };
        Error::new(operation, identity.with_id(self.id), kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calls_and_the_tables_of_proc_say_the_same() {
        for kind in ObjectKind::ALL {
            let key = sys::IPC_PRIVATE;
            let id = match kind {
                ObjectKind::Segment => sys::shmget(key, 100, 0o640),
                ObjectKind::Semaphore => sys::ipc::semget(key, 3, 0o640),
                ObjectKind::Queue => sys::ipc::msgget(key, 0o640),
            };
            let id = id.expect("create an object");
            let of = |all: Vec<Object>| all.into_iter().find(|object| object.id == id);
            let found = (of(Object::by_calls(kind).expect("ask the kernel")), of(Object::from_proc(kind)));
            let made = found.0.clone().expect("it was created");
            made.remove().expect("remove what was created");
            match found {
                (Some(Object { record: Record::Queue(called), .. }), Some(object)) => {
                    // The table does not have it.
                    let row = Record::Queue(queue::Stat { limit: None, ..called });
                    assert_eq!(row, object.record);
                }
                (called, row) => assert_eq!(called, row),
            }
        }
    }
}
