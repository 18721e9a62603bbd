//! The ring of messages of any length: one writer, and any number of readers that each see every message.

use core::fmt;
use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, AtomicU64};
use core::time::Duration;

use super::builtin::builtin;
use super::circle;
use super::error::{self, RingError, WriterError};
use super::kernel::{Kernel, Linux};
use super::protocol::bell;
use super::protocol::frames::{Frames, Header, Place, low};
use super::protocol::ring::{Absent, published};
use super::role::{Claim, Role};
use crate::memory::access::{Access, ReadWrite, Readable, Writable};
use crate::memory::fields::{Fields, Member};
use crate::memory::part::{Kept, Part};
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::memory::structure::Declared;

/// The last messages of one writer, each of any length up to [`MAX_LEN`](Self::MAX_LEN) bytes, for any number of readers that
/// each see every message, in order: what a [`Ring`](super::Ring) is for values of one type.
///
/// The writer waits for no reader: one that is slower misses messages, and is told how many. A reader keeps its place in private
/// memory, and needs a read-only attachment only. `N` is in bytes; a message takes up 8 more than it has.
///
/// ```
/// use shm_runtime::{SharedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Recorder {
///     lines: sync::ByteRing<4096>,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let segment = Recorder::create()?.remove_on_drop();
/// let (recorder, display) = (segment.attach()?, segment.attach_read_only()?);
/// let mut reader = display.lines.reader();
/// let mut lines = recorder.lines.writer()?;
/// lines.write(b"started")?;
/// lines.write(b"21.5 degrees")?;
///
/// let mut line = Vec::new();
/// reader.read_into(&mut line)?;
/// assert_eq!(line, b"started");
/// reader.read_into(&mut line)?;
/// assert_eq!(line, b"21.5 degrees");
/// assert!(matches!(reader.try_read_into(&mut line), Err(sync::RingError::NothingNew)));
///
/// // One that is too slow is told so, and goes on with what is left.
/// for number in 0..1000 {
///     lines.write(format!("line {number}").as_bytes())?;
/// }
/// let Err(sync::RingError::Missed(missed)) = reader.try_read_into(&mut line) else { panic!() };
/// reader.try_read_into(&mut line)?;
/// assert_eq!(line, format!("line {missed}").as_bytes());
/// # Ok(())
/// # }
/// ```
///
/// # What can happen
///
/// | | |
/// | --- | --- |
/// | the writer is killed, at any instruction | the messages that it has published are read, those not counted that had made room for the one that it was writing; the next writer goes on after them |
/// | ... before it has woken those who wait | they look by themselves, after 20 ms at the latest |
/// | a reader waits through a read-only attachment, and so cannot say that it does | it looks by itself every millisecond; [`try_read_into`](ByteRingReader::try_read_into) in a loop looks all the time |
/// | a reader is slow, stopped or dead | the writer does not notice. If it goes on, [`RingError::Missed`] |
/// | a second writer claims the role | [`WriterError::Held`], as of a [`SeqLock`](super::SeqLock), with all that is said there of dead processes and other namespaces |
/// | another process overwrites the counts | messages are missed, or read again; if they went back, `Missed(0)` |
/// | ... or the bytes | wrong messages, or [`RingError::Corrupted`]; no length that is found there is used before it was checked |
///
/// # Upgrades
///
/// The messages are carried to the new segment with their count if nothing was written while they were copied, which is tried a hundred
/// times; otherwise the ring is empty there, and its count 0. The role of the writer is not carried.
///
/// # Layout
///
/// `#[repr(C)]`, aligned to 64 bytes:
///
/// | field | at | |
/// | --- | --- | --- |
/// | `head` | 0 | `count`, 8 bytes: how many messages were published; `tail`, 8 bytes: the position of the oldest one; `bell`, 4 bytes: a futex, odd while a reader sleeps on it; at 64 the role of the writer, as a `SeqLock` has it: `writer`, `process`, `namespace`, `writing`, 8 bytes each |
/// | `marks` | 128 | the first two if `count` is even, the others if it is odd: the positions, 8 bytes each, of the next message, and of one that is not older than half of the bytes |
/// | `bytes` | 192 | `N` bytes: the one at position p, counted from 0, is byte p modulo N |
///
/// A message is its length, 4 bytes, the low 32 bits of its number, counted from 0, and its bytes; the next one follows at once.
/// A C reader of a message whose position it knows, and that is published: copy it, each length checked against N, and then look
/// at `tail`, with a fence (`atomic_thread_fence(memory_order_acquire)`) before and after the copy. If it is not greater than
/// the position, the copy is whole.
#[repr(C)]
pub struct ByteRing<const N: usize, A = ReadWrite> {
    head: Head,
    marks: Marks,
    bytes: [Shared<u8, A>; N],
}

builtin! {
    unsafe impl [const N: usize] ByteRing<N>, ByteRing<N, A>: "ByteRing", 3 {
        head: Head, marks: Marks, bytes: [u8; N]
    } together
}

/// What the writer writes beside the messages, and readers look at: on a cache line of its own.
#[repr(C, align(64))]
struct Head {
    count: AtomicU64,
    tail: AtomicU64,
    bell: AtomicU32,
    role: Role,
}

builtin! {
    unsafe impl [] Head, Head: "ByteRingHead", 4 {
        count: AtomicU64, tail: AtomicU64, bell: AtomicU32, role: Role
    }
}

/// What only those read that begin, or were too slow.
#[repr(C, align(64))]
struct Marks {
    marks: [[AtomicU64; 2]; 2],
}

builtin! { unsafe impl [] Marks, Marks: "Marks", 1 { marks: [[AtomicU64; 2]; 2] } }

impl<const N: usize, A: Access> ByteRing<N, A> {
    /// Bytes of a message at most: `N` less the 8 that go before it. While a message is in the ring that needs more than half of
    /// the bytes, there is hardly another.
    pub const MAX_LEN: usize = {
        assert!(N > 8, "a ring of bytes needs more than the 8 bytes that go before each message");
        assert!(N <= u32::MAX as usize, "a ring of bytes has less than 4 GiB");
        N - 8
    };

    const CAPACITY: u64 = Self::MAX_LEN as u64 + Header::SIZE;

    /// Claims the writer's role, from a dead writer too.
    ///
    /// # Errors
    ///
    /// [`WriterError::Held`] or [`HeldElsewhere`](WriterError::HeldElsewhere) if there is a writer, and it is not known to be
    /// dead.
    pub fn writer(&self) -> Result<ByteRingWriter<'_, N, A>, WriterError>
    where
        A: Readable + Writable,
    {
        ByteRingWriter::claim(self.into())
    }

    /// A reader of the messages that are written from now on.
    pub fn reader(&self) -> ByteRingReader<'_, N, A>
    where
        A: Readable,
    {
        ByteRingReader::new(self.into())
    }

    /// How many messages have been written since the segment was created.
    #[inline]
    pub fn written(&self) -> u64
    where
        A: Readable,
    {
        published(&self.head.count)
    }

    /// Takes the writer's role away, as [`SeqLock::reset_writer`](super::SeqLock::reset_writer) does.
    pub fn reset_writer(&self)
    where
        A: Writable,
    {
        self.head.role.words(&self.head.count).reset();
    }

    #[inline]
    fn frames(&self) -> Frames<'_> {
        let Head { count, tail, .. } = &self.head;
        let marks = self.marks.marks.each_ref().map(|marks| marks.each_ref());
        Frames { count, tail, marks, capacity: Self::CAPACITY }
    }

    #[inline]
    fn header(&self, at: u64) -> Header
    where
        A: Readable,
    {
        let [len, number] = [at, at.wrapping_add(4)].map(|at| circle::load_u32(&self.bytes, at));
        Header { len, number }
    }
}

impl<const N: usize, A: Access> Part<ByteRing<N>, A> {
    /// Claims the writer's role, as [`ByteRing::writer`] does, for a writer with a share of the attachment.
    ///
    /// # Errors
    ///
    /// As for [`ByteRing::writer`].
    pub fn into_writer(self) -> Result<ByteRingWriter<'static, N, A>, WriterError>
    where
        A: Readable + Writable,
    {
        ByteRingWriter::claim(self.into_kept().map(|shared| &**shared))
    }

    /// A reader, as [`ByteRing::reader`] gives it, with a share of the attachment.
    pub fn into_reader(self) -> ByteRingReader<'static, N, A>
    where
        A: Readable,
    {
        ByteRingReader::new(self.into_kept().map(|shared| &**shared))
    }
}

/// The writer of a [`ByteRing`]: one at a time, until it is dropped.
pub struct ByteRingWriter<'a, const N: usize, A: Access = ReadWrite> {
    ring: Kept<'a, ByteRing<N, A>>,
    claim: Claim,
}

impl<'a, const N: usize, A: Readable + Writable> ByteRingWriter<'a, N, A> {
    fn claim(ring: Kept<'a, ByteRing<N, A>>) -> Result<Self, WriterError> {
        let Head { count, role, .. } = &ring.head;
        Ok(Self { claim: role.claim(count, error::Role::Writer)?, ring })
    }

    /// Writes a message, over the oldest ones if there is no room. It waits for no other process, and calls the kernel only if a
    /// thread sleeps.
    ///
    /// # Errors
    ///
    /// [`WriterError::TooLong`] if it has more than [`MAX_LEN`](ByteRing::MAX_LEN) bytes; [`WriterError::Lost`] in a forked child,
    /// or if the role was taken away. Nothing is written then.
    #[inline]
    pub fn write(&mut self, message: &[u8]) -> Result<(), WriterError> {
        let Self { ring, claim } = self;
        let too_long = || WriterError::TooLong { len: message.len(), max: ByteRing::<N, A>::MAX_LEN };
        let len = u32::try_from(message.len()).ok().filter(|_| message.len() <= ByteRing::<N, A>::MAX_LEN);
        let len = len.ok_or_else(too_long)?;
        let Head { count, bell, role, .. } = &ring.head;
        let store = |Place { number, at }| {
            for (i, word) in (0..).zip([len, low(number)]) {
                circle::store(&ring.bytes, at.wrapping_add(4 * i), &word.to_ne_bytes());
            }
            circle::store(&ring.bytes, at.wrapping_add(Header::SIZE), message);
        };
        let size = Header::SIZE + u64::from(len);
        let header = |at| ring.header(at);
        if !claim.is_here() || !ring.frames().write(role.words(count), claim.role, size, header, store) {
            return Err(role.lost(count, error::Role::Writer));
        }
        bell::ring(bell, &Linux);
        Ok(())
    }
}

impl<const N: usize, A: Access> Drop for ByteRingWriter<'_, N, A> {
    fn drop(&mut self) {
        let Head { count, role, .. } = &self.ring.head;
        role.release(count, self.claim);
    }
}

impl<const N: usize, A: Access> fmt::Debug for ByteRingWriter<'_, N, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteRingWriter").finish_non_exhaustive()
    }
}

/// A reader of a [`ByteRing`], whose place is in private memory: nothing of it is in the segment.
pub struct ByteRingReader<'a, const N: usize, A: Access = ReadWrite> {
    ring: Kept<'a, ByteRing<N, A>>,
    /// The next message.
    cursor: Place,
}

impl<'a, const N: usize, A: Readable> ByteRingReader<'a, N, A> {
    fn new(ring: Kept<'a, ByteRing<N, A>>) -> Self {
        let mut reader = Self { ring, cursor: Place { number: 0, at: 0 } };
        reader.skip_to_newest();
        reader
    }

    /// Goes back to the oldest message that can be read, or on to it.
    pub fn rewind(&mut self) {
        let ring = &*self.ring;
        if let Some(oldest) = ring.frames().oldest(|at| ring.header(at)) {
            self.cursor = oldest;
        }
    }

    /// The number of the message that is read next: how many were written before it.
    pub fn position(&self) -> u64 {
        self.cursor.number
    }

    /// Reads the next message into `message`, in place of what is there, and waits for it if there is none.
    ///
    /// # Errors
    ///
    /// [`RingError::Missed`] if it was overwritten: the next read goes on with a later message, one of the newer half.
    /// [`RingError::Corrupted`] if what is there is not a message; the next read goes on with the next message that is written.
    /// `message` has nothing of use then.
    #[inline]
    pub fn read_into(&mut self, message: &mut Vec<u8>) -> Result<(), RingError> {
        self.read_until(message, None)
    }

    /// Reads the next message if there is one.
    ///
    /// # Errors
    ///
    /// [`RingError::NothingNew`] if there is none; otherwise as for [`read_into`](Self::read_into).
    #[inline]
    pub fn try_read_into(&mut self, message: &mut Vec<u8>) -> Result<(), RingError> {
        let (ring, at) = (&*self.ring, self.cursor.at);
        let load = || {
            let Header { len, number } = ring.header(at);
            // Before anything is done with the length.
            let whole =
                number == low(self.cursor.number) && u64::from(len) <= ByteRing::<N, A>::MAX_LEN as u64;
            if whole {
                circle::load_into(&ring.bytes, at.wrapping_add(Header::SIZE), len, message);
            }
            whole.then(|| Header::SIZE + u64::from(len))
        };
        match ring.frames().read(self.cursor, load) {
            Ok(Some(size)) => {
                let Place { number, at } = self.cursor;
                self.cursor = Place { number: number.wrapping_add(1), at: at.wrapping_add(size) };
                Ok(())
            }
            Ok(None) => Err(self.corrupted()),
            Err(Absent::NotYet) => Err(RingError::NothingNew),
            Err(Absent::Overwritten { .. }) => Err(self.missed()),
        }
    }

    /// Reads the next message into `message`, and waits for it if there is none, at most for this time. Setting the system's
    /// clock does not change the time.
    ///
    /// # Errors
    ///
    /// [`RingError::NothingNew`] if there was none all the time; otherwise as for [`read_into`](Self::read_into).
    pub fn read_into_timeout(&mut self, message: &mut Vec<u8>, timeout: Duration) -> Result<(), RingError> {
        self.read_until(message, Some(Linux.now().saturating_add(timeout)))
    }

    #[inline]
    fn read_until(&mut self, message: &mut Vec<u8>, deadline: Option<Duration>) -> Result<(), RingError> {
        match self.try_read_into(message) {
            Err(RingError::NothingNew) => self.wait(message, deadline),
            read => read,
        }
    }

    #[cold]
    fn wait(&mut self, message: &mut Vec<u8>, deadline: Option<Duration>) -> Result<(), RingError> {
        let bell = self.ring.share().map(|ring| &ring.head.bell);
        let read =
            bell::wait(&bell, A::MAPS_WRITABLE, deadline, &Linux, || match self.try_read_into(message) {
                Err(RingError::NothingNew) => None,
                read => Some(read),
            });
        read.unwrap_or(Err(RingError::NothingNew))
    }

    /// Goes on with a message of the newer half, not the oldest one: that would be overwritten next.
    #[cold]
    fn missed(&mut self) -> RingError {
        let (ring, before) = (&*self.ring, self.cursor.number);
        if let Some((newest, go_on)) = ring.frames().newest() {
            self.cursor = ring.frames().place(go_on, newest, |at| ring.header(at));
        }
        // Less only if another process has put the count back.
        RingError::Missed(self.cursor.number.saturating_sub(before))
    }

    #[cold]
    fn corrupted(&mut self) -> RingError {
        let number = self.cursor.number;
        self.skip_to_newest();
        RingError::Corrupted { number }
    }

    /// If the writer is faster every time, the next read says what was missed.
    fn skip_to_newest(&mut self) {
        if let Some((newest, _)) = self.ring.frames().newest() {
            self.cursor = newest;
        }
    }
}

impl<const N: usize, A: Access> fmt::Debug for ByteRingReader<'_, N, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteRingReader").field("position", &self.cursor.number).finish_non_exhaustive()
    }
}
