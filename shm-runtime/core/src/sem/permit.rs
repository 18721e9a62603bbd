//! Units that are held for as long as a guard lives.

use core::fmt;

use crate::ipc::error::{Error, ErrorKind};
use crate::sem::SemaphoreSet;
use crate::sem::op::{Wait, releases};
use crate::sys::liveness::Process;
use crate::sys::process::Maker;

/// Acquired units of a semaphore, released when this is dropped.
///
/// They are held by the process that acquired them, and SEM_UNDO belongs to that process: if it ends without dropping
/// this, the kernel releases them, unless [`undo`](crate::sem::Options::undo) is off. A child of fork(2) has a copy of
/// this and holds nothing: dropping the copy does nothing, and [`release`](Self::release) is an error. So a program that
/// becomes a daemon, by a fork after which the first process ends, acquires after that.
#[must_use = "the units are released when this is dropped"]
pub struct Permit<'a, const N: usize = 1> {
    set: &'a SemaphoreSet<N>,
    units: [u16; N],
    /// The process that acquired them.
    holder: Maker,
    /// The same, as its children know it.
    process: Process,
}

impl<'a, const N: usize> Permit<'a, N> {
    /// `set` has just given these units.
    pub(crate) fn new(set: &'a SemaphoreSet<N>, units: [u16; N]) -> Self {
        Self { set, units, holder: Maker::this(), process: Process::this() }
    }

    /// Releases the units, as dropping does, and says whether that worked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotHolder`] in a forked child of the process that acquired the units: nothing is released then. Also
    /// if the set was removed, may not be altered any more, or a semaphore would get more than 32767 units, because
    /// others released more than they acquired.
    pub fn release(self) -> Result<(), Error> {
        let result = match self.holder.is_this_process() {
            true => self.give_back(),
            false => Err(self.set.error("release", self.not_holder())),
        };
        self.forget();
        result
    }

    /// Keeps the units acquired: for another process to release them. Unless [`undo`](crate::sem::Options::undo) is
    /// off, the kernel releases them when this process ends.
    pub fn forget(self) {
        core::mem::forget(self);
    }

    fn give_back(&self) -> Result<(), Error> {
        self.set.operate("release", releases(&self.units), Wait::No).map(drop)
    }

    fn not_holder(&self) -> ErrorKind {
        let holder_pid = if self.process.is_elsewhere() { 0 } else { self.process.pid };
        let ended = self.process.is_dead();
        ErrorKind::NotHolder { holder_pid, ended, undo: self.set.undo() }
    }
}

impl<const N: usize> Drop for Permit<'_, N> {
    fn drop(&mut self) {
        if self.holder.is_this_process() {
            // The set may have been removed, and a drop has no way to tell; `release` can.
            let _ = self.give_back();
        }
    }
}

impl<const N: usize> fmt::Debug for Permit<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("set", self.set).field("units", &self.units).finish_non_exhaustive()
    }
}
