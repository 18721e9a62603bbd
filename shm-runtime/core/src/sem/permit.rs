//! Units that are held for as long as a guard lives.

use core::fmt;
use std::process;

use crate::error::Error;
use crate::sem::SemaphoreSet;
use crate::sem::op::{Wait, releases};

/// Acquired units of a semaphore, released when this is dropped.
///
/// A child of fork(2) that has a copy of it releases nothing by dropping it: the units are the parent's. If the
/// process ends without dropping it, the kernel releases them, unless [`undo`](crate::sem::Options::undo) is off.
#[must_use = "the units are released when this is dropped"]
pub struct Permit<'a, const N: usize = 1> {
    set: &'a SemaphoreSet<N>,
    units: [u16; N],
    /// The process that acquired them.
    holder: u32,
}

impl<'a, const N: usize> Permit<'a, N> {
    /// `set` has just given these units.
    pub(crate) fn new(set: &'a SemaphoreSet<N>, units: [u16; N]) -> Self {
        let holder = process::id();
        Self { set, units, holder }
    }

    /// Releases the units, as dropping does, and says whether that worked.
    ///
    /// # Errors
    ///
    /// If the set was removed, may not be altered any more, or a semaphore would get more than 32767 units, because
    /// others released more than they acquired.
    pub fn release(self) -> Result<(), Error> {
        let result = self.give_back();
        self.forget();
        result
    }

    /// Keeps the units acquired: for another process to release them. Unless [`undo`](crate::sem::Options::undo) is
    /// off, the kernel releases them when this process ends.
    pub fn forget(self) {
        core::mem::forget(self);
    }

    fn give_back(&self) -> Result<(), Error> {
        if self.holder != process::id() {
            return Ok(());
        }
        self.set.operate("release", releases(&self.units), Wait::No).map(drop)
    }
}

impl<const N: usize> Drop for Permit<'_, N> {
    fn drop(&mut self) {
        // The set may have been removed, and a drop has nobody to tell; `release` has.
        let _ = self.give_back();
    }
}

impl<const N: usize> fmt::Debug for Permit<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("set", self.set).field("units", &self.units).finish_non_exhaustive()
    }
}
