//! The set itself.

use core::fmt;
use core::time::Duration;
use std::io;
use std::time::Instant;

use crate::ipc::error::{Error, ErrorKind};
use crate::ipc::identity::Identity;
use crate::ipc::key::Key;
use crate::ipc::mode::mode_bits;
use crate::ipc::permissions::Permissions;
use crate::ipc::remove_on_drop::{Removable, RemoveOnDrop, private};
use crate::sem::diagnose;
use crate::sem::op::{Wait, acquires, buffer};
use crate::sem::{Op, Options, Permit, Stat, State};
use crate::sys;

/// A set of `N` System V semaphores: the kernel's object, known by its semid.
///
/// As a [`Semaphore`](crate::sem::Semaphore), it lives until it is removed.
///
/// ```
/// use shm_runtime::Key;
/// use shm_runtime::sem::SemaphoreSet;
///
/// // Two forks on a table, and each philosopher takes both at once or none.
/// let forks = SemaphoreSet::<2>::options(Key::private()).create_set([1, 1])?.remove_on_drop();
/// let both = forks.acquire_units([1, 1])?;
/// assert!(forks.try_acquire_units([0, 1])?.is_none());
/// both.release()?;
/// # Ok::<(), shm_runtime::Error>(())
/// ```
#[derive(Clone)]
pub struct SemaphoreSet<const N: usize> {
    identity: Identity,
    id: i32,
    undo: bool,
    interruptible: bool,
}

impl<const N: usize> SemaphoreSet<N> {
    pub(crate) fn new(identity: Identity, id: i32, undo: bool) -> Self {
        Self { identity, id, undo, interruptible: false }
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) fn with_undo(self, undo: bool) -> Self {
        Self { undo, ..self }
    }

    pub(crate) fn undo(&self) -> bool {
        self.undo
    }

    /// Everything that can be chosen: mode, SEM_UNDO, waiting time.
    pub fn options(key: Key) -> Options<N> {
        Options::new(key)
    }

    /// Opens the existing set: as [`Options::open`].
    ///
    /// # Errors
    ///
    /// As for `Options::open`.
    pub fn open(key: Key) -> Result<Self, Error> {
        Self::options(key).open()
    }

    /// Opens the set with this semid: as [`Options::open_id`].
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn from_id(id: i32) -> Result<Self, Error> {
        Self::options(Key::private()).open_id(id)
    }

    /// The semid. 0 is one too.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// The `key_t` it was found or created by; 0 for a private one, and for one found by its id.
    pub fn key(&self) -> i32 {
        self.identity.value.unwrap_or(0)
    }

    /// The same set, by a handle whose waiting a signal ends: [`ErrorKind::Interrupted`], and nothing was done. Without it, a
    /// call that a signal interrupts goes on waiting, as those of the standard library do.
    ///
    /// It takes a signal that has a handler, with SA_RESTART or not; and as semop(2) has it, a process that was stopped and
    /// goes on (SIGCONT) is interrupted without one: look at what the handler left, and call again if there is nothing.
    ///
    /// A signal that came *just before* the call does not end it: the handler has run, and the call waits. So that none
    /// is missed, wait for a limited time and look again:
    ///
    /// ```
    /// use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    /// use std::time::Duration;
    ///
    /// use shm_runtime::sem::{Permit, Semaphore};
    /// use shm_runtime::{Error, ErrorKind};
    ///
    /// /// `stop` is set by a handler: `signal_hook::flag::register(SIGTERM, ..)`.
    /// fn acquire<'a>(semaphore: &'a Semaphore, stop: &AtomicBool) -> Result<Option<Permit<'a>>, Error> {
    ///     while !stop.load(Relaxed) {
    ///         match semaphore.acquire_timeout(Duration::from_secs(1)) {
    ///             Ok(None) => {}
    ///             Err(error) if matches!(error.kind(), ErrorKind::Interrupted) => {}
    ///             acquired => return acquired,
    ///         }
    ///     }
    ///     Ok(None)
    /// }
    /// # let key = shm_runtime::Key::private();
    /// let semaphore = Semaphore::create(key, 1)?.remove_on_drop();
    /// let semaphore = semaphore.interruptible();
    /// assert!(acquire(&semaphore, &AtomicBool::new(false))?.is_some());
    /// assert!(acquire(&semaphore, &AtomicBool::new(true))?.is_none());
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use = "this is another handle, and the one that it is made of is not changed"]
    pub fn interruptible(&self) -> Self {
        Self { interruptible: true, ..self.clone() }
    }

    /// Acquires this many units of each semaphore, waiting until all are there at once: semop(2). They are released
    /// when the guard is dropped.
    ///
    /// # Errors
    ///
    /// If the set is or gets removed, may not be altered, or no units are asked for.
    pub fn acquire_units(&self, units: [u16; N]) -> Result<Permit<'_, N>, Error> {
        self.operate("acquire", acquires(&units), Wait::Forever)?;
        Ok(Permit::new(self, units))
    }

    /// Acquires this many units of each semaphore, if all are there now.
    ///
    /// # Errors
    ///
    /// As for [`acquire_units`](Self::acquire_units).
    pub fn try_acquire_units(&self, units: [u16; N]) -> Result<Option<Permit<'_, N>>, Error> {
        let acquired = self.operate("acquire", acquires(&units), Wait::No)?;
        Ok(acquired.then(|| Permit::new(self, units)))
    }

    /// Acquires this many units of each semaphore, waiting at most this long until all are there at once:
    /// semtimedop(2).
    ///
    /// # Errors
    ///
    /// As for [`acquire_units`](Self::acquire_units).
    pub fn acquire_units_timeout(
        &self,
        units: [u16; N],
        timeout: Duration,
    ) -> Result<Option<Permit<'_, N>>, Error> {
        let acquired = self.operate("acquire", acquires(&units), Wait::For(timeout))?;
        Ok(acquired.then(|| Permit::new(self, units)))
    }

    /// Does the operations in their order, all at once or not at all, waiting until all can be done: semop(2). No
    /// guard undoes them, but [`undo`](Options::undo) does.
    ///
    /// ```
    /// use shm_runtime::Key;
    /// use shm_runtime::sem::{Op, Semaphore};
    ///
    /// // The first one to come counts up, and those that come later have to wait.
    /// let turn = Semaphore::create(Key::private(), 0)?.remove_on_drop();
    /// let first = [Op::WaitForZero { index: 0 }, Op::Release { index: 0, units: 1 }];
    /// turn.perform(&first)?;
    /// assert!(!turn.try_perform(&first)?);
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the set is or gets removed, may not be altered (or, where all operations wait for zero, read); a semaphore
    /// would get more than 32767 units; there are no operations, or more than SEMOPM; an index or a number of
    /// units is out of range.
    pub fn perform(&self, operations: &[Op]) -> Result<(), Error> {
        self.operate("operate on", operations.iter().copied(), Wait::Forever).map(drop)
    }

    /// Does the operations, all at once, if all can be done now. Returns whether they were done.
    ///
    /// # Errors
    ///
    /// As for [`perform`](Self::perform).
    pub fn try_perform(&self, operations: &[Op]) -> Result<bool, Error> {
        self.operate("operate on", operations.iter().copied(), Wait::No)
    }

    /// Does the operations, all at once, waiting at most this long until all can be done: semtimedop(2). Returns
    /// whether they were done.
    ///
    /// # Errors
    ///
    /// As for [`perform`](Self::perform).
    pub fn perform_timeout(&self, operations: &[Op], timeout: Duration) -> Result<bool, Error> {
        self.operate("operate on", operations.iter().copied(), Wait::For(timeout))
    }

    /// Value and waiters of each semaphore. Each is asked for by itself: together they are not a snapshot, as
    /// [`values`](Self::values) are.
    ///
    /// # Errors
    ///
    /// If the set was removed, or may not be read.
    pub fn state(&self) -> Result<[State; N], Error> {
        let mut states = [State::default(); N];
        for (index, state) in (0..).zip(&mut states) {
            *state = self.look(State::of(self.id, index))?;
        }
        Ok(states)
    }

    /// What the kernel records of the set: semctl(2) with IPC_STAT.
    ///
    /// # Errors
    ///
    /// If the set was removed, or may not be read.
    pub fn stat(&self) -> Result<Stat, Error> {
        self.look(Stat::of(self.id))
    }

    /// Sets owner, group and mode: semctl(2) with IPC_SET.
    ///
    /// # Errors
    ///
    /// If the set was removed, belongs to another user, the mode has bits beyond 0o777, or the user or the group has no number
    /// in this process's user namespace.
    pub fn set_permissions(&self, permissions: Permissions) -> Result<(), Error> {
        let Permissions { uid, gid, mode } = permissions;
        let operation = "set the permissions of";
        let bits = mode_bits(mode).map_err(|kind| self.error(operation, kind))?;
        sys::ipc::sem_set(self.id, uid, gid, bits)
            .map_err(|error| self.error(operation, diagnose::set_permissions(error, self.id, (uid, gid))))
    }

    /// Removes the set: semctl(2) with IPC_RMID, by id, so that it cannot hit a successor under the same key.
    /// It is gone at once; a process that waits for it gets an error.
    ///
    /// # Errors
    ///
    /// If it was removed already, or belongs to another user.
    pub fn remove(&self) -> Result<(), Error> {
        sys::ipc::sem_remove(self.id).map_err(|error| self.failed("remove", error))
    }

    /// A guard that removes the set when it is dropped, also by a panic; not when the process is killed.
    ///
    /// In a forked child it removes nothing. A daemon makes it after daemonizing: see [`RemoveOnDrop`].
    pub fn remove_on_drop(self) -> RemoveOnDrop<Self> {
        RemoveOnDrop::new(self)
    }

    /// Does the operations, all at once. Whether they were done; not only if there was no time to wait.
    pub(crate) fn operate(
        &self,
        operation: &'static str,
        operations: impl IntoIterator<Item = Op>,
        wait: Wait,
    ) -> Result<bool, Error> {
        let flags = match wait {
            Wait::No => sys::ipc::IPC_NOWAIT,
            Wait::For(_) | Wait::Forever => 0,
        } | if self.undo { sys::ipc::SEM_UNDO } else { 0 };
        let buffers = operations.into_iter().map(|op| buffer::<N>(op, flags));
        let buffers = buffers.collect::<Result<Vec<_>, _>>().map_err(|kind| self.error(operation, kind))?;
        if buffers.is_empty() {
            let reason = "there is nothing to be done: no operation, or no units";
            return Err(self.error(operation, ErrorKind::InvalidInput { reason }));
        }
        let deadline = match wait {
            // A time beyond what the clock can say never comes.
            Wait::For(timeout) => Instant::now().checked_add(timeout),
            Wait::No | Wait::Forever => None,
        };
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let Err(error) = sys::ipc::semop(self.id, &buffers, left) else {
                return Ok(true);
            };
            match error.raw_os_error() {
                Some(sys::ipc::EINTR) if self.interruptible => {
                    return Err(self.error(operation, ErrorKind::Interrupted));
                }
                Some(sys::ipc::EINTR) => {}
                Some(sys::ipc::EAGAIN) => return Ok(false),
                _ => return Err(self.error(operation, diagnose::semop(error, self.id, buffers.len()))),
            }
        }
    }

    pub(crate) fn look<R>(&self, result: io::Result<R>) -> Result<R, Error> {
        result.map_err(|error| self.failed("look at", error))
    }

    pub(super) fn failed(&self, operation: &'static str, error: io::Error) -> Error {
        self.error(operation, diagnose::semctl(error, self.id))
    }

    pub(crate) fn error(&self, operation: &'static str, kind: ErrorKind) -> Error {
        Error::new(operation, self.identity.clone(), kind)
    }
}

impl<const N: usize> private::Sealed for SemaphoreSet<N> {}

impl<const N: usize> Removable for SemaphoreSet<N> {
    fn remove(&self) -> Result<(), Error> {
        self.remove()
    }

    fn take(&self) -> Self {
        self.clone()
    }
}

impl<const N: usize> fmt::Debug for SemaphoreSet<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphoreSet")
            .field("identity", &format_args!("{}", self.identity))
            .field("undo", &self.undo)
            .finish_non_exhaustive()
    }
}
