//! A set of one.

use core::time::Duration;

use crate::ipc::error::Error;
use crate::ipc::key::Key;
use crate::ipc::stat::semaphore as stat;
use crate::sem::{Op, Permit, SemaphoreSet};
use crate::sys::ipc::SemaphoreFact;

/// One System V semaphore: a set of one.
///
/// It lives until it is removed: dropping a `Semaphore` does nothing to it, nor does the end of the process.
/// [`remove_on_drop`](SemaphoreSet::remove_on_drop) ties the two.
pub type Semaphore = SemaphoreSet<1>;

impl SemaphoreSet<1> {
    /// Creates a semaphore with this many units, at most 32767: as [`Options::create`](crate::sem::Options::create).
    ///
    /// # Errors
    ///
    /// As for [`Options::create_set`](crate::sem::Options::create_set).
    pub fn create(key: Key, initial: u16) -> Result<Self, Error> {
        Self::options(key).create(initial)
    }

    /// Opens the semaphore, or creates it with this many units if there is none.
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create) and [`open`](Self::open).
    pub fn open_or_create(key: Key, initial: u16) -> Result<Self, Error> {
        Self::options(key).open_or_create(initial)
    }

    /// Acquires a unit, waiting until there is one: semop(2). It is released when the guard is dropped.
    ///
    /// A signal does not end the waiting, unless it is to: see [`interruptible`](Self::interruptible).
    ///
    /// # Errors
    ///
    /// If the semaphore is or gets removed, or may not be altered.
    pub fn acquire(&self) -> Result<Permit<'_>, Error> {
        self.acquire_units([1])
    }

    /// Acquires a unit, if there is one now.
    ///
    /// # Errors
    ///
    /// As for [`acquire`](Self::acquire).
    pub fn try_acquire(&self) -> Result<Option<Permit<'_>>, Error> {
        self.try_acquire_units([1])
    }

    /// Acquires a unit, waiting at most this long: semtimedop(2).
    ///
    /// # Errors
    ///
    /// As for [`acquire`](Self::acquire).
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<Option<Permit<'_>>, Error> {
        self.acquire_units_timeout([1], timeout)
    }

    /// Releases a unit that no guard holds: one that was [forgotten](Permit::forget), or acquired by another process.
    /// For the latter, see [`Options::undo`](crate::sem::Options::undo).
    ///
    /// # Errors
    ///
    /// If the semaphore was removed, may not be altered, or has 32767 units.
    pub fn release(&self) -> Result<(), Error> {
        self.perform(&[Op::Release { index: 0, units: 1 }])
    }

    /// The units there are to be acquired: semctl(2) with GETVAL. It may have changed when this returns.
    ///
    /// # Errors
    ///
    /// If the semaphore was removed, or may not be read.
    pub fn value(&self) -> Result<u16, Error> {
        self.look(stat::value(self.id(), 0))
    }

    /// Sets how many units there are to be acquired, whatever they are, and wakes those that can go on: semctl(2) with SETVAL. As
    /// [`set_values`](Self::set_values), this forgets what is to be undone.
    ///
    /// # Errors
    ///
    /// If the semaphore was removed, may not be altered, or the value is above 32767 (SEMVMX).
    pub fn set_value(&self, value: u16) -> Result<(), Error> {
        self.set_value_of(0, value)
    }

    /// How many threads, of all processes, wait to acquire: semctl(2) with GETNCNT.
    ///
    /// # Errors
    ///
    /// If the semaphore was removed, or may not be read.
    pub fn waiting(&self) -> Result<u32, Error> {
        self.look(stat::count(self.id(), 0, SemaphoreFact::WaitingForMore))
    }

    /// How many threads, of all processes, wait until there are no units: semctl(2) with GETZCNT.
    ///
    /// # Errors
    ///
    /// If the semaphore was removed, or may not be read.
    pub fn waiting_for_zero(&self) -> Result<u32, Error> {
        self.look(stat::count(self.id(), 0, SemaphoreFact::WaitingForZero))
    }
}
