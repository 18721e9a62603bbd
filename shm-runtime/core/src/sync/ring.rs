//! The ring: one writer, and any number of readers that each see every value.

use core::fmt;
use core::marker::PhantomData;
use core::mem::{MaybeUninit, offset_of};
use core::sync::atomic::{AtomicU32, AtomicU64};
use core::time::Duration;

use super::builtin::builtin;
use super::circle::Lap;
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
/// A reader keeps its place in private memory, and needs a read-only attachment only. The last `N` - 1 values can be read. Where
/// the capacity is to be chosen at run time, it is a [`RingHead`].
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

impl Head {
    #[inline]
    fn written(&self) -> u64 {
        protocol::published(&self.count)
    }

    fn reset_writer(&self) {
        self.role.words(&self.count).reset();
    }
}

/// What a writer or a reader uses: the head, and the slots, whose number is the capacity. No other process can change it.
type Parts<'a, T, A> = (Kept<'a, Head>, Kept<'a, [Shared<T, A>]>);

/// The head of a [`Ring`] whose capacity is chosen when its segment is created: the slots are the slice at the end of the
/// segment's struct.
///
/// ```
/// use shm_runtime::{SharedSegment, TailedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Market {
///     ring: sync::RingHead,
///     prices: [f64],
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let segment = Market::options().len(1000).create()?.remove_on_drop();
/// let (market, display) = (segment.attach()?, segment.attach_read_only()?);
/// let mut reader = display.ring.reader(&display.prices);
/// let mut prices = market.ring.writer(&market.prices)?;
/// prices.write_all(&[1.5, 2.5])?;
/// assert_eq!((reader.read()?, reader.read()?), (1.5, 2.5));
/// # Ok(())
/// # }
/// ```
///
/// The capacity is the length of the slice that is passed, which is in private memory: no other process can change it. All
/// processes have to pass the same slots, and so pass the whole slice, or the same part of it. With others, or those of another
/// segment, a reader gets wrong values, or is told that it missed some; that is never undefined behaviour.
///
/// All else is as [`Ring`] says, but for the capacity: with fewer than two slots there is no writer
/// ([`WriterError::TooFew`]), and so a reader finds nothing new.
///
/// # Upgrades
///
/// Nothing is carried to the new segment, in which the ring is empty: a value would be in another slot there if the slice is
/// longer, as it can be after [`successor`](crate::Options::successor). The values that were written before are in the
/// old segment, as long as it is attached. So a reader first reads what is there, until
/// [`NothingNew`](RingError::NothingNew), and then asks [`is_current`](crate::Attached::is_current); if it is not, it opens
/// the new one.
///
/// # Layout
///
/// `#[repr(C)]`, aligned to 64 bytes: `head`, 128 bytes, as the one of a [`Ring`]. The n-th value, counted from 0, is in slot n
/// modulo their number.
#[repr(C)]
pub struct RingHead<A = ReadWrite> {
    head: Head,
    access: PhantomData<A>,
}

builtin! { unsafe impl [] RingHead, RingHead<A>: "RingHead", 1 { head: Head } transient }

impl<A: Access> RingHead<A> {
    /// Claims the writer's role, from a dead writer too.
    ///
    /// # Errors
    ///
    /// [`WriterError::TooFew`] if there are less than two slots; otherwise as for [`Ring::writer`].
    pub fn writer<'a, T: Shareable + Copy>(
        &'a self,
        slots: &'a [Shared<T, A>],
    ) -> Result<RingWriter<'a, T, A>, WriterError>
    where
        A: Readable + Writable,
    {
        error::at_least(2, slots.len(), error::Role::Writer)?;
        RingWriter::claim(((&self.head).into(), slots.into()))
    }

    /// A reader of the values that are written from now on.
    pub fn reader<'a, T: Shareable + Copy>(&'a self, slots: &'a [Shared<T, A>]) -> RingReader<'a, T, A>
    where
        A: Readable,
    {
        RingReader::new(((&self.head).into(), slots.into()))
    }

    /// How many values have been written since the segment was created.
    #[inline]
    pub fn written(&self) -> u64
    where
        A: Readable,
    {
        self.head.written()
    }

    /// Takes the writer's role away, as [`SeqLock::reset_writer`](super::SeqLock::reset_writer) does.
    pub fn reset_writer(&self)
    where
        A: Writable,
    {
        self.head.reset_writer();
    }
}

impl<T: Shareable + Copy, const N: usize, A: Access> Ring<T, N, A> {
    const ENOUGH: () = assert!(
        N > 1,
        "a ring has two slots at least: the writer writes to one while readers have the others"
    );

    /// Claims the writer's role, from a dead writer too.
    ///
    /// # Errors
    ///
    /// [`WriterError::Held`] or [`HeldElsewhere`](WriterError::HeldElsewhere) if there is a writer, and it is not known to be
    /// dead.
    pub fn writer(&self) -> Result<RingWriter<'_, T, A>, WriterError>
    where
        A: Readable + Writable,
    {
        RingWriter::claim(Self::parts(self.into()))
    }

    /// A reader of the values that are written from now on.
    pub fn reader(&self) -> RingReader<'_, T, A>
    where
        A: Readable,
    {
        RingReader::new(Self::parts(self.into()))
    }

    /// How many values have been written since the segment was created.
    #[inline]
    pub fn written(&self) -> u64
    where
        A: Readable,
    {
        self.head.written()
    }

    /// Takes the writer's role away, as [`SeqLock::reset_writer`](super::SeqLock::reset_writer) does.
    pub fn reset_writer(&self)
    where
        A: Writable,
    {
        self.head.reset_writer();
    }

    fn parts(ring: Kept<'_, Self>) -> Parts<'_, T, A> {
        let () = Self::ENOUGH;
        (ring.share().map(|ring| &ring.head), ring.map(|ring| ring.slots.as_slice()))
    }
}

impl<T: Shareable + Copy, const N: usize, A: Access> Part<Ring<T, N>, A> {
    /// Claims the writer's role, as [`Ring::writer`] does, for a writer with a share of the attachment.
    ///
    /// # Errors
    ///
    /// As for [`Ring::writer`].
    pub fn into_writer(self) -> Result<RingWriter<'static, T, A>, WriterError>
    where
        A: Readable + Writable,
    {
        RingWriter::claim(Ring::parts(self.into_kept().map(|shared| &**shared)))
    }

    /// A reader, as [`Ring::reader`] gives it, with a share of the attachment.
    pub fn into_reader(self) -> RingReader<'static, T, A>
    where
        A: Readable,
    {
        RingReader::new(Ring::parts(self.into_kept().map(|shared| &**shared)))
    }
}

/// The writer of a [`Ring`] or a [`RingHead`]: one at a time, until it is dropped.
pub struct RingWriter<'a, T: Shareable + Copy, A: Access = ReadWrite> {
    head: Kept<'a, Head>,
    slots: Kept<'a, [Shared<T, A>]>,
    claim: Claim,
    lap: Lap,
}

impl<'a, T: Shareable + Copy, A: Readable + Writable> RingWriter<'a, T, A> {
    fn claim((head, slots): Parts<'a, T, A>) -> Result<Self, WriterError> {
        let Head { count, role, .. } = &*head;
        Ok(Self { claim: role.claim(count, error::Role::Writer)?, head, slots, lap: Lap::default() })
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
        let Self { head, slots, claim, lap } = self;
        let Head { count, bell, role } = &**head;
        let mut values = values.iter();
        let store = |number: u64| {
            let Some(value) = values.next() else { return false };
            let Some(slot) = lap.find(number, slots) else { return false };
            // SAFETY: `value` is an initialised, private `T`, the slot is one in a segment, writable under `Writable`.
            unsafe { bulk::copy::<T, Store>(value, slot.as_mut_ptr()) };
            true
        };
        if !claim.is_here() || !role.words(count).advance_each(claim.role, store) {
            return Err(role.lost(count, error::Role::Writer));
        }
        bell::ring(bell, &Linux);
        Ok(())
    }
}

impl<T: Shareable + Copy, A: Access> Drop for RingWriter<'_, T, A> {
    fn drop(&mut self) {
        let Head { count, role, .. } = &*self.head;
        role.release(count, self.claim);
    }
}

impl<T: Shareable + Copy, A: Access> fmt::Debug for RingWriter<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingWriter").finish_non_exhaustive()
    }
}

/// A reader of a [`Ring`] or a [`RingHead`], whose place is in private memory: nothing of it is in the segment.
pub struct RingReader<'a, T: Shareable + Copy, A: Access = ReadWrite> {
    head: Kept<'a, Head>,
    slots: Kept<'a, [Shared<T, A>]>,
    /// The number of the next value.
    cursor: u64,
    lap: Lap,
}

impl<'a, T: Shareable + Copy, A: Readable> RingReader<'a, T, A> {
    fn new((head, slots): Parts<'a, T, A>) -> Self {
        Self { cursor: head.written(), head, slots, lap: Lap::default() }
    }

    /// Goes back to the oldest value that can be read, or on to it.
    pub fn rewind(&mut self) {
        self.cursor = self.head.written().saturating_sub(self.capacity().saturating_sub(1));
    }

    fn capacity(&self) -> u64 {
        self.slots.len() as u64
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
        let there = self.head.written().wrapping_sub(self.cursor);
        let at_most = at_most.min(self.slots.len()).min(usize::try_from(there).unwrap_or(usize::MAX));
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
        let bell = self.head.share().map(|head| &head.bell);
        let read = bell::wait(&bell, A::MAPS_WRITABLE, deadline, &Linux, || match self.try_read() {
            Err(RingError::NothingNew) => None,
            read => Some(read),
        });
        read.unwrap_or(Err(RingError::NothingNew))
    }

    /// Reads one value at least, or returns an error: `valid` is how many places, the first ones, have a value after it.
    #[inline]
    fn load(&mut self, to: &mut [MaybeUninit<T>], valid: &mut usize) -> Result<(), RingError> {
        let (first, wanted, capacity) = (self.cursor, to.len() as u64, self.capacity());
        let Self { head, slots, lap, .. } = self;
        let load = |how_many: u64| {
            let mut loaded = 0;
            for (i, to) in (0..how_many).zip(to.iter_mut()) {
                let Some(slot) = lap.find(first.wrapping_add(i), slots) else { break };
                // SAFETY: the slot is a `T` in a segment, `to` is private and has room for one.
                unsafe { bulk::copy::<T, Load>(slot.as_ptr(), to.as_mut_ptr()) };
                loaded += 1;
            }
            loaded
        };
        let loaded = match protocol::read(&head.count, capacity, first, wanted, load) {
            Ok((0, loaded)) => loaded,
            Err(Absent::NotYet) => return Err(RingError::NothingNew),
            Ok(_) => {
                let written = head.written();
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
        let next = written.saturating_sub(self.capacity() / 2);
        // Less only if another process has put the count back.
        let missed = next.saturating_sub(self.cursor);
        self.cursor = next;
        RingError::Missed(missed)
    }
}

impl<T: Shareable + Copy, A: Access> fmt::Debug for RingReader<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingReader").field("position", &self.cursor).finish_non_exhaustive()
    }
}
