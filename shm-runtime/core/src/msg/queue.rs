//! The queue itself.

use core::fmt;
use core::marker::PhantomData;
use std::io;

use crate::ipc::error::{Error, ErrorKind};
use crate::ipc::identity::Identity;
use crate::ipc::key::Key;
use crate::ipc::mode::mode_bits;
use crate::ipc::permissions::Permissions;
use crate::ipc::remove_on_drop::{Removable, RemoveOnDrop, private};
use crate::memory::shareable::Shareable;
use crate::msg::diagnose;
use crate::msg::message::{Envelope, Received, checked, receive_raw};
use crate::msg::{Message, Options, RawMessage, Select, Stat};
use crate::sys;

/// A System V message queue of `T`: the kernel's object, known by its msqid.
///
/// It lives until it is removed, with the messages in it: dropping a `Queue` does nothing to it, nor does the end of
/// the process. [`remove_on_drop`](Self::remove_on_drop) ties the two.
///
/// The kernel knows nothing of `T`: every message is checked, when it is received, for its size and for its values.
pub struct Queue<T> {
    identity: Identity,
    id: i32,
    holds: PhantomData<fn() -> T>,
}

impl<T: Shareable + Copy> Queue<T> {
    pub(crate) fn new(identity: Identity, id: i32) -> Self {
        Self { identity, id, holds: PhantomData }
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

    /// Sends the value as a message of type `mtype`, 1 or more, waiting while the queue is full: msgsnd(2). Padding
    /// is sent as zeros: what this process had in it does not leak.
    ///
    /// A signal does not end the waiting. There is no time-out, as msgsnd(2) has none: see
    /// [`try_send`](Self::try_send).
    ///
    /// # Errors
    ///
    /// If the queue is or gets removed, or may not be sent to; if such a message is larger than the system allows
    /// (MSGMAX) or than the queue could ever take, though a process that may not read the queue has to wait instead; or if
    /// `mtype` is less than 1.
    pub fn send(&self, mtype: i64, value: &T) -> Result<(), Error> {
        if self.try_send(mtype, value)? {
            return Ok(());
        }
        // Asking first told that the queue is full, and that the message fits into it at all.
        match self.transmit(mtype, value, 0) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.error("send to", diagnose::msgsnd(error, self.id, size_of::<T>()))),
        }
    }

    /// Sends the value, if the queue has room now. Returns whether it was sent.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn try_send(&self, mtype: i64, value: &T) -> Result<bool, Error> {
        checked(mtype).map_err(|kind| self.error("send to", kind))?;
        let Err(error) = self.transmit(mtype, value, sys::ipc::IPC_NOWAIT) else {
            return Ok(true);
        };
        if error.raw_os_error() != Some(sys::ipc::EAGAIN) {
            return Err(self.error("send to", diagnose::msgsnd(error, self.id, size_of::<T>())));
        }
        // The kernel lets a sender wait for room that there can never be.
        let limit = Stat::of(self.id).ok().and_then(|stat| stat.limit);
        match limit {
            Some(most) if usize::try_from(most).is_ok_and(|most| size_of::<T>() > most) => Err(self.error(
                "send to",
                ErrorKind::Limit {
                    name: "msg_qbytes",
                    value: limit,
                    asked: u64::try_from(size_of::<T>()).ok(),
                    used: None,
                },
            )),
            _ => Ok(false),
        }
    }

    /// msgsnd(2), again if a signal came.
    fn transmit(&self, mtype: i64, value: &T, flags: i32) -> io::Result<()> {
        again(|| Envelope::send(self.id, mtype, value, flags))
    }

    /// Receives the first message that is selected, waiting until there is one: msgrcv(2).
    ///
    /// A signal does not end the waiting. There is no time-out, as msgrcv(2) has none: see
    /// [`try_receive`](Self::try_receive).
    ///
    /// # Errors
    ///
    /// If the queue is or gets removed, may not be received from, or a type in `select` is less than 1.
    ///
    /// If the message is not a `T`, it is not lost: [`ErrorKind::WrongMessage`] has it, if it is smaller than a `T` or has
    /// values that are none; one that is larger stays in the queue, for
    /// [`try_receive_raw`](Self::try_receive_raw).
    pub fn receive(&self, select: Select) -> Result<Message<T>, Error> {
        // Without IPC_NOWAIT there is always one.
        loop {
            if let Some(message) = self.receive_with(select, 0)? {
                return Ok(message);
            }
        }
    }

    /// Receives the first message that is selected, if there is one now.
    ///
    /// # Errors
    ///
    /// As for [`receive`](Self::receive).
    pub fn try_receive(&self, select: Select) -> Result<Option<Message<T>>, Error> {
        self.receive_with(select, sys::ipc::IPC_NOWAIT)
    }

    /// `None` if there is none now.
    fn receive_with(&self, select: Select, flags: i32) -> Result<Option<Message<T>>, Error> {
        let fail = |kind| Err(self.error("receive from", kind));
        let (mtype, except) = match select.as_msgrcv() {
            Ok(select) => select,
            Err(kind) => return fail(kind),
        };
        let wrong = |message: Option<RawMessage>, invalid| {
            fail(ErrorKind::WrongMessage {
                message: message.map(Box::new),
                expected: size_of::<T>(),
                invalid,
            })
        };
        match again(|| Envelope::<T>::receive(self.id, mtype, flags | except)) {
            Ok(Received::Value(message)) => Ok(Some(message)),
            Ok(Received::Other(message, invalid)) => wrong(Some(message), invalid),
            Err(error) => match error.raw_os_error() {
                Some(sys::ipc::ENOMSG) => Ok(None),
                Some(sys::ipc::E2BIG) => wrong(None, None),
                _ => Err(self.error("receive from", diagnose::msgrcv(error, self.id))),
            },
        }
    }

    /// Receives the first message that is selected, of whatever size and bytes, if there is one now.
    ///
    /// # Errors
    ///
    /// If the queue was removed, may not be received from, or a type in `select` is less than 1.
    pub fn try_receive_raw(&self, select: Select) -> Result<Option<RawMessage>, Error> {
        let error = |kind| self.error("receive from", kind);
        let (mtype, except) = select.as_msgrcv().map_err(error)?;
        let flags = sys::ipc::IPC_NOWAIT | except;
        // Messages may be larger than can be sent now: the limit may have been lowered.
        let mut room = diagnose::largest_message().unwrap_or(8192);
        loop {
            match again(|| receive_raw(self.id, room, mtype, flags)) {
                Ok(message) => return Ok(Some(message)),
                Err(failed) => match failed.raw_os_error() {
                    Some(sys::ipc::ENOMSG) => return Ok(None),
                    Some(sys::ipc::E2BIG) => room = room.saturating_mul(2),
                    _ => return Err(self.error("receive from", diagnose::msgrcv(failed, self.id))),
                },
            }
        }
    }

    /// What the kernel records of the queue: msgctl(2) with IPC_STAT.
    ///
    /// # Errors
    ///
    /// If the queue was removed, or may not be read.
    pub fn stat(&self) -> Result<Stat, Error> {
        Stat::of(self.id).map_err(|error| self.failed("look at", error))
    }

    /// Sets owner, group and mode: msgctl(2) with IPC_SET, which sets the limit too, to what it is.
    ///
    /// # Errors
    ///
    /// If the queue was removed, may not be read, belongs to another user, or the mode has bits beyond 0o777.
    pub fn set_permissions(&self, permissions: Permissions) -> Result<(), Error> {
        let limit = self.stat()?.limit.unwrap_or_default();
        self.set("set the permissions of", permissions, limit)
    }

    /// Sets how many bytes, and how many messages, the queue takes (`msg_qbytes`): msgctl(2) with IPC_SET, which sets
    /// the permissions too, to what they are. A new queue has the limit of `sysctl kernel.msgmnb`; beyond it takes
    /// CAP_SYS_RESOURCE. What is in the queue stays, even if it is more.
    ///
    /// # Errors
    ///
    /// If the queue was removed, may not be read, belongs to another user, or the limit is above what this process
    /// may set.
    pub fn set_limit(&self, bytes: u64) -> Result<(), Error> {
        self.set("set the limit of", self.stat()?.permissions, bytes)
    }

    fn set(&self, operation: &'static str, permissions: Permissions, limit: u64) -> Result<(), Error> {
        let Permissions { uid, gid, mode } = permissions;
        let bits = mode_bits(mode).map_err(|kind| self.error(operation, kind))?;
        sys::ipc::msg_set(self.id, uid, gid, bits, limit)
            .map_err(|error| self.error(operation, diagnose::set_limit(error, self.id, limit)))
    }

    /// Removes the queue, with the messages in it: msgctl(2) with IPC_RMID, by id, so that it cannot hit a successor
    /// under the same key. It is gone at once; a process that waits for it gets an error.
    ///
    /// # Errors
    ///
    /// If it was removed already, or belongs to another user.
    pub fn remove(&self) -> Result<(), Error> {
        sys::ipc::msg_remove(self.id).map_err(|error| self.failed("remove", error))
    }

    /// A guard that removes the queue when it is dropped, also by a panic; not when the process is killed.
    ///
    /// In a forked child it removes nothing. A daemon makes it after daemonizing: see [`RemoveOnDrop`].
    pub fn remove_on_drop(self) -> RemoveOnDrop<Self> {
        RemoveOnDrop::new(self)
    }

    fn failed(&self, operation: &'static str, error: io::Error) -> Error {
        self.error(operation, diagnose::msgctl(error, self.id))
    }

    fn error(&self, operation: &'static str, kind: ErrorKind) -> Error {
        Error::new(operation, self.identity.clone(), kind)
    }
}

/// The call, again as long as a signal comes in its way.
fn again<R>(call: impl Fn() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.raw_os_error() == Some(sys::ipc::EINTR) => {}
            done => return done,
        }
    }
}

impl<T> private::Sealed for Queue<T> {}

impl<T: Shareable + Copy> Removable for Queue<T> {
    fn remove(&self) -> Result<(), Error> {
        self.remove()
    }

    fn take(&self) -> Self {
        self.clone()
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self { identity: self.identity.clone(), id: self.id, holds: PhantomData }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("identity", &format_args!("{}", self.identity)).finish_non_exhaustive()
    }
}
