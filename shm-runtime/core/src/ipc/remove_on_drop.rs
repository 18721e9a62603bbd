//! The guard that removes a segment, a semaphore set or a queue.

use core::fmt;
use core::ops::Deref;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;

use crate::ipc::error::Error;
use crate::sys::process::Maker;

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
    fn take(&self) -> Self;
}

pub(crate) mod private {
    pub trait Sealed {}
}

/// Removes its segment, semaphore set or message queue when it is dropped, also by a panic; not when the process is
/// killed. Made by `remove_on_drop`; derefs to the object.
///
/// An attachment that is made by a guard (`guard.attach()`) keeps a share of it: the segment is removed when the guard and
/// these attachments are dropped, whichever comes last. So an attachment that was made in one expression is used as any other:
///
/// ```
/// use shm_runtime::SharedSegment;
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Station { celsius: f64 }
///
/// let station = Station::create()?.remove_on_drop().attach()?;
/// assert!(station.is_current()?);
/// drop(station); // Now it is removed.
/// # Ok::<(), shm_runtime::Error>(())
/// ```
///
/// A [`Permit`](crate::sem::Permit) borrows its semaphore instead, so one of a guard that no variable holds does not compile:
///
/// ```compile_fail,E0716
/// use shm_runtime::{Key, sem::Semaphore};
///
/// let permit = Semaphore::create(Key::private(), 1)?.remove_on_drop().acquire()?;
/// drop(permit); // The semaphore would be gone already.
/// # Ok::<(), shm_runtime::Error>(())
/// ```
///
/// What returns a plain value, as `send` of a queue does, tells nothing of the guard: there, and with `let _ =`, the object is
/// removed at the end of the statement. Keep the guard in a variable.
///
/// It belongs to the process that made it. A child of fork(2) has a copy, and dropping the copy does nothing: the child
/// may return from `main` or panic, and its parent keeps the object. (`remove` is a call, and removes in a child too.)
///
/// # Daemons
///
/// A program that becomes a daemon forks, and the first process ends by _exit(2), which drops nothing. A guard made
/// before that removes the object in neither process: it stays. So make the guard after daemonizing, in the process that
/// is to remove the object, or there turn the earlier guard into one of that process:
///
/// ```
/// use shm_runtime::{Key, sem::Semaphore};
///
/// let guard = Semaphore::create(Key::private(), 1)?.remove_on_drop();
/// // ... fork(2), setsid(2); and then, in the daemon:
/// let guard = guard.keep().remove_on_drop();
/// # Ok::<(), shm_runtime::Error>(())
/// ```
#[must_use = "the object is removed when this is dropped: keep it in a variable (`let _ = ..` drops it at once)"]
pub struct RemoveOnDrop<O: Removable>(Arc<Guarded<O>>);

/// What the guard and the attachments that were made by it share: the last of them removes it.
struct Guarded<O: Removable> {
    object: O,
    keep: AtomicBool,
    maker: Maker,
}

impl<O: Removable> RemoveOnDrop<O> {
    pub(crate) fn new(object: O) -> Self {
        Self(Arc::new(Guarded { object, keep: AtomicBool::new(false), maker: Maker::this() }))
    }

    /// Another one: the object is removed when both are dropped.
    pub(crate) fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Gives the object back without removing it. In a forked child this changes nothing for its parent, whose guard
    /// still removes the object.
    pub fn keep(self) -> O {
        self.0.keep.store(true, Relaxed);
        self.0.object.take()
    }
}

impl<O: Removable> Deref for RemoveOnDrop<O> {
    type Target = O;

    fn deref(&self) -> &O {
        &self.0.object
    }
}

impl<O: Removable> Drop for Guarded<O> {
    fn drop(&mut self) {
        // In a forked child this is a copy, and the object is its parent's.
        if !*self.keep.get_mut() && self.maker.is_this_process() {
            // It may have been removed by another process, and a drop has no way to tell.
            let _ = self.object.remove();
        }
    }
}

impl<O: Removable + fmt::Debug> fmt::Debug for RemoveOnDrop<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoveOnDrop").field(&self.0.object).finish()
    }
}
