//! The queue with many senders and many receivers, over slots that are elsewhere.

use core::fmt;
use core::mem::{MaybeUninit, offset_of};
use core::slice;
use core::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use core::time::Duration;

use super::builtin::builtin;
use super::circle;
use super::ends::Bells;
use super::error::QueueError;
use super::kernel::{Kernel, Linux};
use super::mutex::{Mutex, MutexGuard};
use super::protocol::bell;
use super::protocol::queue::{self as protocol, Given, Stuck};
use super::queue::Received;
use super::seqlock::{identity, process};
use crate::memory::access::{Access, ReadWrite, Readable, Writable};
use crate::memory::bulk;
use crate::memory::direction::{Load, Store};
use crate::memory::fields::{Fields, Member};
use crate::memory::region::Region;
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::memory::structure::Declared;
use crate::memory::validity;
use crate::sys::liveness::Process;
use crate::sys::process as this_process;

/// How long a call with a time-out waits for the lock, at the least: it is held for as long as a copy takes.
const LOCK: Duration = Duration::from_millis(100);

/// The head of a [`Queue`](super::Queue) whose capacity is chosen when its segment is created: the slots are the slice at the end
/// of the segment's struct.
///
/// ```
/// use shm_runtime::{SharedSegment, TailedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Office {
///     queue: sync::QueueHead,
///     slots: [sync::QueueSlot<u64>],
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let segment = Office::options().len(1000).create()?.remove_on_drop();
/// let office = segment.attach()?;
/// let jobs = office.queue.over(&office.slots);
/// jobs.send(&7)?;
///
/// // A worker:
/// let job = jobs.receive()?;
/// assert_eq!((*job, job.is_redelivered()), (7, false));
/// job.done()?;
/// # Ok(())
/// # }
/// ```
///
/// The capacity is the length of the slice that is passed, which is in private memory: no other process can change it. All
/// processes have to pass the same slots. With others, or those of another segment, a value is lost, received twice, or a wrong
/// one, or [`QueueError::Corrupted`] is returned; that is never undefined behaviour. Whether a slot is free takes a division to
/// find out, unless the capacity is a power of two.
///
/// All else is as [`Queue`](super::Queue) says, but for the capacity: without a slot, nothing can be sent
/// ([`QueueError::Full`]) or received ([`QueueError::Empty`]), and no call waits.
///
/// # Upgrades
///
/// Nothing is carried to the new segment, in which the queue is empty: a value would be in another slot there if the slice is
/// longer, as it can be after [`successor`](crate::Options::successor). What was sent before is in the old segment, as
/// long as it is attached. So a receiver first receives what is there, until [`Empty`](QueueError::Empty), and then asks
/// [`is_current`](crate::Attached::is_current); if it is not, it opens the new one. Senders ask, too, before they send: what is sent
/// to the old one later is received only by a receiver that still looks.
///
/// # Layout
///
/// `#[repr(C)]`, aligned to 64 bytes, 128 bytes: `lock` and `bells`, as those of a [`Queue`](super::Queue). The n-th value, counted
/// from 0, is in slot n modulo their number.
#[repr(C)]
pub struct QueueHead<A = ReadWrite> {
    lock: Mutex<Cursors, A>,
    bells: Bells,
}

builtin! {
    unsafe impl [] QueueHead, QueueHead<A>: "QueueHead", 2 { lock: Mutex<Cursors>, bells: Bells } transient
}

impl<A: Access> QueueHead<A> {
    /// The queue with these slots.
    pub fn over<'a, T: Shareable + Copy>(
        &'a self,
        slots: &'a [Shared<QueueSlot<T>, A>],
    ) -> QueueView<'a, T, A>
    where
        A: Readable + Writable,
    {
        let Self { lock, bells } = self;
        QueueView { lock, bells, slots: QueueSlot::slots(slots) }
    }
}

/// A slot of a queue of `T` whose capacity is chosen at run time, see [`QueueHead`].
///
/// Its layout is that of a slot of a [`Queue`](super::Queue), with the name `slot`.
#[repr(C)]
pub struct QueueSlot<T, A = ReadWrite> {
    slot: Slot<T, A>,
}

builtin! {
    unsafe impl [T: Shareable + Copy] QueueSlot<T>, QueueSlot<T, A>: "QueueSlot", 1 { slot: Slot<T> } transient
}

impl<T: Shareable + Copy> QueueSlot<T> {
    fn slots<A: Access>(slots: &[Shared<Self, A>]) -> &[Slot<T, A>] {
        const { assert!(size_of::<Slot<T, A>>() == size_of::<Self>()) };
        // SAFETY: each is what a `Shared<QueueSlot<T>, A>` derefs to, a `QueueSlot<T, A>`, which is a `Slot<T, A>`, its only field.
        // It is as large as the `Shared` in its place, as was just asserted; there are as many, and they are borrowed as long.
        unsafe { slice::from_raw_parts(slots.as_ptr().cast(), slots.len()) }
    }
}

#[repr(C)]
pub(super) struct Cursors {
    head: AtomicU64,
    next: AtomicU64,
    pub(super) tail: AtomicU64,
}

builtin! {
    unsafe impl [] Cursors, Cursors: "Cursors", 3 { head: AtomicU64, next: AtomicU64, tail: AtomicU64 }
}

#[repr(C)]
pub(super) struct Slot<T, A = ReadWrite> {
    state: AtomicU64,
    marks: [AtomicU64; 4],
    value: Shared<T, A>,
}

builtin! {
    unsafe impl [T: Shareable + Copy] Slot<T>, Slot<T, A>: "Slot", 3 {
        state: AtomicU64, marks: [AtomicU64; 4], value: T
    } given(give_back)
}

/// Gives back what the process has that the state of the slot at this place names: it has it in another segment.
fn give_back(region: Region<'_>, at: usize) {
    // The words come before the value, whatever that is.
    let Slot { state, marks, .. } = region.parts::<Slot<u8>>(at);
    protocol::give_back(protocol::Slot { state, marks: marks.each_ref() });
}

/// A queue with its slots, as [`QueueHead::over`] gives it: what a [`Queue`](super::Queue) can do.
///
/// It is a copy of where both are, in private memory.
pub struct QueueView<'a, T: Shareable + Copy, A: Readable + Writable = ReadWrite> {
    pub(super) lock: &'a Mutex<Cursors, A>,
    pub(super) bells: &'a Bells,
    pub(super) slots: &'a [Slot<T, A>],
}

impl<T: Shareable + Copy, A: Readable + Writable> Clone for QueueView<'_, T, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Shareable + Copy, A: Readable + Writable> Copy for QueueView<'_, T, A> {}

impl<T: Shareable + Copy, A: Readable + Writable> fmt::Debug for QueueView<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueView").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<'a, T: Shareable + Copy, A: Readable + Writable> QueueView<'a, T, A> {
    /// Sends a value, and waits for room if there is none.
    ///
    /// # Errors
    ///
    /// As for [`Queue::send`](super::Queue::send), and [`QueueError::Full`] if there are no slots.
    pub fn send(self, value: &T) -> Result<(), QueueError> {
        self.send_until(value, None)
    }

    /// Sends a value if there is room.
    ///
    /// # Errors
    ///
    /// As for [`Queue::try_send`](super::Queue::try_send).
    pub fn try_send(self, value: &T) -> Result<(), QueueError> {
        self.send_some(slice::from_ref(value), Some(Duration::ZERO)).map(drop)
    }

    /// Sends a value, and waits for room if there is none, at most for this time. Setting the system's clock does not change the
    /// time.
    ///
    /// # Errors
    ///
    /// As for [`Queue::send_timeout`](super::Queue::send_timeout).
    pub fn send_timeout(self, value: &T, timeout: Duration) -> Result<(), QueueError> {
        self.send_until(value, Some(Linux.now().saturating_add(timeout)))
    }

    /// Sends as many of these values as there is room for, and says how many: the first ones, and none if the queue is full.
    ///
    /// # Errors
    ///
    /// As for [`Queue::try_send_some`](super::Queue::try_send_some).
    pub fn try_send_some(self, values: &[T]) -> Result<usize, QueueError> {
        match self.send_some(values, Some(Duration::ZERO)) {
            Err(QueueError::Full) => Ok(0),
            sent => sent,
        }
    }

    /// Receives a value, and waits for one if there is none.
    ///
    /// # Errors
    ///
    /// As for [`Queue::receive`](super::Queue::receive), and [`QueueError::Empty`] if there are no slots.
    pub fn receive(self) -> Result<Received<'a, T, A>, QueueError> {
        self.receive_until(None)
    }

    /// Receives a value if there is one.
    ///
    /// # Errors
    ///
    /// As for [`Queue::try_receive`](super::Queue::try_receive).
    pub fn try_receive(self) -> Result<Received<'a, T, A>, QueueError> {
        self.receive_one(Some(Duration::ZERO))
    }

    /// Receives a value, and waits for one if there is none, at most for this time. Setting the system's clock does not change
    /// the time.
    ///
    /// # Errors
    ///
    /// As for [`Queue::receive_timeout`](super::Queue::receive_timeout).
    pub fn receive_timeout(self, timeout: Duration) -> Result<Received<'a, T, A>, QueueError> {
        self.receive_until(Some(Linux.now().saturating_add(timeout)))
    }

    /// Receives what there is, at most so many values, and does not wait: none if the queue is empty.
    ///
    /// # Errors
    ///
    /// As for [`Queue::try_receive_some`](super::Queue::try_receive_some).
    pub fn try_receive_some(self, at_most: usize) -> Result<Vec<Received<'a, T, A>>, QueueError> {
        let mut values = Vec::new();
        while values.len() < at_most {
            match self.try_receive() {
                Ok(value) => values.push(value),
                Err(QueueError::Empty) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(values)
    }

    /// How many values wait to be received, those not counted that a process has; at most as many as there are slots, whatever
    /// another process wrote.
    pub fn len(self) -> usize {
        let cursors = self.cursors();
        let next = cursors.next.load(Acquire);
        let len = cursors.tail.load(Relaxed).wrapping_sub(next);
        usize::try_from(len).unwrap_or(usize::MAX).min(self.slots.len())
    }

    /// Whether no value waits to be received.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Throws away all values and frees the lock, as [`Queue::clear`](super::Queue::clear) does.
    pub fn clear(self) {
        self.lock.reset();
        let held = self.lock(Some(Duration::ZERO));
        let cursors = self.cursors();
        for position in 0..self.capacity() {
            protocol::free(self.slot(position));
        }
        for position in [cursors.head, cursors.next, cursors.tail] {
            position.store(0, Release);
        }
        drop(held);
        bell::ring(&self.bells.received, &Linux);
    }

    fn capacity(self) -> u64 {
        self.slots.len() as u64
    }

    /// Whether there seems to be room: without the lock, so that may be over.
    fn has_room(self) -> bool {
        self.len() < self.slots.len() && self.cursors().has_room(|position| self.slot(position))
    }

    /// The lock. If its last holder died, there is nothing to repair.
    fn lock(self, deadline: Option<Duration>) -> Result<MutexGuard<'a, Cursors, A>, QueueError> {
        let locked = match deadline {
            None => self.lock.lock(),
            Some(deadline) => self.lock.lock_timeout(deadline.saturating_sub(Linux.now()).max(LOCK)),
        };
        locked.or_else(|error| error.repair(|_| {})).map_err(QueueError::Lock)
    }

    fn cursors(self) -> protocol::Cursors<'a> {
        let Cursors { head, next, tail } = &**self.lock.value();
        protocol::Cursors { head, next, tail }
    }

    /// Only while there are slots: the protocol asks for none if the capacity is 0.
    fn at(self, position: u64) -> &'a Slot<T, A> {
        &self.slots[circle::place(position, self.slots.len())]
    }

    fn slot(self, position: u64) -> protocol::Slot<'a> {
        let Slot { state, marks, .. } = self.at(position);
        protocol::Slot { state, marks: marks.each_ref() }
    }

    fn send_until(self, value: &T, deadline: Option<Duration>) -> Result<(), QueueError> {
        if self.slots.is_empty() {
            return Err(QueueError::Full);
        }
        let value = core::slice::from_ref(value);
        let mut looks = 0_u32;
        let sent = bell::wait(&self.bells.received, true, deadline, &Linux, || {
            looks = looks.wrapping_add(1);
            if looks % bell::LOOKS != 1 && !self.has_room() {
                return None;
            }
            match self.send_some(value, deadline) {
                Err(QueueError::Full) => None,
                sent => Some(sent.map(drop)),
            }
        });
        sent.unwrap_or(Err(QueueError::Full))
    }

    /// Sends one value at least, or returns an error.
    fn send_some(self, values: &[T], deadline: Option<Duration>) -> Result<usize, QueueError> {
        let held = self.lock(deadline)?;
        let mut sent = 0;
        let stuck = loop {
            let Some(value) = values.get(sent) else { break Stuck::Waiting };
            let store = |position| {
                // SAFETY: `value` is an initialised, private `T`, the slot is one in a segment, writable under `Writable`.
                unsafe { bulk::copy::<T, Store>(value, self.at(position).value.as_mut_ptr()) };
            };
            match self.cursors().send(|position| self.slot(position), self.capacity(), store) {
                Ok(()) => sent += 1,
                Err(stuck) => break stuck,
            }
        };
        drop(held);
        if sent > 0 {
            bell::ring(&self.bells.sent, &Linux);
            return Ok(sent);
        }
        Err(match stuck {
            Stuck::Waiting => QueueError::Full,
            Stuck::Closed => QueueError::Upgraded,
            Stuck::Corrupted { sent, received } => QueueError::Corrupted { sent, received },
        })
    }

    fn receive_until(self, deadline: Option<Duration>) -> Result<Received<'a, T, A>, QueueError> {
        if self.slots.is_empty() {
            return Err(QueueError::Empty);
        }
        // To look for what dead processes have takes the lock and system calls: at first, and then once a sleep.
        let mut looks = 0_u32;
        let received = bell::wait(&self.bells.sent, true, deadline, &Linux, || {
            looks = looks.wrapping_add(1);
            if looks % bell::LOOKS != 1 && self.is_empty() {
                return None;
            }
            match self.receive_one(deadline) {
                Err(QueueError::Empty) => None,
                received => Some(received),
            }
        });
        received.unwrap_or(Err(QueueError::Empty))
    }

    fn receive_one(self, deadline: Option<Duration>) -> Result<Received<'a, T, A>, QueueError> {
        let me = identity(Process::this());
        let held = self.lock(deadline)?;
        let slot = |position| self.slot(position);
        let given = self.cursors().receive(slot, self.capacity(), me, |who| process(who).is_dead());
        drop(held);
        let given = given.map_err(|stuck| match stuck {
            Stuck::Waiting => QueueError::Empty,
            Stuck::Closed => QueueError::Upgraded,
            Stuck::Corrupted { sent, received } => QueueError::Corrupted { sent, received },
        })?;
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the slot is a `T` in a segment, `value` is private and has room for one.
        unsafe { bulk::copy::<T, Load>(self.at(given.position).value.as_ptr(), value.as_mut_ptr()) };
        // SAFETY: every scalar of a `T` was just copied there.
        if let Err(invalid) = unsafe { validity::check(Declared::of::<T>(), value.as_ptr().cast()) } {
            self.finish(given, false);
            return Err(QueueError::Invalid(invalid));
        }
        // SAFETY: initialised, and checked to be a valid `T`.
        let value = unsafe { value.assume_init() };
        Ok(Received { queue: self, given, generation: this_process::generation(), value })
    }

    pub(super) fn finish(self, given: Given, returned: bool) -> bool {
        let finished = protocol::finish(self.slot(given.position), given.state, returned);
        bell::ring(if returned { &self.bells.sent } else { &self.bells.received }, &Linux);
        finished
    }
}
