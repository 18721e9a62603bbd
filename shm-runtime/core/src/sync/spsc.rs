//! The queue with one sender and one receiver.

use core::fmt;
use core::marker::PhantomData;
use core::mem::{MaybeUninit, offset_of};
use core::time::Duration;

use super::builtin::builtin;
use super::ends::{End, Ends};
use super::error::{self, QueueError, WriterError};
use super::kernel::{Kernel, Linux};
use crate::memory::access::{Access, ReadWrite, Readable, Writable};
use crate::memory::bulk;
use crate::memory::direction::{Load, Store};
use crate::memory::fields::{Fields, Member};
use crate::memory::part::{Kept, Part};
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::memory::structure::Declared;
use crate::memory::validity;

/// A queue of at most `N` values from one sender to one receiver, in the order in which they were sent.
///
/// Each of the two is one [`Sender`] or [`Receiver`], in any process. Neither waits for a lock, and neither calls the kernel
/// unless the other sleeps. Where the capacity is to be chosen at run time, it is a [`SpscHead`].
///
/// ```
/// use shm_runtime::{SharedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Wire {
///     samples: sync::SpscQueue<[f32; 2], 1024>,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let segment = Wire::create()?.remove_on_drop();
/// let wire = segment.attach()?;
/// let mut sender = wire.samples.sender()?;
/// sender.send(&[0.5, 1.5])?;
/// sender.send_all(&[[2.5, 3.5], [4.5, 5.5]])?;
///
/// // In another process:
/// let mut receiver = wire.samples.receiver()?;
/// assert_eq!(receiver.receive()?, [0.5, 1.5]);
/// let mut samples = Vec::new();
/// assert_eq!(receiver.receive_into(&mut samples, 100)?, 2);
/// assert_eq!(samples, [[2.5, 3.5], [4.5, 5.5]]);
/// assert!(matches!(receiver.try_receive(), Err(sync::QueueError::Empty)));
/// # Ok(())
/// # }
/// ```
///
/// # What can happen
///
/// | | |
/// | --- | --- |
/// | the sender is killed, at any instruction | what it has sent is received; a value that it had not sent whole is not. The next one that claims its end goes on |
/// | the receiver is killed | what it has not received is received by the next. A value that it was receiving is one of them, unless it had it whole: what it then had and did not use is lost with it. A [`Queue`](super::Queue) gives such values again |
/// | one of them is killed before it has woken the other | that one looks by itself, after 20 ms at the latest |
/// | a second sender or receiver claims an end | [`WriterError::Held`], as of a [`SeqLock`](super::SeqLock), with all that is said there of dead processes and other namespaces |
/// | an end was taken away by [`reset_sender`](Self::reset_sender) or [`reset_receiver`](Self::reset_receiver) | [`QueueError::Lost`], at the latest after the values that are being copied, for which the next claim waits. After a second it does not wait any longer: if the old end was stopped so long and goes on, it returns `Lost` too, unless it was stopped right before the store of its count: then that goes back once, and values are lost or received again until the next one is sent or received |
/// | ... while it lived | the next claim takes some milliseconds more: the kernel puts a barrier into all threads that run (membarrier(2)), for which `send` and `receive` need none. Where the kernel has none, it takes a tenth of a second |
/// | another process overwrites the counts | [`QueueError::Corrupted`] if they cannot be, until [`Receiver::skip`]; wrong values, or none, if they can |
/// | ... or the values | wrong values, or [`QueueError::Invalid`] |
///
/// # Upgrades
///
/// What was sent before, and is not received, is carried to the new segment, also if values are sent and received all the time; the
/// two ends are free there. Those of the old one are not told, and go on: what is sent there after that is in the old one only, and of
/// what was carried, what is received there is received in the new one, too. To have each once, drop both ends before the upgrade.
///
/// # Layout
///
/// `#[repr(C)]`, aligned to 64 bytes:
///
/// | field | at | |
/// | --- | --- | --- |
/// | `ends.sender` | 0 | `count`, 8 bytes: how many values were sent; and at 64 the role, as a `SeqLock` has it: `writer`, `process`, `namespace`, `writing`, 8 bytes each |
/// | `ends.receiver` | 128 | the same: how many were received |
/// | `ends.bells` | 256 | `sent`, 4 bytes, and `received`, 4 bytes: futexes, odd while the receiver or the sender sleeps on it |
/// | `slots` | 320 | `N` values: the n-th that is sent, counted from 0, is in slot n modulo N |
#[repr(C)]
pub struct SpscQueue<T, const N: usize, A = ReadWrite> {
    ends: Ends,
    slots: [Shared<T, A>; N],
}

builtin! {
    unsafe impl [T: Shareable + Copy, const N: usize] SpscQueue<T, N>, SpscQueue<T, N, A>: "SpscQueue", 2 {
        ends: Ends, slots: [T; N]
    } passed
}

/// The head of a [`SpscQueue`] whose capacity is chosen when its segment is created: the slots are the slice at the end of
/// the segment's struct.
///
/// ```
/// use shm_runtime::{SharedSegment, TailedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Wire {
///     queue: sync::SpscHead,
///     samples: [f32],
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let segment = Wire::options().len(1000).create()?.remove_on_drop();
/// let wire = segment.attach()?;
/// let mut sender = wire.queue.sender(&wire.samples)?;
/// sender.send_all(&[0.5, 1.5])?;
///
/// // In another process:
/// let mut receiver = wire.queue.receiver(&wire.samples)?;
/// assert_eq!((receiver.receive()?, receiver.receive()?), (0.5, 1.5));
/// # Ok(())
/// # }
/// ```
///
/// The capacity is the length of the slice that is passed, which is in private memory: no other process can change it. Both
/// ends have to pass the same slots. With others, or those of another segment, wrong values are received, or
/// [`QueueError::Corrupted`]; that is never undefined behaviour.
///
/// All else is as [`SpscQueue`] says, but for the capacity: without a slot, no end can be claimed
/// ([`WriterError::TooFew`]).
///
/// # Upgrades
///
/// Nothing is carried to the new segment, in which the queue is empty: a value would be in another slot there if the slice is
/// longer, as it can be after [`successor`](crate::Options::successor). What was sent before is in the old segment, as
/// long as it is attached. So a receiver first receives what is there, until [`Empty`](QueueError::Empty), and then asks
/// [`is_current`](crate::Attached::is_current); if it is not, it opens the new one. The sender asks, too, and drops the old end
/// then: what it sends there later is received only by a receiver that still looks.
///
/// # Layout
///
/// `#[repr(C)]`, aligned to 64 bytes: `ends`, 320 bytes, as those of a [`SpscQueue`]. The n-th value that is sent, counted from
/// 0, is in slot n modulo their number.
#[repr(C)]
pub struct SpscHead<A = ReadWrite> {
    ends: Ends,
    access: PhantomData<A>,
}

builtin! { unsafe impl [] SpscHead, SpscHead<A>: "SpscHead", 1 { ends: Ends } transient }

impl<A: Access> SpscHead<A> {
    /// Claims the sender's end, from a dead sender too.
    ///
    /// # Errors
    ///
    /// [`WriterError::TooFew`] if there is no slot; otherwise as for [`SpscQueue::sender`].
    pub fn sender<'a, T: Shareable + Copy>(
        &'a self,
        slots: &'a [Shared<T, A>],
    ) -> Result<Sender<'a, T, A>, WriterError>
    where
        A: Readable + Writable,
    {
        error::at_least(1, slots.len(), error::Role::Sender)?;
        Sender::claim(((&self.ends).into(), slots.into()))
    }

    /// Claims the receiver's end, from a dead receiver too.
    ///
    /// # Errors
    ///
    /// As for [`sender`](Self::sender).
    pub fn receiver<'a, T: Shareable + Copy>(
        &'a self,
        slots: &'a [Shared<T, A>],
    ) -> Result<Receiver<'a, T, A>, WriterError>
    where
        A: Readable + Writable,
    {
        error::at_least(1, slots.len(), error::Role::Receiver)?;
        Receiver::claim(((&self.ends).into(), slots.into()))
    }

    /// How many values are in the queue now; at most as many as there are slots, whatever another process wrote.
    #[inline]
    pub fn len<T: Shareable + Copy>(&self, slots: &[Shared<T, A>]) -> usize
    where
        A: Readable,
    {
        self.ends.len(slots.len())
    }

    /// Whether there is no value in it now.
    #[inline]
    pub fn is_empty(&self) -> bool
    where
        A: Readable,
    {
        self.ends.len(1) == 0
    }

    /// Takes the sender's end away, as [`SpscQueue::reset_sender`] does.
    pub fn reset_sender(&self)
    where
        A: Writable,
    {
        self.ends.sender.reset();
    }

    /// Takes the receiver's end away, in the same way.
    pub fn reset_receiver(&self)
    where
        A: Writable,
    {
        self.ends.receiver.reset();
    }
}

/// What an end uses: both ends, and the slots, whose number is the capacity. No other process can change it.
type Parts<'a, T, A> = (Kept<'a, Ends>, Kept<'a, [Shared<T, A>]>);

impl<T: Shareable + Copy, const N: usize, A: Access> SpscQueue<T, N, A> {
    const ENOUGH: () = assert!(N > 0, "a queue has room for one value at least");

    /// Claims the sender's end, from a dead sender too.
    ///
    /// # Errors
    ///
    /// [`WriterError::Held`] or [`HeldElsewhere`](WriterError::HeldElsewhere) if there is a sender, and it is not known to be
    /// dead.
    pub fn sender(&self) -> Result<Sender<'_, T, A>, WriterError>
    where
        A: Readable + Writable,
    {
        Sender::claim(Self::parts(self.into()))
    }

    /// Claims the receiver's end, from a dead receiver too.
    ///
    /// # Errors
    ///
    /// As for [`sender`](Self::sender).
    pub fn receiver(&self) -> Result<Receiver<'_, T, A>, WriterError>
    where
        A: Readable + Writable,
    {
        Receiver::claim(Self::parts(self.into()))
    }

    /// How many values are in the queue now; at most `N`, whatever another process wrote.
    #[inline]
    pub fn len(&self) -> usize
    where
        A: Readable,
    {
        self.ends.len(N)
    }

    /// Whether there is no value in it now.
    #[inline]
    pub fn is_empty(&self) -> bool
    where
        A: Readable,
    {
        self.len() == 0
    }

    /// Takes the sender's end away, whichever process has it, as [`SeqLock::reset_writer`](super::SeqLock::reset_writer) does:
    /// for an end that no process has any more, but that does not look so.
    pub fn reset_sender(&self)
    where
        A: Writable,
    {
        self.ends.sender.reset();
    }

    /// Takes the receiver's end away, in the same way.
    pub fn reset_receiver(&self)
    where
        A: Writable,
    {
        self.ends.receiver.reset();
    }

    fn parts(queue: Kept<'_, Self>) -> Parts<'_, T, A> {
        let () = Self::ENOUGH;
        (queue.share().map(|queue| &queue.ends), queue.map(|queue| queue.slots.as_slice()))
    }
}

impl<T: Shareable + Copy, const N: usize, A: Access> Part<SpscQueue<T, N>, A> {
    /// Claims the sender's end, as [`SpscQueue::sender`] does, for a sender with a share of the attachment.
    ///
    /// # Errors
    ///
    /// As for [`SpscQueue::sender`].
    pub fn into_sender(self) -> Result<Sender<'static, T, A>, WriterError>
    where
        A: Readable + Writable,
    {
        Sender::claim(SpscQueue::parts(self.into_kept().map(|shared| &**shared)))
    }

    /// Claims the receiver's end, as [`SpscQueue::receiver`] does, for a receiver with a share of the attachment.
    ///
    /// # Errors
    ///
    /// As for [`SpscQueue::receiver`].
    pub fn into_receiver(self) -> Result<Receiver<'static, T, A>, WriterError>
    where
        A: Readable + Writable,
    {
        Receiver::claim(SpscQueue::parts(self.into_kept().map(|shared| &**shared)))
    }
}

/// The sender of a [`SpscQueue`] or a [`SpscHead`]: one at a time, until it is dropped.
pub struct Sender<'a, T: Shareable + Copy, A: Access = ReadWrite> {
    end: End<'a, Shared<T, A>, true>,
}

impl<'a, T: Shareable + Copy, A: Readable + Writable> Sender<'a, T, A> {
    fn claim((ends, slots): Parts<'a, T, A>) -> Result<Self, WriterError> {
        Ok(Self { end: End::claim(ends, slots)? })
    }

    /// Sends a value, and waits for room if there is none.
    ///
    /// # Errors
    ///
    /// [`QueueError::Lost`] in a forked child, or if the end was taken away; [`QueueError::Corrupted`] if another process
    /// overwrote the counts.
    #[inline]
    pub fn send(&mut self, value: &T) -> Result<(), QueueError> {
        self.end.until(None, |end| end.send_one(value))
    }

    /// Sends a value if there is room.
    ///
    /// # Errors
    ///
    /// [`QueueError::Full`] if there is none; otherwise as for [`send`](Self::send).
    #[inline]
    pub fn try_send(&mut self, value: &T) -> Result<(), QueueError> {
        self.end.send_one(value)
    }

    /// Sends a value, and waits for room if there is none, at most for this time. Setting the system's clock does not change the
    /// time.
    ///
    /// # Errors
    ///
    /// [`QueueError::Full`] if there was none all the time; otherwise as for [`send`](Self::send).
    pub fn send_timeout(&mut self, value: &T, timeout: Duration) -> Result<(), QueueError> {
        self.end.until(Some(Linux.now().saturating_add(timeout)), |end| end.send_one(value))
    }

    /// Sends as many of these values as there is room for, and says how many: the first ones, and none if the queue is full. The
    /// receiver sees them all at once.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn try_send_some(&mut self, values: &[T]) -> Result<usize, QueueError> {
        match self.end.send_some(values) {
            Err(QueueError::Full) => Ok(0),
            sent => sent,
        }
    }

    /// Sends all of these values, and waits for room as often as there is none.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send): some of the first values may have been sent then.
    pub fn send_all(&mut self, mut values: &[T]) -> Result<(), QueueError> {
        while !values.is_empty() {
            let sent = self.end.until(None, |end| end.send_some(values))?;
            values = values.get(sent..).unwrap_or_default();
        }
        Ok(())
    }
}

impl<T: Shareable + Copy, A: Readable + Writable> End<'_, Shared<T, A>, true> {
    #[inline]
    fn send_one(&mut self, value: &T) -> Result<(), QueueError> {
        // SAFETY: `value` is an initialised, private `T`, the slot is one in a segment, writable under `Writable`.
        let sent = self.step_one(|slot| unsafe { bulk::copy::<T, Store>(value, slot.as_mut_ptr()) });
        if sent { Ok(()) } else { self.send_some(core::slice::from_ref(value)).map(drop) }
    }

    /// Sends one value at least, if there are any, or returns an error.
    #[inline(never)]
    fn send_some(&mut self, values: &[T]) -> Result<usize, QueueError> {
        if values.is_empty() {
            return Ok(0);
        }
        let mut sent = 0;
        self.step(values.len() as u64, |slots, lap, at, room| {
            for (i, value) in (0..room).zip(values) {
                let Some(slot) = lap.find(at.wrapping_add(i), slots) else { break };
                // SAFETY: as in `send_one`.
                unsafe { bulk::copy::<T, Store>(value, slot.as_mut_ptr()) };
                sent += 1;
            }
            sent as u64
        })?;
        Ok(sent)
    }
}

impl<T: Shareable + Copy, A: Access> fmt::Debug for Sender<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// The receiver of a [`SpscQueue`] or a [`SpscHead`]: one at a time, until it is dropped.
pub struct Receiver<'a, T: Shareable + Copy, A: Access = ReadWrite> {
    end: End<'a, Shared<T, A>, false>,
}

impl<'a, T: Shareable + Copy, A: Readable + Writable> Receiver<'a, T, A> {
    fn claim((ends, slots): Parts<'a, T, A>) -> Result<Self, WriterError> {
        Ok(Self { end: End::claim(ends, slots)? })
    }

    /// Receives the next value, and waits for it if there is none.
    ///
    /// # Errors
    ///
    /// [`QueueError::Invalid`] if its bytes are not a value, which can only be if `T` contains an enum or a `char`; it is
    /// received then all the same. [`QueueError::Lost`] and [`Corrupted`](QueueError::Corrupted) as for [`Sender::send`].
    #[inline]
    pub fn receive(&mut self) -> Result<T, QueueError> {
        self.end.until(None, End::receive_one)
    }

    /// Receives the next value if there is one.
    ///
    /// # Errors
    ///
    /// [`QueueError::Empty`] if there is none; otherwise as for [`receive`](Self::receive).
    #[inline]
    pub fn try_receive(&mut self) -> Result<T, QueueError> {
        self.end.receive_one()
    }

    /// Receives the next value, and waits for it if there is none, at most for this time. Setting the system's clock does not
    /// change the time.
    ///
    /// # Errors
    ///
    /// [`QueueError::Empty`] if there was none all the time; otherwise as for [`receive`](Self::receive).
    pub fn receive_timeout(&mut self, timeout: Duration) -> Result<T, QueueError> {
        self.end.until(Some(Linux.now().saturating_add(timeout)), End::receive_one)
    }

    /// Receives what there is, at most so many values, and says how many they were: they are appended to `values`, each copied
    /// once.
    ///
    /// # Errors
    ///
    /// As for [`receive`](Self::receive): a value that is not valid is received, and those before it are in `values`.
    pub fn receive_into(&mut self, values: &mut Vec<T>, at_most: usize) -> Result<usize, QueueError> {
        let at_most = at_most.min(self.end.len());
        if at_most == 0 {
            return Ok(0);
        }
        values.reserve(at_most);
        let len = values.len();
        let mut valid = 0;
        let place = values.spare_capacity_mut().get_mut(..at_most).unwrap_or_default();
        let received = self.end.receive_some(place, &mut valid);
        // SAFETY: so many of the places that were reserved have a valid value now.
        unsafe { values.set_len(len + valid) };
        match received {
            Err(QueueError::Empty) => Ok(0),
            received => received.map(|()| valid),
        }
    }

    /// Throws away all that is in the queue, which ends [`QueueError::Corrupted`], too.
    ///
    /// # Errors
    ///
    /// [`QueueError::Lost`], as for [`receive`](Self::receive).
    pub fn skip(&mut self) -> Result<(), QueueError> {
        self.end.skip()
    }
}

impl<T: Shareable + Copy, A: Readable + Writable> End<'_, Shared<T, A>, false> {
    #[inline]
    fn receive_one(&mut self) -> Result<T, QueueError> {
        let mut value = MaybeUninit::uninit();
        // SAFETY: the slot is a `T` in a segment, `value` is private and has room for one.
        if !self.step_one(|slot| unsafe { bulk::copy::<T, Load>(slot.as_ptr(), value.as_mut_ptr()) }) {
            return self.receive_slowly();
        }
        // SAFETY: every scalar of a `T` was just copied there.
        unsafe { validity::check(Declared::of::<T>(), value.as_ptr().cast()) }
            .map_err(QueueError::Invalid)?;
        // SAFETY: they are a valid value.
        Ok(unsafe { value.assume_init() })
    }

    #[inline(never)]
    fn receive_slowly(&mut self) -> Result<T, QueueError> {
        let mut value = MaybeUninit::uninit();
        self.receive_some(core::slice::from_mut(&mut value), &mut 0)?;
        // SAFETY: `receive_some` has put a valid value there, or returned an error.
        Ok(unsafe { value.assume_init() })
    }

    /// Receives one value at least, or returns an error: `valid` is how many places, the first ones, have a value after it.
    fn receive_some(&mut self, to: &mut [MaybeUninit<T>], valid: &mut usize) -> Result<(), QueueError> {
        let (mut invalid, mut loaded) = (None, 0);
        self.step(to.len() as u64, |slots, lap, at, room| {
            for (i, to) in (0..room).zip(to) {
                let Some(slot) = lap.find(at.wrapping_add(i), slots) else { break };
                // SAFETY: the slot is a `T` in a segment, `to` is private and has room for one.
                unsafe { bulk::copy::<T, Load>(slot.as_ptr(), to.as_mut_ptr()) };
                // SAFETY: every scalar of a `T` was just copied there.
                invalid = unsafe { validity::check(Declared::of::<T>(), to.as_ptr().cast()) }.err();
                if invalid.is_some() {
                    return loaded as u64 + 1;
                }
                loaded += 1;
            }
            loaded as u64
        })?;
        *valid = loaded;
        invalid.map_or(Ok(()), |invalid| Err(QueueError::Invalid(invalid)))
    }
}

impl<T: Shareable + Copy, A: Access> fmt::Debug for Receiver<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
