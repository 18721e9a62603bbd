//! The values of a set, read and set whatever they are: semctl(2) with GETALL, SETALL and SETVAL.

use crate::ipc::error::{Error, ErrorKind};
use crate::sem::op::checked;
use crate::sem::{SemaphoreSet, Stat, diagnose};
use crate::sys;

impl<const N: usize> SemaphoreSet<N> {
    /// The values of all semaphores at one time: semctl(2) with GETALL.
    ///
    /// # Errors
    ///
    /// If the set was removed, or may not be read.
    pub fn values(&self) -> Result<[u16; N], Error> {
        match sys::ipc::sem_get_all(self.id()) {
            Ok(Some(values)) => Ok(values),
            Ok(None) => {
                let found = self.stat()?.semaphores;
                Err(self.error("look at", ErrorKind::SizeDiffers { found, expected: N }))
            }
            Err(error) => Err(self.error("look at", diagnose::all(error, self.id(), N))),
        }
    }

    /// Sets the values of all semaphores at once, whatever they are, and wakes those that can go on: semctl(2) with SETALL.
    ///
    /// This forgets what is to be undone: the kernel clears, of every process, what [`undo`](crate::sem::Options::undo)
    /// noted down for these semaphores. A holder that is killed gives nothing back then; one that drops its
    /// [`Permit`](crate::sem::Permit) still adds its units, to the new value, and the kernel takes these back when that
    /// process ends. So set values when no process holds units: to repair, or to begin anew.
    ///
    /// It does not count as an operation: a set that was opened with
    /// [`allow_unused`](crate::sem::Options::allow_unused) is not ready for others because of it, and if its creator is
    /// alive, the initial values are added to these. (Nor is it
    /// [replaced](crate::sem::Options::open_or_create_set) from then on.)
    ///
    /// ```
    /// use shm_runtime::Key;
    /// use shm_runtime::sem::SemaphoreSet;
    ///
    /// let set = SemaphoreSet::<3>::options(Key::private()).create_set([1, 1, 1])?.remove_on_drop();
    /// set.set_values([0, 5, 2])?;
    /// assert_eq!(set.values()?, [0, 5, 2]);
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the set was removed, may not be altered, or a value is above 32767 (SEMVMX): then none is set.
    pub fn set_values(&self, values: [u16; N]) -> Result<(), Error> {
        let operation = "set the values of";
        // A smaller set would take the first ones. Setting takes no permission to read.
        let stat = Stat::of(self.id()).or_else(|_| Stat::of_any(self.id()));
        if let Some(found) = stat.ok().map(|stat| stat.semaphores).filter(|&found| found != N) {
            return Err(self.error(operation, ErrorKind::SizeDiffers { found, expected: N }));
        }
        sys::ipc::sem_set_all(self.id(), &values)
            .map_err(|error| self.error(operation, diagnose::all(error, self.id(), N)))
    }

    /// Sets the value of one semaphore, whatever it is, and wakes those that can go on: semctl(2) with SETVAL. As
    /// [`set_values`](Self::set_values), this forgets what is to be undone, of this one.
    ///
    /// # Errors
    ///
    /// If the set was removed, may not be altered, has no semaphore of this index, or the value is above 32767 (SEMVMX).
    pub fn set_value_of(&self, index: u16, value: u16) -> Result<(), Error> {
        let operation = "set a value of";
        checked::<N>(index).map_err(|kind| self.error(operation, kind))?;
        sys::ipc::sem_set_value(self.id(), index, value).map_err(|error| self.failed(operation, error))
    }
}
