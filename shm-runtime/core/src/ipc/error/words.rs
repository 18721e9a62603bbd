//! Objects, processes and times in words.

use core::fmt;
use std::time::SystemTime;

use crate::ipc::identity::Identity;
use crate::ipc::kind::ObjectKind;
use crate::ipc::permissions::Permissions;
use crate::ipc::record::Record;
use crate::ipc::stat::segment::Stat;
use crate::sys;
use crate::sys::liveness;

/// A number of things in words.
pub(super) struct Count<N>(pub(super) N, pub(super) &'static str);

impl<N: fmt::Display + PartialEq + From<bool>> fmt::Display for Count<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == N::from(true) { "" } else { "s" };
        write!(f, "{} {}{plural}", self.0, self.1)
    }
}

/// An object in words.
pub(super) struct Shown<'a>(pub(super) &'a Record, pub(super) Option<i32>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(existing, id) = *self;
        let (object, Permissions { uid, gid, mode }) = match existing {
            Record::Segment(stat) => return Described(stat, id).fmt(f),
            Record::Semaphore(stat) => (ObjectKind::Semaphore, stat.permissions),
            Record::Queue(stat) => (ObjectKind::Queue, stat.permissions),
        };
        if let Some(id) = id {
            write!(f, "{} {id}, ", object.id_name())?;
        }
        write!(f, "owner uid {uid} gid {gid}, mode {mode:04o}, ")?;
        match existing {
            Record::Segment(_) => Ok(()),
            Record::Semaphore(stat) => write!(
                f,
                "{}, created by uid {}, last changed{}",
                Count(stat.semaphores, "semaphore"),
                stat.creator_uid,
                Ago(stat.changed_at)
            ),
            Record::Queue(stat) => write!(
                f,
                "{} of {} bytes in all, created by uid {}, last changed{}",
                Count(stat.messages, "message"),
                stat.bytes,
                stat.creator_uid,
                Ago(stat.changed_at)
            ),
        }
    }
}

/// A segment in words: `shmid 5, owner uid 0, mode 0600, created by pid 17 (weatherd) 12 s ago, 3 attached`.
pub(super) struct Described<'a>(pub(super) &'a Stat, pub(super) Option<i32>);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(stat, id) = *self;
        if let Some(id) = id {
            write!(f, "shmid {id}, ")?;
        }
        let Permissions { uid, gid, mode } = stat.permissions;
        write!(f, "owner uid {uid} gid {gid}, mode {mode:04o}, {} bytes, ", stat.size)?;
        write!(f, "created by {}{}, {} attached", Pid(stat.creator_pid), Ago(stat.changed_at), stat.attached)
    }
}

/// A process in words: `pid 17 (weatherd)`. The pid is one of this process's pid namespace, or 0.
pub(super) struct Pid(pub(super) i32);

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(pid) = *self;
        // The kernel has a 0 for each process that this one cannot see.
        if pid <= 0 {
            return f.write_str("a process that cannot be seen from this pid namespace");
        }
        write!(f, "pid {pid}")?;
        match liveness::name_of(pid.unsigned_abs()) {
            Some(name) => write!(f, " ({name})"),
            None if sys::process_exists(pid) => Ok(()),
            None => f.write_str(" (which is gone)"),
        }
    }
}

/// A time in words, if it is known: ` 12 s ago`.
pub(super) struct Ago(pub(super) Option<SystemTime>);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.and_then(|at| SystemTime::now().duration_since(at).ok()) {
            Some(age) => write!(f, " {} s ago", age.as_secs()),
            None => Ok(()),
        }
    }
}

/// How to remove this object and no successor of it: by its id, which no other object gets soon. Only if that is not known,
/// by its key.
pub(super) struct Removal<'a>(pub(super) &'a Identity);

impl fmt::Display for Removal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.id {
            Some(id) => write!(f, "`ipcrm -{} {id}`", self.0.object.flag()),
            None => write!(f, "`{}`", self.0.call("remove")),
        }
    }
}

/// The name of the struct, as a program would write it.
pub(super) fn name_of(identity: &Identity) -> &'static str {
    identity.type_name.unwrap_or("T")
}
