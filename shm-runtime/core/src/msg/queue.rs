//! The queue itself.

use core::ffi::c_long;
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
use crate::msg::message::{Bytes, Received, checked, receive_slice};
use crate::msg::{Message, Options, Payload, RawMessage, Select, Stat};
use crate::sys;

/// A System V message queue of `T`: the kernel's object, known by its msqid. Of `[T]`, a message is any number of `T`, none
/// too: what is sent is a slice, and what is received a vector.
///
/// It lives until it is removed, with the messages in it: dropping a `Queue` does nothing to it, nor does the end of
/// the process. [`remove_on_drop`](Self::remove_on_drop) ties the two.
///
/// The kernel knows nothing of `T`: every message is checked, when it is received, for its size and for its values.
pub struct Queue<T: ?Sized> {
    identity: Identity,
    id: i32,
    interruptible: bool,
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

    /// The same queue, by a handle whose waiting a signal ends: [`ErrorKind::Interrupted`], and nothing was sent or received.
    /// Without it, a call that a signal interrupts goes on waiting, as those of the standard library do.
    ///
    /// It takes a signal that has a handler, with SA_RESTART or not. A handler without `unsafe`, which sets a flag, is that of
    /// the crate `signal-hook`:
    ///
    /// ```
    /// use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    ///
    /// use shm_runtime::msg::{Queue, Select};
    /// use shm_runtime::{Error, ErrorKind};
    ///
    /// /// `stop` is set by a handler: `signal_hook::flag::register(SIGTERM, ..)`.
    /// fn work(jobs: &Queue<u64>, stop: &AtomicBool) -> Result<(), Error> {
    ///     while !stop.load(Relaxed) {
    ///         match jobs.receive(Select::Any) {
    ///             Ok(job) => println!("{}", job.value),
    ///             Err(error) if matches!(error.kind(), ErrorKind::Interrupted) => {}
    ///             Err(error) => return Err(error),
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// # let jobs = Queue::create(shm_runtime::Key::private())?.remove_on_drop();
    /// work(&jobs.interruptible(), &AtomicBool::new(true))?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// A signal that comes *just before* the call, here between `load` and `receive`, does not end it: the handler has
    /// run, and the call waits. As msgrcv(2) and msgsnd(2) have no time-out, what closes the gap is another signal: the process
    /// that stops this one sends it again, until this one has ended; or a timer of this one's own (setitimer(2), with an
    /// interval) sends one every second, whose handler does nothing. Or do not wait in the kernel:
    /// [`try_receive`](Self::try_receive), and a short sleep if there was nothing.
    #[must_use = "this is another handle, and the one that it is made of is not changed"]
    pub fn interruptible(&self) -> Self {
        Self { interruptible: true, ..self.clone() }
    }

    /// Sends the value as a message of type `mtype`, 1 or more, waiting while the queue is full: msgsnd(2). Padding
    /// is sent as zeros: what this process had in it does not leak.
    ///
    /// A signal does not end the waiting, unless it is to: see [`interruptible`](Self::interruptible). There is no time-out,
    /// as msgsnd(2) has none: see [`try_send`](Self::try_send).
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
        self.transmit(mtype, value, 0).map_err(|error| self.not_sent(error, value))
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
            return Err(self.not_sent(error, value));
        }
        // The kernel lets a sender wait for room that there can never be. An empty message takes a place too, and there are
        // as many of these as bytes.
        let limit = Stat::of(self.id).ok().and_then(|stat| stat.limit);
        match limit {
            Some(most) if usize::try_from(most).is_ok_and(|most| size_of_val(value).max(1) > most) => {
                Err(self.error("send to", ErrorKind::Limit { name: "msg_qbytes", value: limit }))
            }
            _ => Ok(false),
        }
    }

    /// msgsnd(2), again if a signal came that is not to end it.
    fn transmit(&self, mtype: i64, value: &T, flags: i32) -> io::Result<()> {
        self.again(|| value.__send(self.id, mtype, flags))
    }

    fn not_sent(&self, error: io::Error, value: &T) -> Error {
        self.error("send to", diagnose::msgsnd(error, self.id, size_of_val(value)))
    }

    /// Receives the first message that is selected, waiting until there is one: msgrcv(2).
    ///
    /// A signal does not end the waiting, unless it is to: see [`interruptible`](Self::interruptible). There is no time-out,
    /// as msgrcv(2) has none: see [`try_receive`](Self::try_receive).
    ///
    /// # Errors
    ///
    /// If the queue is or gets removed, may not be received from, or a type in `select` is less than 1.
    ///
    /// If the message is not a `T`, it is not lost: [`ErrorKind::WrongMessage`] has it, if it is smaller than a `T` (or, of
    /// `[T]`, not a whole number of them) or has values that are none; one that is larger stays in the queue, for
    /// [`try_receive_raw`](Self::try_receive_raw).
    pub fn receive(&self, select: Select) -> Result<Message<T::Owned>, Error> {
        self.wait_for(select, T::__receive)
    }

    /// Receives the first message that is selected, if there is one now.
    ///
    /// # Errors
    ///
    /// As for [`receive`](Self::receive).
    pub fn try_receive(&self, select: Select) -> Result<Option<Message<T::Owned>>, Error> {
        self.take(select, sys::ipc::IPC_NOWAIT, T::__receive)
    }

    /// The message at this place in the queue, from 0, the next one, without taking it: msgrcv(2) with MSG_COPY. `None` if
    /// there are fewer now. By the time that this returns, another process may have taken it.
    ///
    /// It takes Linux 3.8 with CONFIG_CHECKPOINT_RESTORE, which distributions' kernels have. (Earlier kernels do not know the
    /// flag, and take a message.)
    ///
    /// ```
    /// use shm_runtime::Key;
    /// use shm_runtime::msg::Queue;
    ///
    /// let queue = Queue::<u64>::create(Key::private())?.remove_on_drop();
    /// queue.send(3, &30)?;
    /// queue.send(4, &40)?;
    /// assert_eq!(queue.peek(1)?.map(|message| (message.mtype, message.value)), Some((4, 40)));
    /// assert!(queue.peek(2)?.is_none());
    /// assert_eq!(queue.stat()?.messages, 2);
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`receive`](Self::receive), but the message stays in the queue, and what [`ErrorKind::WrongMessage`] has is a
    /// copy. Also if the kernel cannot do it (ENOSYS), or the message is larger than can be sent now (MSGMAX, which was
    /// lowered since).
    pub fn peek(&self, index: usize) -> Result<Option<Message<T::Owned>>, Error> {
        let index = c_long::try_from(index).unwrap_or(c_long::MAX);
        let flags = sys::ipc::MSG_COPY | sys::ipc::IPC_NOWAIT;
        let looked = self.again(|| T::__receive(self.id, index, flags));
        let errno = looked.as_ref().err().and_then(io::Error::raw_os_error);
        self.received("look into", looked, true).map_err(|error| match (errno, error.kind()) {
            (Some(sys::ipc::ENOSYS), _) => error.with_note(
                "This kernel cannot copy a message (MSG_COPY): it was built without CONFIG_CHECKPOINT_RESTORE. Receive the \
                 message, and send it again, at the end of the queue, if it is not for this process"
                    .to_owned(),
            ),
            // It would have been received: msgrcv(2) with MSG_COPY makes room for what can be sent now, and no more.
            (Some(sys::EINVAL), ErrorKind::Os { .. }) => {
                let error = self.error("look into", diagnose::over_msgmax());
                error.with_note("The message is larger, and was sent when the limit was higher: it can be received".to_owned())
            }
            _ => error,
        })
    }

    /// Receives the first message that is selected, of whatever size and bytes, if there is one now.
    ///
    /// # Errors
    ///
    /// If the queue was removed, may not be received from, or a type in `select` is less than 1.
    pub fn try_receive_raw(&self, select: Select) -> Result<Option<RawMessage>, Error> {
        let message = self.take(select, sys::ipc::IPC_NOWAIT, |id, mtype, flags| {
            let RawMessage { mtype, bytes } = Bytes::receive(id, mtype, flags)?.into_raw();
            Ok(Received::Value(Message { mtype, value: bytes }))
        })?;
        Ok(message.map(|Message { mtype, value: bytes }| RawMessage { mtype, bytes }))
    }

    /// Takes the first message that is selected, waiting until there is one.
    fn wait_for<R>(
        &self,
        select: Select,
        mut receive: impl FnMut(i32, c_long, i32) -> io::Result<Received<R>>,
    ) -> Result<Message<R>, Error> {
        // Without IPC_NOWAIT there is always one.
        loop {
            if let Some(message) = self.take(select, 0, &mut receive)? {
                return Ok(message);
            }
        }
    }

    /// Takes the first message that is selected; `None` if there is none now.
    fn take<R>(
        &self,
        select: Select,
        flags: i32,
        mut receive: impl FnMut(i32, c_long, i32) -> io::Result<Received<R>>,
    ) -> Result<Option<Message<R>>, Error> {
        let operation = "receive from";
        let (mtype, except) = select.as_msgrcv().map_err(|kind| self.error(operation, kind))?;
        self.received(operation, self.again(|| receive(self.id, mtype, flags | except)), false)
    }

    /// What a msgrcv(2) gave; `None` if there was no message.
    fn received<R>(
        &self,
        operation: &'static str,
        received: io::Result<Received<R>>,
        in_queue: bool,
    ) -> Result<Option<Message<R>>, Error> {
        let wrong = |message: Option<RawMessage>, in_queue, invalid| {
            let (message, expected) = (message.map(Box::new), T::__layout().size);
            Err(self.error(operation, ErrorKind::WrongMessage { message, in_queue, expected, invalid }))
        };
        match received {
            Ok(Received::Value(message)) => Ok(Some(message)),
            Ok(Received::Other(message, invalid)) => wrong(Some(message), in_queue, invalid),
            Err(error) => match error.raw_os_error() {
                Some(sys::ipc::ENOMSG) => Ok(None),
                Some(sys::ipc::E2BIG) => wrong(None, true, None),
                _ => Err(self.failed(operation, error)),
            },
        }
    }

    /// The call, again as long as a signal comes in its way that is not to end it.
    fn again<R>(&self, mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        loop {
            match call() {
                Err(error) if error.raw_os_error() == Some(sys::ipc::EINTR) && !self.interruptible => {}
                done => return done,
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

    /// What IPC_SET sets and is to stay. An owner may change what its own mode does not let it read.
    fn stat_to_change(&self, operation: &'static str) -> Result<Stat, Error> {
        Stat::of(self.id)
            .or_else(|error| Stat::of_any(self.id).map_err(|_| error))
            .map_err(|error| self.failed(operation, error))
    }

    fn set(&self, operation: &'static str, permissions: Permissions, limit: u64) -> Result<(), Error> {
        let Permissions { uid, gid, mode } = permissions;
        let bits = mode_bits(mode).map_err(|kind| self.error(operation, kind))?;
        sys::ipc::msg_set(self.id, uid, gid, bits, limit)
            .map_err(|error| self.error(operation, diagnose::ipc_set(error, self.id, limit)))
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

impl<T: Shareable + Copy> Queue<[T]> {
    /// Receives the first message that is selected into the vector, whose values it replaces, waiting until there is one:
    /// [`receive`](Self::receive) without a new vector. Returns the message's type. After an error, the vector is empty.
    ///
    /// # Errors
    ///
    /// As for `receive`.
    pub fn receive_into(&self, select: Select, values: &mut Vec<T>) -> Result<i64, Error> {
        let message = self.wait_for(select, |id, mtype, flags| receive_slice(id, mtype, flags, values))?;
        Ok(message.mtype)
    }

    /// The same, if there is a message now. If there is none, the vector is empty.
    ///
    /// # Errors
    ///
    /// As for [`receive`](Self::receive).
    pub fn try_receive_into(&self, select: Select, values: &mut Vec<T>) -> Result<Option<i64>, Error> {
        let flags = sys::ipc::IPC_NOWAIT;
        let message = self.take(select, flags, |id, mtype, flags| receive_slice(id, mtype, flags, values))?;
        Ok(message.map(|message| message.mtype))
    }
}

impl<T: ?Sized> private::Sealed for Queue<T> {}

impl<T: Payload + ?Sized> Removable for Queue<T> {
    fn remove(&self) -> Result<(), Error> {
        self.remove()
    }

    fn take(&self) -> Self {
        self.clone()
    }
}

impl<T: ?Sized> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self {
            identity: self.identity.clone(),
            id: self.id,
            interruptible: self.interruptible,
            holds: PhantomData,
        }
    }
}

impl<T: ?Sized> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("identity", &format_args!("{}", self.identity)).finish_non_exhaustive()
    }
}
