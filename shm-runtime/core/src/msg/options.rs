//! How to create and open a message queue.

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;
use std::borrow::Cow;

use crate::ipc::error::Error;
use crate::ipc::identity::Identity;
use crate::ipc::key::Key;
use crate::ipc::kind::ObjectKind;
use crate::ipc::lookup::Lookup;
use crate::ipc::trusted::Trust;
use crate::msg::{Payload, Queue, diagnose};

/// Options for creating and opening a queue of `T`, in the manner of [`std::fs::OpenOptions`].
///
/// ```
/// use shm_runtime::Key;
/// use shm_runtime::msg::Queue;
///
/// // All may send, and only the owner receives.
/// let key = Key::name(format!("org.example.queue.options.{}", std::process::id()));
/// let queue = Queue::<u64>::options(key).mode(0o622).create()?.remove_on_drop();
/// assert_eq!(queue.stat()?.permissions.mode, 0o622);
/// # Ok::<(), shm_runtime::Error>(())
/// ```
pub struct Options<T: Payload + ?Sized> {
    lookup: Lookup,
    holds: PhantomData<fn(&T)>,
}

impl<T: Payload + ?Sized> Options<T> {
    pub(crate) fn new(key: Key) -> Self {
        Self {
            lookup: Lookup::new(ObjectKind::Queue, key, T::__layout().name(), Trust::Nobody),
            holds: PhantomData,
        }
    }

    /// The permissions of a new queue, for owner, group and others: read (4) to receive, write (2) to send. At most
    /// 0o777; by default 0o600. The umask has no part in it. An existing queue keeps its own.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.lookup.mode = mode;
        self
    }

    /// How long opening waits for a queue that does not exist yet, where another process is to create it; also for the file
    /// that an [ftok](Key::ftok) key comes from. Not at all, if not given.
    ///
    /// The kernel does not announce a new queue: it is asked every 5 ms. [`open_or_create`](Self::open_or_create) waits this
    /// long too, before it creates one. `open_id` does not wait, because an id is of what exists.
    ///
    /// ```
    /// use core::time::Duration;
    /// use shm_runtime::{ErrorKind, Key, msg::Queue};
    ///
    /// let start = std::time::Instant::now();
    /// let key = Key::name("org.example.queue-that-nobody-makes");
    /// let error = Queue::<u64>::options(key).wait_for_creation(Duration::from_millis(20)).open().unwrap_err();
    /// assert!(matches!(error.kind(), ErrorKind::NotFound));
    /// assert!(start.elapsed() >= Duration::from_millis(20));
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    pub fn wait_for_creation(&mut self, wait: Duration) -> &mut Self {
        self.lookup.wait_for_creation = wait;
        self
    }

    /// Accepts queues whose owner or creator is this user too. Without, only our own and root's are opened: the rule is
    /// that of segments, see [`trust_owner`](crate::Options::trust_owner) there.
    pub fn trust_owner(&mut self, uid: u32) -> &mut Self {
        self.lookup.trusted.add(uid);
        self
    }

    /// The same for a user with this name: see [`trust_owner_named`](crate::Options::trust_owner_named).
    pub fn trust_owner_named(&mut self, name: impl Into<Cow<'static, str>>) -> &mut Self {
        self.lookup.trusted.add_named(name.into());
        self
    }

    /// Accepts queues of any user.
    pub fn trust_anybody(&mut self) -> &mut Self {
        self.lookup.trusted.add_anybody();
        self
    }

    /// Creates the queue: msgget(2) with IPC_CREAT, IPC_EXCL and the mode.
    ///
    /// # Errors
    ///
    /// If it exists already, there are as many queues as the system allows, or the key cannot be derived.
    pub fn create(&self) -> Result<Queue<T>, Error> {
        let identity = self.lookup.resolve("create")?;
        let (identity, id) = self.lookup.create(identity, diagnose::msgget)?;
        Ok(Queue::new(identity, id))
    }

    /// Opens the existing queue: msgget(2), and msgctl(2) with IPC_STAT to check its owner. Whether it may be sent to or
    /// received from shows when it is done: some may only do the one or the other.
    ///
    /// # Errors
    ///
    /// If there is none, or its owner or creator is not trusted. If it may not be read, and neither Linux (before
    /// 4.17) nor /proc tells whose it is: [`trust_anybody`](Self::trust_anybody) opens it.
    pub fn open(&self) -> Result<Queue<T>, Error> {
        self.lookup.open(|identity, id| self.check(identity, id))
    }

    /// Opens the queue with this msqid: for private ones, whose id is all there is to find them by.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_id(&self, id: i32) -> Result<Queue<T>, Error> {
        self.check(self.lookup.identity_of(id), id)
    }

    /// The queue, if its users are trusted.
    fn check(&self, identity: Identity, id: i32) -> Result<Queue<T>, Error> {
        match self.lookup.look(id) {
            Ok(_) => Ok(Queue::new(identity, id)),
            Err(kind) => Err(self.lookup.not_opened(identity, id, kind)),
        }
    }

    /// Opens the queue, or creates it if there is none.
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create) and [`open`](Self::open).
    pub fn open_or_create(&self) -> Result<Queue<T>, Error> {
        self.lookup.open_or_create(|| self.open(), || self.create())
    }

    /// Removes the queue that now has the key, with its messages, whatever they are: msgctl(2) with IPC_RMID. A process that
    /// waits for it gets an error.
    ///
    /// # Errors
    ///
    /// If there is none, or it belongs to another user.
    pub fn remove(&self) -> Result<(), Error> {
        let (identity, id) = self.lookup.find("remove")?;
        Queue::<T>::new(identity, id).remove()
    }
}

impl<T: Payload + ?Sized> Clone for Options<T> {
    fn clone(&self) -> Self {
        Self { lookup: self.lookup.clone(), holds: PhantomData }
    }
}

impl<T: Payload + ?Sized> fmt::Debug for Options<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("key", &self.lookup.key)
            .field("mode", &format_args!("{:#o}", self.lookup.mode))
            .field("wait_for_creation", &self.lookup.wait_for_creation)
            .finish()
    }
}
