//! The ring: one writer, and any number of readers that each see every value.

use core::fmt;
use core::mem::{MaybeUninit, offset_of};
use core::sync::atomic::{AtomicU32, AtomicU64};
use core::time::Duration;

use super::builtin::builtin;
use super::error::{self, RingError, WriterError};
use super::kernel::{Kernel, Linux};
use super::protocol::bell;
use super::protocol::ring::{self as protocol, Absent};
use super::role::{Claim, Role};
use crate::memory::access::{Access, ReadWrite, Readable, Writable};
use crate::memory::bulk;
use crate::memory::direction::{Load, Store};
use crate::memory::fields::{Fields, Member};
use crate::memory::part::{Kept, Part};
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::memory::structure::Declared;
use crate::memory::validity;

/// The last values of one writer, for any number of readers that each see every value, in order. The writer waits for none
/// of them: one that is slower misses values, and is told how many.
///
/// A reader keeps its place in private memory, and needs a read-only attachment only. The last `N` - 1 values can be read.
///
/// ```
/// use shm_runtime::{SharedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Market {
///     prices: sync::Ring<f64, 8>,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let segment = Market::create()?.remove_on_drop();
/// let (market, display) = (segment.attach()?, segment.attach_read_only()?);
/// let mut reader = display.prices.reader();
/// let mut prices = market.prices.writer()?;
/// prices.write(&1.5)?;
/// prices.write_all(&[2.5, 3.5])?;
///
/// assert_eq!(reader.read()?, 1.5);
/// let mut rest = Vec::new();
/// assert_eq!(reader.read_into(&mut rest, 100)?, 2);
/// assert_eq!(rest, [2.5, 3.5]);
/// assert!(matches!(reader.try_read(), Err(sync::RingError::NothingNew)));
///
/// // One that is too slow is told so, and goes on with what is left.
/// prices.write_all(&[0.0; 100])?;
/// let Err(sync::RingError::Missed(missed)) = reader.try_read() else { panic!() };
/// assert!(missed > 90);
/// assert_eq!(reader.try_read()?, 0.0);
/// # Ok(())
/// # }
/// ```
///
/// # What can happen
///
/// | | |
/// | --- | --- |
/// | the writer is killed, at any instruction | the values that it has published are read; the next writer goes on after them |
/// | ... before it has woken those who wait | they look by themselves, after 20 ms at the latest |
/// | a reader waits through a read-only attachment, and so cannot say that it does | it looks by itself every millisecond; [`try_read`](RingReader::try_read) in a loop looks all the time |
/// | a reader is slow, stopped or dead | the writer does not notice. If it goes on, [`RingError::Missed`] |
/// | a second writer claims the role | [`WriterError::Held`], as of a [`SeqLock`](super::SeqLock), with all that is said there of dead processes and other namespaces |
/// | another process overwrites the count | values are missed, or read again; if it went back, `Missed(0)` |
/// | ... or the values | wrong values, or [`RingError::Invalid`] |
///
/// # Upgrades
///
/// The values are carried to the new segment with their count if nothing was written while they were copied, which is tried a hundred
/// times; otherwise the ring is empty there, and its count 0. The role of the writer is not carried.
///
/// # Layout
///
/// `#[repr(C)]`, aligned to 64 bytes:
///
/// | field | at | |
/// | --- | --- | --- |
/// | `head` | 0 | `count`, 8 bytes: how many values were published; `bell`, 4 bytes: a futex, odd while a reader sleeps on it; and at 64 the role of the writer, as a `SeqLock` has it: `writer`, `process`, `namespace`, `writing`, 8 bytes each |
/// | `slots` | 128 | `N` values: the n-th, counted from 0, is in slot n modulo N |
///
/// A C reader of value n: if `count` is greater than n and less than n + N, copy the slot, and then look at `count` again, with a
/// fence (`atomic_thread_fence(memory_order_acquire)`) before and after the copy. If it is less than n + N still, the copy is
/// whole.
#[repr(C)]
pub struct Ring<T, const N: usize, A = ReadWrite> {
    head: Head,
    slots: [Shared<T, A>; N],
}

builtin! {
    unsafe impl [T: Shareable + Copy, const N: usize] Ring<T, N>, Ring<T, N, A>: "Ring", 2 {
        head: Head, slots: [T; N]
    } together
}

/// What the writer writes beside the values: what readers look at, and the role, each on a cache line of its own.
#[repr(C, align(64))]
pub(super) struct Head {
    count: AtomicU64,
    bell: AtomicU32,
    role: Role,
}

builtin! { unsafe impl [] Head, Head: "Head", 3 { count: AtomicU64, bell: AtomicU32, role: Role } }

impl<T: Shareable + Copy, const N: usize, A: Access> Ring<T, N, A> {
    const CAPACITY: u64 = {
        assert!(
            N > 1,
            "a ring has two slots at least: the writer writes to one while readers have the others"
        );
        N as u64
    };

    /// Claims the writer's role, from a dead writer too.
    ///
    /// # Errors
    ///
    /// [`WriterError::Held`] or [`HeldElsewhere`](WriterError::HeldElsewhere) if there is a writer, and it is not known to be
    /// dead.
    pub fn writer(&self) -> Result<RingWriter<'_, T, N, A>, WriterError>
    where
        A: Readable + Writable,
    {
        RingWriter::claim(self.into())
    }

    /// A reader of the values that are written from now on.
    pub fn reader(&self) -> RingReader<'_, T, N, A>
    where
        A: Readable,
    {
        RingReader::new(self.into())
    }

    /// How many values have been written since the segment was created.
    #[inline]
    pub fn written(&self) -> u64
    where
        A: Readable,
    {
        protocol::published(&self.head.count)
    }

    /// Takes the writer's role away, as [`SeqLock::reset_writer`](super::SeqLock::reset_writer) does.
    pub fn reset_writer(&self)
    where
        A: Writable,
    {
        self.head.role.words(&self.head.count).reset();
    }

    #[inline]
    fn slot(&self, number: u64) -> &Shared<T, A> {
        // Less than `N`, which is a `usize`.
        &self.slots[usize::try_from(number % Self::CAPACITY).unwrap_or(0)]
    }
}

impl<T: Shareable + Copy, const N: usize, A: Access> Part<Ring<T, N>, A> {
    /// Claims the writer's role, as [`Ring::writer`] does, for a writer with a share of the attachment.
    ///
    /// # Errors
    ///
    /// As for [`Ring::writer`].
    pub fn into_writer(self) -> Result<RingWriter<'static, T, N, A>, WriterError>
    where
        A: Readable + Writable,
    {
        RingWriter::claim(self.into_kept().map(|shared| &**shared))
    }

    /// A reader, as [`Ring::reader`] gives it, with a share of the attachment.
    pub fn into_reader(self) -> RingReader<'static, T, N, A>
    where
        A: Readable,
    {
        RingReader::new(self.into_kept().map(|shared| &**shared))
    }
}

/// The writer of a [`Ring`]: one at a time, until it is dropped.
pub struct RingWriter<'a, T: Shareable + Copy, const N: usize, A: Access = ReadWrite> {
    ring: Kept<'a, Ring<T, N, A>>,
    claim: Claim,
}

impl<'a, T: Shareable + Copy, const N: usize, A: Readable + Writable> RingWriter<'a, T, N, A> {
    fn claim(ring: Kept<'a, Ring<T, N, A>>) -> Result<Self, WriterError> {
        let Head { count, role, .. } = &ring.head;
        Ok(Self { claim: role.claim(count, error::Role::Writer)?, ring })
    }

    /// Writes a value, over the oldest one. It waits for no other process, and calls the kernel only if a thread sleeps.
    ///
    /// # Errors
    ///
    /// [`WriterError::Lost`] in a forked child, or if the role was taken away. Nothing is written then.
    #[inline]
    pub fn write(&mut self, value: &T) -> Result<(), WriterError> {
        self.write_all(core::slice::from_ref(value))
    }

    /// Writes these values one after the other, and wakes those who wait once.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write): some of the first values may have been written then.
    #[inline]
    pub fn write_all(&mut self, values: &[T]) -> Result<(), WriterError> {
        let Self { ring, claim } = self;
        let Head { count, bell, role } = &ring.head;
        let mut values = values.iter();
        let store = |number: u64| {
            let Some(value) = values.next() else { return false };
            // SAFETY: `value` is an initialised, private `T`, the slot is one in a segment, writable under `Writable`.
            unsafe { bulk::copy::<T, Store>(value, ring.slot(number).as_mut_ptr()) };
            true
        };
        if !claim.is_here() || !role.words(count).advance_each(claim.role, store) {
            return Err(role.lost(count, error::Role::Writer));
        }
        bell::ring(bell, &Linux);
        Ok(())
    }
}

impl<T: Shareable + Copy, const N: usize, A: Access> Drop for RingWriter<'_, T, N, A> {
    fn drop(&mut self) {
        let Head { count, role, .. } = &self.ring.head;
        role.release(count, self.claim);
    }
}

impl<T: Shareable + Copy, const N: usize, A: Access> fmt::Debug for RingWriter<'_, T, N, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingWriter").finish_non_exhaustive()
    }
}

/// A reader of a [`Ring`], whose place is in private memory: nothing of it is in the segment.
pub struct RingReader<'a, T: Shareable + Copy, const N: usize, A: Access = ReadWrite> {
    ring: Kept<'a, Ring<T, N, A>>,
    /// The number of the next value.
    cursor: u64,
}

impl<'a, T: Shareable + Copy, const N: usize, A: Readable> RingReader<'a, T, N, A> {
    fn new(ring: Kept<'a, Ring<T, N, A>>) -> Self {
        Self { cursor: ring.written(), ring }
    }

    /// Goes back to the oldest value that can be read, or on to it.
    pub fn rewind(&mut self) {
        let written = self.ring.written();
        self.cursor = written.saturating_sub(Ring::<T, N, A>::CAPACITY - 1);
    }

    /// The number of the value that is read next: how many were written before it.
    pub fn position(&self) -> u64 {
        self.cursor
    }

    /// Reads the next value, and waits for it if there is none.
    ///
    /// # Errors
    ///
    /// [`RingError::Missed`] if it was overwritten: the next read goes on with a later value. [`RingError::Invalid`] if its bytes
    /// are not a value, which can only be if `T` contains an enum or a `char`; the next read goes on after it.
    #[inline]
    pub fn read(&mut self) -> Result<T, RingError> {
        self.read_until(None)
    }

    /// Reads the next value if there is one.
    ///
    /// # Errors
    ///
    /// [`RingError::NothingNew`] if there is none; otherwise as for [`read`](Self::read).
    #[inline]
    pub fn try_read(&mut self) -> Result<T, RingError> {
        let mut value = MaybeUninit::uninit();
        self.load(core::slice::from_mut(&mut value), &mut 0)?;
        // SAFETY: `load` has put a valid value there, or returned an error.
        Ok(unsafe { value.assume_init() })
    }

    /// Reads the next value, and waits for it if there is none, at most for this time. Setting the system's clock does not
    /// change the time.
    ///
    /// # Errors
    ///
    /// [`RingError::NothingNew`] if there was none all the time; otherwise as for [`read`](Self::read).
    pub fn read_timeout(&mut self, timeout: Duration) -> Result<T, RingError> {
        self.read_until(Some(Linux.now().saturating_add(timeout)))
    }

    /// Reads what there is, at most so many values, and says how many they were: they are appended to `values`, each copied
    /// once.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read): of what was copied, nothing is in `values` if the first of it was overwritten meanwhile; and
    /// those before a value that is not valid are.
    pub fn read_into(&mut self, values: &mut Vec<T>, at_most: usize) -> Result<usize, RingError> {
        let there = self.ring.written().wrapping_sub(self.cursor);
        let at_most = at_most.min(N).min(usize::try_from(there).unwrap_or(N));
        if at_most == 0 {
            return Ok(0);
        }
        values.reserve(at_most);
        let (len, mut valid) = (values.len(), 0);
        let place = values.spare_capacity_mut().get_mut(..at_most).unwrap_or_default();
        let read = self.load(place, &mut valid);
        // SAFETY: so many of the places that were reserved have a valid value now.
        unsafe { values.set_len(len + valid) };
        match read {
            Err(RingError::NothingNew) => Ok(0),
            read => read.map(|()| valid),
        }
    }

    #[inline]
    fn read_until(&mut self, deadline: Option<Duration>) -> Result<T, RingError> {
        match self.try_read() {
            Err(RingError::NothingNew) => self.wait(deadline),
            read => read,
        }
    }

    #[cold]
    fn wait(&mut self, deadline: Option<Duration>) -> Result<T, RingError> {
        let bell = self.ring.share().map(|ring| &ring.head.bell);
        let read = bell::wait(&bell, A::MAPS_WRITABLE, deadline, &Linux, || match self.try_read() {
            Err(RingError::NothingNew) => None,
            read => Some(read),
        });
        read.unwrap_or(Err(RingError::NothingNew))
    }

    /// Reads one value at least, or returns an error: `valid` is how many places, the first ones, have a value after it.
    #[inline]
    fn load(&mut self, to: &mut [MaybeUninit<T>], valid: &mut usize) -> Result<(), RingError> {
        let (ring, first, wanted) = (&*self.ring, self.cursor, to.len() as u64);
        let load = |how_many: u64| {
            let mut loaded = 0;
            for (i, to) in (0..how_many).zip(to.iter_mut()) {
                // SAFETY: the slot is a `T` in a segment, `to` is private and has room for one.
                unsafe { bulk::copy::<T, Load>(ring.slot(first.wrapping_add(i)).as_ptr(), to.as_mut_ptr()) };
                loaded += 1;
            }
            loaded
        };
        let capacity = Ring::<T, N, A>::CAPACITY;
        let loaded = match protocol::read(&ring.head.count, capacity, first, wanted, load) {
            Ok((0, loaded)) => loaded,
            Err(Absent::NotYet) => return Err(RingError::NothingNew),
            Ok(_) => {
                let written = ring.written();
                return Err(self.missed(written));
            }
            Err(Absent::Overwritten { published }) => return Err(self.missed(published)),
        };
        for to in to.iter().take(loaded) {
            self.cursor = self.cursor.wrapping_add(1);
            // SAFETY: every scalar of a `T` was just copied there.
            unsafe { validity::check(Declared::of::<T>(), to.as_ptr().cast()) }
                .map_err(RingError::Invalid)?;
            *valid += 1;
        }
        if *valid > 0 { Ok(()) } else { Err(RingError::NothingNew) }
    }

    /// Goes on with a later value, not the oldest one: that would be overwritten next.
    #[cold]
    fn missed(&mut self, written: u64) -> RingError {
        let next = written.saturating_sub(Ring::<T, N, A>::CAPACITY / 2);
        // Less only if another process has put the count back.
        let missed = next.saturating_sub(self.cursor);
        self.cursor = next;
        RingError::Missed(missed)
    }
}

impl<T: Shareable + Copy, const N: usize, A: Access> fmt::Debug for RingReader<'_, T, N, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingReader").field("position", &self.cursor).finish_non_exhaustive()
    }
}
