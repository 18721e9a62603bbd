//! Sending and receiving.

use core::ffi::c_long;
use std::io;

use crate::ipc::error::{Error, ErrorKind};
use crate::memory::shareable::Shareable;
use crate::msg::message::{Bytes, Received, checked, receive_slice};
use crate::msg::{Message, Payload, Queue, RawMessage, Select, Stat, diagnose};
use crate::sys;
use crate::sys::refused::Call;

impl<T: Payload + ?Sized> Queue<T> {
    /// The same queue, by a handle whose waiting a signal ends: [`ErrorKind::Interrupted`], and nothing was sent or
    /// received. Without it, a call that a signal interrupts goes on waiting, as those of the standard library do.
    ///
    /// It takes a signal that has a handler, with SA_RESTART or not: these calls are never restarted, see signal(7). A
    /// handler without `unsafe`, which sets a flag, is that of the crate `signal-hook`:
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
    /// run, and the call waits. As msgrcv(2) and msgsnd(2) have no time-out, what closes the gap is another signal: the
    /// process that stops this one sends it again, until this one has ended; or a timer of this one's own (setitimer(2),
    /// with an interval) sends one every second, whose handler does nothing. Or do not wait in the kernel:
    /// [`try_receive`](Self::try_receive), and a short sleep if there was nothing.
    #[must_use = "this is another handle, and the one that it is made of is not changed"]
    pub fn interruptible(&self) -> Self {
        let mut handle = self.clone();
        handle.interruptible = true;
        handle
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
        let limit = Stat::of(self.id()).ok().and_then(|stat| stat.limit);
        match limit {
            Some(most) if usize::try_from(most).is_ok_and(|most| size_of_val(value).max(1) > most) => {
                Err(self.error(
                    "send to",
                    ErrorKind::Limit {
                        name: "msg_qbytes",
                        value: limit,
                        asked: u64::try_from(size_of_val(value)).ok(),
                        used: None,
                    },
                ))
            }
            _ => Ok(false),
        }
    }

    /// msgsnd(2), again if a signal came that is not to end it.
    fn transmit(&self, mtype: i64, value: &T, flags: i32) -> io::Result<()> {
        self.again(|| value.__send(self.id(), mtype, flags))
    }

    fn not_sent(&self, error: io::Error, value: &T) -> Error {
        self.error("send to", diagnose::msgsnd(error, self.id(), size_of_val(value)))
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
    /// It takes Linux 3.8 with CONFIG_CHECKPOINT_RESTORE, which distributions' kernels have. (Earlier kernels do not know
    /// the flag, and take a message.)
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
        let looked = self.again(|| T::__receive(self.id(), index, flags));
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
        self.received(operation, self.again(|| receive(self.id(), mtype, flags | except)), false)
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
                _ => Err(self.failed(operation, Call::Msgrcv, error)),
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
}

impl<T: Shareable + Copy> Queue<[T]> {
    /// Receives the first message that is selected into the vector, whose values it replaces, waiting until there is one:
    /// [`receive`](Self::receive) without a new vector. Returns the message's type.
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
