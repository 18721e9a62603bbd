//! The guard that removes a segment, a semaphore set or a queue.

use core::fmt;
use core::ops::Deref;

use crate::error::Error;

/// What [`RemoveOnDrop`] can remove. Sealed: segments, semaphore sets and queues.
#[doc(hidden)]
pub trait Removable: private::Sealed {
    /// Removes the object.
    ///
    /// # Errors
    ///
    /// As the object's own `remove`.
    fn remove(&self) -> Result<(), Error>;

    /// Another handle of the object, with all that this one holds.
    fn hand_over(&self) -> Self;
}

pub(crate) mod private {
    pub trait Sealed {}
}

/// Removes its segment, semaphore set or message queue when it is dropped, also by a panic; not when the process is
/// killed. Made by `remove_on_drop`; derefs to the object.
#[must_use = "the object is removed when this is dropped"]
pub struct RemoveOnDrop<O: Removable> {
    object: O,
    keep: bool,
}

impl<O: Removable> RemoveOnDrop<O> {
    pub(crate) fn new(object: O) -> Self {
        Self { object, keep: false }
    }

    /// Gives the object back without removing it.
    pub fn keep(mut self) -> O {
        self.keep = true;
        self.object.hand_over()
    }
}

impl<O: Removable> Deref for RemoveOnDrop<O> {
    type Target = O;

    fn deref(&self) -> &O {
        &self.object
    }
}

impl<O: Removable> Drop for RemoveOnDrop<O> {
    fn drop(&mut self) {
        if !self.keep {
            // It may have been removed by somebody else, and a drop has nobody to tell.
            let _ = self.object.remove();
        }
    }
}

impl<O: Removable + fmt::Debug> fmt::Debug for RemoveOnDrop<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoveOnDrop").field(&self.object).finish()
    }
}
