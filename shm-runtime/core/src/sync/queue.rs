//! The queue with many senders and many receivers.

use core::fmt;
use core::mem::offset_of;
use core::ops::Deref;
use core::time::Duration;

use super::builtin::builtin;
use super::ends::Bells;
use super::error::{LockError, QueueError, Role, WriterError};
use super::mutex::{Mutex, MutexGuard};
use super::protocol::queue::{self as protocol, Given};
use super::queue_view::{Cursors, QueueView, Slot};
use super::thread;
use crate::memory::access::{Access, ReadWrite, Readable, Writable};
use crate::memory::carry::{Held, Hold, MaybeHeld, Unheld};
use crate::memory::fields::{Fields, Member};
use crate::memory::region::Region;
use crate::memory::shareable::Shareable;
use crate::memory::structure::Declared;
use crate::sys::process as this_process;

/// A queue of at most `N` values, from any number of senders, each to one of any number of receivers.
///
/// A value belongs to its receiver until it says that it is [`done`](Received::done). If it is killed before that, the value is
/// given again, to another one, marked as [redelivered](Received::is_redelivered). No process that is killed, at any instruction,
/// loses a value that was accepted, has one delivered twice without that mark, or stops the others. Where the capacity is to be
/// chosen at run time, it is a [`QueueHead`](super::QueueHead).
///
/// ```
/// use shm_runtime::{SharedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Office {
///     jobs: sync::Queue<u64, 64>,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let segment = Office::create()?.remove_on_drop();
/// let office = segment.attach()?;
/// office.jobs.send(&7)?;
///
/// // A worker:
/// let job = office.jobs.receive()?;
/// assert_eq!((*job, job.is_redelivered()), (7, false));
/// job.done()?;
///
/// // One that gives up gives the job back.
/// office.jobs.send(&8)?;
/// drop(office.jobs.receive()?);
/// let job = office.jobs.receive()?;
/// assert_eq!((*job, job.is_redelivered()), (8, true));
/// job.done()?;
/// # Ok(())
/// # }
/// ```
///
/// A worker that must not do a job twice looks at the mark, and says that it is done without doing it, or reports it.
///
/// # What can happen
///
/// | | |
/// | --- | --- |
/// | a sender is killed | before the value was accepted: there is none; after: it is received |
/// | a receiver is killed that has a value | that is given again, to the next receiver that finds no other or, if there always are others, within 64 values, or half of the capacity if that is less. One that waits looks every 20 ms |
/// | ... between doing the job and saying so | the job is given again: only the mark tells |
/// | a process is killed that holds the lock | the next one goes on: there is nothing to repair |
/// | ... before it has woken those who wait | they look by themselves, after 20 ms at the latest |
/// | a receiver keeps a value for long | values behind it are received, but its slot is not free: there is no room once `N` values were accepted after it |
/// | a receiver forks, or calls exec(3) | its value stays with its process; the child's copy of it ends nothing |
/// | a value is dropped, by a panic too, before it is done | it is given again, with the mark |
/// | another process overwrites the positions | [`QueueError::Corrupted`] if they cannot be, until [`clear`](Self::clear); wrong values, or none, if they can |
/// | ... or the lock | as of a [`Mutex`]: [`QueueError::Lock`]; no call with a time-out hangs, nor `try_send` or `try_receive` |
/// | ... or the values | wrong values, or [`QueueError::Invalid`] |
///
/// # Limits
///
/// - Those of a [`Mutex`]: all who use it are in one pid namespace.
/// - The lock is held while a value is copied in. A process that is stopped then stops the others until it goes on or dies: those
///   with a time-out, or that only try, for as long as that and 100 ms more.
///
/// # Upgrades
///
/// No value that was accepted is lost. The lock is held while the queue is carried to the new segment, and from then on `send` and
/// `receive` return [`QueueError::Upgraded`] in the old one: open the segment anew. A value that a process has meanwhile is given again
/// in the new one, with the mark, even if that process then says that it is done. If the process that upgrades is killed, the queue goes
/// on in the old segment or in the new one; until the next upgrade, it can be that there is none of both, see
/// [`upgrade`](crate::Options::upgrade).
///
/// # Layout
///
/// `#[repr(C)]`, aligned to 64 bytes:
///
/// | field | | |
/// | --- | --- | --- |
/// | `lock` | a [`Mutex`] | of three numbers of 8 bytes, each a count of values: `head` (all before it are done), `next` (all before it were given), `tail` (all before it were accepted) |
/// | `bells` | aligned to 64 bytes | `sent`, 4 bytes, and `received`, 4 bytes: futexes, odd while a receiver or a sender sleeps on it |
/// | `slots` | `N` structs | the n-th value, counted from 0, is in slot n modulo N: `state`, 8 bytes, `marks`, 4 times 8 bytes, `value` |
///
/// The highest bit of `tail` is 1 if the queue was carried to another segment, and nothing is sent or received any more.
///
/// A `state` has in its low 22 bits the pid of the process that has the value, or 0, above them the number of the giving; the
/// highest bit is 1 if the value was given back. The process is told from others with its pid by `marks`, as the writer of a
/// [`SeqLock`](super::SeqLock) is: the first two if the number is even, the others if it is odd.
#[repr(C)]
pub struct Queue<T, const N: usize, A = ReadWrite> {
    lock: Mutex<Cursors, A>,
    bells: Bells,
    slots: [Slot<T, A>; N],
}

builtin! {
    unsafe impl [T: Shareable + Copy, const N: usize] Queue<T, N>, Queue<T, N, A>: "Queue", 3 {
        lock: Mutex<Cursors>, bells: Bells, slots: [Slot<T>; N]
    } held(Hold { hold, is_closed })
}

/// The lock of a queue, held while the queue is carried into another segment.
struct HeldQueue<'a>(MutexGuard<'a, Cursors>);

impl Held for HeldQueue<'_> {
    fn close(&self, closed: bool) {
        protocol::close(&self.0.tail, closed);
    }
}

fn is_closed(region: Region<'_>, at: usize) -> bool {
    protocol::is_closed(&lock(region, at).value().tail)
}

/// The lock of the queue at this place.
fn lock(region: Region<'_>, at: usize) -> &Mutex<Cursors> {
    const { assert!(offset_of!(Queue<u8, 1>, lock) == 0, "the lock is the first field, whatever the values are") };
    region.parts::<Mutex<Cursors>>(at)
}

/// Acquires it.
fn hold(region: Region<'_>, at: usize, patience: Duration) -> MaybeHeld<'_> {
    match lock(region, at).lock_timeout(patience).or_else(|error| error.repair(|_| {})) {
        Ok(held) => Ok(Some(Box::new(HeldQueue(held)))),
        Err(LockError::Corrupted { .. }) => Ok(None),
        Err(LockError::AlreadyHeld) => Err(Unheld { holder: thread::id() }),
        Err(
            LockError::Deadlock { holder }
            | LockError::TimedOut { holder }
            | LockError::WouldBlock { holder },
        ) => Err(Unheld { holder }),
        Err(_) => Err(Unheld { holder: 0 }),
    }
}

impl<T: Shareable + Copy, const N: usize, A: Readable + Writable> Queue<T, N, A> {
    const ENOUGH: () = assert!(N > 0, "a queue has room for one value at least");

    /// Sends a value, and waits for room if there is none.
    ///
    /// # Errors
    ///
    /// [`QueueError::Corrupted`] if another process overwrote the positions, [`QueueError::Lock`] if it did so with the lock, or
    /// the kernel refuses it.
    pub fn send(&self, value: &T) -> Result<(), QueueError> {
        self.view().send(value)
    }

    /// Sends a value if there is room.
    ///
    /// # Errors
    ///
    /// [`QueueError::Full`] if there is none; otherwise as for [`send`](Self::send).
    pub fn try_send(&self, value: &T) -> Result<(), QueueError> {
        self.view().try_send(value)
    }

    /// Sends a value, and waits for room if there is none, at most for this time. Setting the system's clock does not change the
    /// time.
    ///
    /// # Errors
    ///
    /// [`QueueError::Full`] if there was none all the time; otherwise as for [`send`](Self::send).
    pub fn send_timeout(&self, value: &T, timeout: Duration) -> Result<(), QueueError> {
        self.view().send_timeout(value, timeout)
    }

    /// Sends as many of these values as there is room for, and says how many: the first ones, and none if the queue is full.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn try_send_some(&self, values: &[T]) -> Result<usize, QueueError> {
        self.view().try_send_some(values)
    }

    /// Receives a value, and waits for one if there is none.
    ///
    /// # Errors
    ///
    /// [`QueueError::Invalid`] if its bytes are not a value, which can only be if `T` contains an enum or a `char`: it is done
    /// then. Otherwise as for [`send`](Self::send).
    pub fn receive(&self) -> Result<Received<'_, T, A>, QueueError> {
        self.view().receive()
    }

    /// Receives a value if there is one.
    ///
    /// # Errors
    ///
    /// [`QueueError::Empty`] if there is none; otherwise as for [`receive`](Self::receive).
    pub fn try_receive(&self) -> Result<Received<'_, T, A>, QueueError> {
        self.view().try_receive()
    }

    /// Receives a value, and waits for one if there is none, at most for this time. Setting the system's clock does not change
    /// the time.
    ///
    /// # Errors
    ///
    /// [`QueueError::Empty`] if there was none all the time; otherwise as for [`receive`](Self::receive).
    pub fn receive_timeout(&self, timeout: Duration) -> Result<Received<'_, T, A>, QueueError> {
        self.view().receive_timeout(timeout)
    }

    /// Receives what there is, at most so many values, and does not wait: none if the queue is empty.
    ///
    /// # Errors
    ///
    /// As for [`receive`](Self::receive). What was received before the error is given back.
    pub fn try_receive_some(&self, at_most: usize) -> Result<Vec<Received<'_, T, A>>, QueueError> {
        self.view().try_receive_some(at_most)
    }

    /// How many values wait to be received, those not counted that a process has; at most `N`, whatever another process wrote.
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// Whether no value waits to be received.
    pub fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    /// Throws away all values, those that processes have, too; and frees the lock, whichever thread holds it. The way out of
    /// [`QueueError::Corrupted`] and [`LockError::Corrupted`](super::LockError::Corrupted).
    pub fn clear(&self) {
        self.view().clear();
    }

    fn view(&self) -> QueueView<'_, T, A> {
        let () = Self::ENOUGH;
        QueueView { lock: &self.lock, bells: &self.bells, slots: &self.slots }
    }
}

/// A value that this process has received from a [`Queue`] or a [`QueueView`], until it is [`done`](Self::done): derefs to the value.
///
/// When it is dropped before, it is given again.
#[must_use = "the value is given to another process again when this is dropped"]
pub struct Received<'a, T: Shareable + Copy, A: Readable + Writable = ReadWrite> {
    pub(super) queue: QueueView<'a, T, A>,
    pub(super) given: Given,
    /// The number of the process: a forked child has a copy of this, and another number.
    pub(super) generation: u64,
    pub(super) value: T,
}

impl<T: Shareable + Copy, A: Readable + Writable> Received<'_, T, A> {
    /// Whether another process, or this one, had received the value before: it was killed, or gave it back, and may have done
    /// some of what was to be done with it.
    pub fn is_redelivered(&self) -> bool {
        self.given.again
    }

    /// Says that all is done that was to be done with the value: it is not given again, and its slot is free.
    ///
    /// # Errors
    ///
    /// [`QueueError::Lost`] in a forked child, or if the queue was [cleared](Queue::clear).
    pub fn done(self) -> Result<(), QueueError> {
        let here = self.generation == this_process::generation();
        if here && self.queue.finish(self.given, false) {
            return Ok(());
        }
        Err(QueueError::Lost(WriterError::Lost { role: Role::Value, pid: 0 }))
    }
}

impl<T: Shareable + Copy, A: Readable + Writable> Deref for Received<'_, T, A> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Gives the value back, unless it is done.
impl<T: Shareable + Copy, A: Readable + Writable> Drop for Received<'_, T, A> {
    fn drop(&mut self) {
        if self.generation == this_process::generation() {
            self.queue.finish(self.given, true);
        }
    }
}

impl<T: Shareable + Copy + fmt::Debug, A: Readable + Writable> fmt::Debug for Received<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { given, value, .. } = self;
        f.debug_struct("Received").field("value", value).field("again", &given.again).finish_non_exhaustive()
    }
}
