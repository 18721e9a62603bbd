//! How to create and open a message queue.

use core::fmt;
use core::marker::PhantomData;

use crate::ipc::error::Error;
use crate::ipc::key::Key;
use crate::ipc::kind::ObjectKind;
use crate::ipc::lookup::Lookup;
use crate::memory::shareable::Shareable;
use crate::memory::structure::Declared;
use crate::msg::{Queue, diagnose};

/// Options for creating and opening a queue of `T`, in the manner of [`std::fs::OpenOptions`].
///
/// ```
/// use shm_runtime::Key;
/// use shm_runtime::msg::Queue;
///
/// // Everybody may send, and the owner alone receives.
/// let key = Key::name(format!("org.example.queue.options.{}", std::process::id()));
/// let queue = Queue::<u64>::options(key).mode(0o622).create()?.remove_on_drop();
/// assert_eq!(queue.stat()?.permissions.mode, 0o622);
/// # Ok::<(), shm_runtime::Error>(())
/// ```
pub struct Options<T> {
    pub(crate) lookup: Lookup,
    holds: PhantomData<fn() -> T>,
}

impl<T: Shareable + Copy> Options<T> {
    pub(crate) fn new(key: Key) -> Self {
        Self {
            lookup: Lookup {
                object: ObjectKind::Queue,
                key,
                type_name: Declared::of::<T>().name(),
                mode: 0o600,
                count: 0,
                why_not_created: |error, _, existing| diagnose::msgget(error, existing),
            },
            holds: PhantomData,
        }
    }

    /// The permissions of a new queue, for owner, group and others: read (4) to receive, write (2) to send. At most
    /// 0o777; by default 0o600. The umask has no part in it. An existing queue keeps its own.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.lookup.mode = mode;
        self
    }

    /// Creates the queue: msgget(2) with IPC_CREAT, IPC_EXCL and the mode.
    ///
    /// # Errors
    ///
    /// If it exists already, there are as many queues as the system allows, or the key cannot be derived.
    pub fn create(&self) -> Result<Queue<T>, Error> {
        let (identity, id) = self.lookup.create()?;
        Ok(Queue::new(identity, id))
    }

    /// Opens the existing queue: msgget(2). Whether it may be sent to or received from shows when it is done: some
    /// may only do the one or the other.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn open(&self) -> Result<Queue<T>, Error> {
        let (identity, id) = self.lookup.find("open")?;
        Ok(Queue::new(identity, id))
    }

    /// Opens the queue, or creates it if there is none.
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create) and [`open`](Self::open).
    pub fn open_or_create(&self) -> Result<Queue<T>, Error> {
        self.lookup.open_or_create(|| self.open(), || self.create())
    }

    /// Removes the queue that now has the key, with its messages, whatever they are: msgctl(2) with IPC_RMID. Whoever
    /// waits for it gets an error.
    ///
    /// # Errors
    ///
    /// If there is none, or it belongs to somebody else.
    pub fn remove(&self) -> Result<(), Error> {
        let (identity, id) = self.lookup.find("remove")?;
        Queue::<T>::new(identity, id).remove()
    }
}

impl<T> Clone for Options<T> {
    fn clone(&self) -> Self {
        Self { lookup: self.lookup.clone(), holds: PhantomData }
    }
}

impl<T> fmt::Debug for Options<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("key", &self.lookup.key)
            .field("mode", &format_args!("{:#o}", self.lookup.mode))
            .finish()
    }
}
