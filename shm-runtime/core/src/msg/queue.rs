//! The queue itself: its life, and what the kernel records of it.

use core::fmt;
use core::marker::PhantomData;
use std::io;

use crate::ipc::diagnose::set_queue;
use crate::ipc::error::{Error, ErrorKind};
use crate::ipc::identity::Identity;
use crate::ipc::key::Key;
use crate::ipc::mode::mode_bits;
use crate::ipc::permissions::Permissions;
use crate::ipc::remove_on_drop::{Removable, RemoveOnDrop, private};
use crate::msg::diagnose;
use crate::msg::{Options, Payload, Stat};
use crate::sys;
use crate::sys::refused::Call;

/// A System V message queue of `T`: the kernel's object, known by its msqid. Of `[T]`, a message is any number of `T`, none
/// too: what is sent is a slice, and what is received a vector.
///
/// It lives until it is removed, with the messages in it: dropping a `Queue` does nothing to it, nor does the end of
/// the process. [`remove_on_drop`](Self::remove_on_drop) ties the two.
///
/// The kernel knows nothing of `T`: every message is checked, when it is received, for its size and for its values.
pub struct Queue<T: Payload + ?Sized> {
    identity: Identity,
    id: i32,
    pub(super) interruptible: bool,
    holds: PhantomData<fn(&T)>,
}

impl<T: Payload + ?Sized> Queue<T> {
    pub(crate) fn new(identity: Identity, id: i32) -> Self {
        Self { identity, id, interruptible: false, holds: PhantomData }
    }

    /// Everything that can be chosen: the mode.
    pub fn options(key: Key) -> Options<T> {
        Options::new(key)
    }

    /// Creates the queue, for this user only: as [`Options::create`].
    ///
    /// # Errors
    ///
    /// As for `Options::create`.
    pub fn create(key: Key) -> Result<Self, Error> {
        Self::options(key).create()
    }

    /// Opens the existing queue: as [`Options::open`].
    ///
    /// # Errors
    ///
    /// As for `Options::open`.
    pub fn open(key: Key) -> Result<Self, Error> {
        Self::options(key).open()
    }

    /// Opens the queue, or creates it if there is none.
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create) and [`open`](Self::open).
    pub fn open_or_create(key: Key) -> Result<Self, Error> {
        Self::options(key).open_or_create()
    }

    /// Opens the queue with this msqid: as [`Options::open_id`].
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn from_id(id: i32) -> Result<Self, Error> {
        Self::options(Key::private()).open_id(id)
    }

    /// The msqid. 0 is one too.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// The `key_t` it was found or created by; 0 for a private one, and for one found by its id.
    pub fn key(&self) -> i32 {
        self.identity.value.unwrap_or(0)
    }

    /// What the kernel records of the queue: msgctl(2) with IPC_STAT.
    ///
    /// # Errors
    ///
    /// If the queue was removed, or may not be read.
    pub fn stat(&self) -> Result<Stat, Error> {
        Stat::of(self.id).map_err(|error| self.failed("look at", Call::Msgctl, error))
    }

    /// Sets owner, group and mode: msgctl(2) with IPC_SET, which sets the limit too, to what it is.
    ///
    /// # Errors
    ///
    /// If the queue was removed, belongs to another user, or the mode has bits beyond 0o777; if there is no such uid or gid in
    /// this user namespace; or if the queue's limit is above `sysctl kernel.msgmnb` and this process lacks
    /// CAP_SYS_RESOURCE: then [`set_limit`](Self::set_limit) has to lower it first. (Before Linux 4.17: also if it may
    /// not be read.)
    pub fn set_permissions(&self, permissions: Permissions) -> Result<(), Error> {
        let operation = "set the permissions of";
        let limit = self.stat_to_change(operation)?.limit.unwrap_or_default();
        let set = self.set(operation, permissions, limit);
        set.map_err(|error| match error.kind() {
            &ErrorKind::Limit { value: Some(most), .. } => error.with_note(format!(
                "The queue's own limit is {limit} bytes: `IPC_SET` sets it along with the permissions, and takes that \
                 capability for what is above {most}, even if it stays as it is. Nothing was changed. Lower it first, with \
                 `set_limit({most})`"
            )),
            _ => error,
        })
    }

    /// Sets how many bytes, and how many messages, the queue takes (`msg_qbytes`): msgctl(2) with IPC_SET, which sets
    /// the permissions too, to what they are. A new queue has the limit of `sysctl kernel.msgmnb`; beyond it takes
    /// CAP_SYS_RESOURCE. What is in the queue stays, even if it is more.
    ///
    /// # Errors
    ///
    /// If the queue was removed, belongs to another user, or the limit is above what this process may set. (Before Linux
    /// 4.17: also if it may not be read.)
    pub fn set_limit(&self, bytes: u64) -> Result<(), Error> {
        let operation = "set the limit of";
        self.set(operation, self.stat_to_change(operation)?.permissions, bytes)
    }

    /// What IPC_SET sets and is to stay.
    fn stat_to_change(&self, operation: &'static str) -> Result<Stat, Error> {
        Stat::to_change(self.id).map_err(|error| self.failed(operation, Call::Msgctl, error))
    }

    fn set(&self, operation: &'static str, permissions: Permissions, limit: u64) -> Result<(), Error> {
        let Permissions { uid, gid, mode } = permissions;
        let bits = mode_bits(mode).map_err(|kind| self.error(operation, kind))?;
        sys::ipc::msg_set(self.id, uid, gid, bits, limit)
            .map_err(|error| self.error(operation, set_queue(error, self.id, (uid, gid), limit)))
    }

    /// Removes the queue, with the messages in it: msgctl(2) with IPC_RMID, by id, so that it cannot hit a successor
    /// under the same key. It is gone at once; a process that waits for it gets an error.
    ///
    /// # Errors
    ///
    /// If it was removed already, or belongs to another user.
    pub fn remove(&self) -> Result<(), Error> {
        sys::ipc::msg_remove(self.id).map_err(|error| self.failed("remove", Call::Msgctl, error))
    }

    /// A guard that removes the queue when it is dropped, also by a panic; not when the process is killed.
    ///
    /// In a forked child it removes nothing. A daemon makes it after daemonizing: see [`RemoveOnDrop`].
    pub fn remove_on_drop(self) -> RemoveOnDrop<Self> {
        RemoveOnDrop::new(self)
    }

    pub(super) fn failed(&self, operation: &'static str, call: Call, error: io::Error) -> Error {
        self.error(operation, diagnose::by_id(call, error, self.id))
    }

    pub(super) fn error(&self, operation: &'static str, kind: ErrorKind) -> Error {
        Error::new(operation, self.identity.clone(), kind)
    }
}

impl<T: Payload + ?Sized> private::Sealed for Queue<T> {}

impl<T: Payload + ?Sized> Removable for Queue<T> {
    fn remove(&self) -> Result<(), Error> {
        self.remove()
    }

    fn take(&self) -> Self {
        self.clone()
    }
}

impl<T: Payload + ?Sized> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self {
            identity: self.identity.clone(),
            id: self.id,
            interruptible: self.interruptible,
            holds: PhantomData,
        }
    }
}

impl<T: Payload + ?Sized> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("identity", &format_args!("{}", self.identity)).finish_non_exhaustive()
    }
}
