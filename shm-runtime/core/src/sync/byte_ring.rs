//! The ring of messages of any length: one writer, and any number of readers that each see every message.

use core::fmt;
use core::marker::PhantomData;
use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, AtomicU64};
use core::time::Duration;

use super::builtin::builtin;
use super::circle::{self, Lap};
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
/// memory, and needs a read-only attachment only. `N` is in bytes; a message takes up 8 more than it has. Where the size is to be
/// chosen at run time, it is a [`ByteRingHead`].
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
/// | `head.marks` | 128 | the first two if `count` is even, the others if it is odd: the positions, 8 bytes each, of the next message, and of one that is not older than half of the bytes |
/// | `bytes` | 192 | `N` bytes: the one at position p, counted from 0, is byte p modulo N |
///
/// A message is its length, 4 bytes, the low 32 bits of its number, counted from 0, and its bytes; the next one follows at once.
/// A C reader of a message whose position it knows, and that is published: copy it, each length checked against N, and then look
/// at `tail`, with a fence (`atomic_thread_fence(memory_order_acquire)`) before and after the copy. If it is not greater than
/// the position, the copy is whole.
#[repr(C)]
pub struct ByteRing<const N: usize, A = ReadWrite> {
    head: Head,
    bytes: [Shared<u8, A>; N],
}

builtin! {
    unsafe impl [const N: usize] ByteRing<N>, ByteRing<N, A>: "ByteRing", 2 {
        head: Head, bytes: [u8; N]
    } together
}

/// What the writer writes beside the messages: what readers look at, the role, and what only those read that begin or were too
/// slow, each on a cache line of its own.
#[repr(C, align(64))]
struct Head {
    count: AtomicU64,
    tail: AtomicU64,
    bell: AtomicU32,
    role: Role,
    marks: [[AtomicU64; 2]; 2],
}

builtin! {
    unsafe impl [] Head, Head: "Frames", 5 {
        count: AtomicU64, tail: AtomicU64, bell: AtomicU32, role: Role, marks: [[AtomicU64; 2]; 2]
    }
}

impl Head {
    #[inline]
    fn frames(&self, capacity: usize) -> Frames<'_> {
        let Self { count, tail, marks, .. } = self;
        let marks = marks.each_ref().map(|marks| marks.each_ref());
        Frames { count, tail, marks, capacity: capacity as u64 }
    }

    fn reset_writer(&self) {
        self.role.words(&self.count).reset();
    }
}

/// What a writer or a reader uses: the head, and the bytes, whose number is the capacity. No other process can change it.
type Parts<'a, A> = (Kept<'a, Head>, Kept<'a, [Shared<u8, A>]>);

/// Bytes of a ring at the least: those before a message, and a byte of it.
const LEAST: usize = 9;

/// Bytes of a message at most, in a ring of so many.
fn max_len(bytes: usize) -> usize {
    bytes.saturating_sub(LEAST - 1)
}

#[inline]
fn header<A: Readable>(bytes: &[Shared<u8, A>], lap: &mut Lap, at: u64) -> Header {
    let [len, number] = [at, at.wrapping_add(4)].map(|at| circle::load_u32(bytes, lap, at));
    Header { len, number }
}

/// The head of a [`ByteRing`] whose size is chosen when its segment is created: the bytes are the slice at the end of the
/// segment's struct.
///
/// ```
/// use shm_runtime::{SharedSegment, TailedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Recorder {
///     ring: sync::ByteRingHead,
///     bytes: [u8],
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let segment = Recorder::options().len(100_000).create()?.remove_on_drop();
/// let (recorder, display) = (segment.attach()?, segment.attach_read_only()?);
/// let mut reader = display.ring.reader(&display.bytes);
/// recorder.ring.writer(&recorder.bytes)?.write(b"started")?;
///
/// let mut line = Vec::new();
/// reader.read_into(&mut line)?;
/// assert_eq!(line, b"started");
/// # Ok(())
/// # }
/// ```
///
/// The size is the length of the slice that is passed, which is in private memory: no other process can change it. A message
/// has 8 bytes less at most. Of 4 GiB or more, the first 4 GiB less one byte are used. All processes have to pass the same bytes.
/// With others, or those of another segment, a reader gets wrong messages, or an error; that is never undefined behaviour.
///
/// All else is as [`ByteRing`] says, but for the size: with fewer than 9 bytes there is no writer ([`WriterError::TooFew`]), and
/// so a reader finds nothing new. Of upgrades is to be said what [`RingHead`](super::RingHead#upgrades) says.
///
/// # Layout
///
/// `#[repr(C)]`, aligned to 64 bytes: `head`, 192 bytes, as the one of a [`ByteRing`]. The byte at position p, counted from 0, is
/// byte p modulo their number.
#[repr(C)]
pub struct ByteRingHead<A = ReadWrite> {
    head: Head,
    access: PhantomData<A>,
}

builtin! { unsafe impl [] ByteRingHead, ByteRingHead<A>: "ByteRingHead", 1 { head: Head } transient }

impl<A: Access> ByteRingHead<A> {
    /// Claims the writer's role, from a dead writer too.
    ///
    /// # Errors
    ///
    /// [`WriterError::TooFew`] if there are less than 9 bytes; otherwise as for [`ByteRing::writer`].
    pub fn writer<'a>(&'a self, bytes: &'a [Shared<u8, A>]) -> Result<ByteRingWriter<'a, A>, WriterError>
    where
        A: Readable + Writable,
    {
        error::at_least(LEAST, bytes.len(), error::Role::Writer)?;
        ByteRingWriter::claim(((&self.head).into(), circle::addressable(bytes).into()))
    }

    /// A reader of the messages that are written from now on.
    pub fn reader<'a>(&'a self, bytes: &'a [Shared<u8, A>]) -> ByteRingReader<'a, A>
    where
        A: Readable,
    {
        ByteRingReader::new(((&self.head).into(), circle::addressable(bytes).into()))
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
        self.head.reset_writer();
    }
}

impl<const N: usize, A: Access> ByteRing<N, A> {
    /// Bytes of a message at most: `N` less the 8 that go before it. While a message is in the ring that needs more than half of
    /// the bytes, there is hardly another.
    pub const MAX_LEN: usize = {
        assert!(N > 8, "a ring of bytes needs more than the 8 bytes that go before each message");
        assert!(N <= u32::MAX as usize, "a ring of bytes has less than 4 GiB");
        N - 8
    };

    /// Claims the writer's role, from a dead writer too.
    ///
    /// # Errors
    ///
    /// [`WriterError::Held`] or [`HeldElsewhere`](WriterError::HeldElsewhere) if there is a writer, and it is not known to be
    /// dead.
    pub fn writer(&self) -> Result<ByteRingWriter<'_, A>, WriterError>
    where
        A: Readable + Writable,
    {
        ByteRingWriter::claim(Self::parts(self.into()))
    }

    /// A reader of the messages that are written from now on.
    pub fn reader(&self) -> ByteRingReader<'_, A>
    where
        A: Readable,
    {
        ByteRingReader::new(Self::parts(self.into()))
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
        self.head.reset_writer();
    }

    fn parts(ring: Kept<'_, Self>) -> Parts<'_, A> {
        _ = Self::MAX_LEN;
        (ring.share().map(|ring| &ring.head), ring.map(|ring| ring.bytes.as_slice()))
    }
}

impl<const N: usize, A: Access> Part<ByteRing<N>, A> {
    /// Claims the writer's role, as [`ByteRing::writer`] does, for a writer with a share of the attachment.
    ///
    /// # Errors
    ///
    /// As for [`ByteRing::writer`].
    pub fn into_writer(self) -> Result<ByteRingWriter<'static, A>, WriterError>
    where
        A: Readable + Writable,
    {
        ByteRingWriter::claim(ByteRing::parts(self.into_kept().map(|shared| &**shared)))
    }

    /// A reader, as [`ByteRing::reader`] gives it, with a share of the attachment.
    pub fn into_reader(self) -> ByteRingReader<'static, A>
    where
        A: Readable,
    {
        ByteRingReader::new(ByteRing::parts(self.into_kept().map(|shared| &**shared)))
    }
}

/// The writer of a [`ByteRing`] or a [`ByteRingHead`]: one at a time, until it is dropped.
pub struct ByteRingWriter<'a, A: Access = ReadWrite> {
    head: Kept<'a, Head>,
    bytes: Kept<'a, [Shared<u8, A>]>,
    claim: Claim,
    /// Of the next message, and of the oldest one.
    laps: [Lap; 2],
}

impl<'a, A: Readable + Writable> ByteRingWriter<'a, A> {
    fn claim((head, bytes): Parts<'a, A>) -> Result<Self, WriterError> {
        let claim = head.role.claim(&head.count, error::Role::Writer)?;
        Ok(Self { head, bytes, claim, laps: [Lap::default(); 2] })
    }

    /// Writes a message, over the oldest ones if there is no room. It waits for no other process, and calls the kernel only if a
    /// thread sleeps.
    ///
    /// # Errors
    ///
    /// [`WriterError::TooLong`] if it has more than [`MAX_LEN`](ByteRing::MAX_LEN) bytes, 8 less than there are; [`WriterError::Lost`] in a forked child,
    /// or if the role was taken away. Nothing is written then.
    #[inline]
    pub fn write(&mut self, message: &[u8]) -> Result<(), WriterError> {
        let Self { head, bytes, claim, laps: [next, oldest] } = self;
        let max = max_len(bytes.len());
        let len = u32::try_from(message.len()).ok().filter(|_| message.len() <= max);
        let len = len.ok_or(WriterError::TooLong { len: message.len(), max })?;
        let Head { count, bell, role, .. } = &**head;
        let store = |Place { number, at }| {
            for (i, word) in (0..).zip([len, low(number)]) {
                circle::store(bytes, next, at.wrapping_add(4 * i), &word.to_ne_bytes());
            }
            circle::store(bytes, next, at.wrapping_add(Header::SIZE), message);
        };
        let size = Header::SIZE + u64::from(len);
        let header = |at| header(bytes, oldest, at);
        let frames = head.frames(bytes.len());
        if !claim.is_here() || !frames.write(role.words(count), claim.role, size, header, store) {
            return Err(role.lost(count, error::Role::Writer));
        }
        bell::ring(bell, &Linux);
        Ok(())
    }
}

impl<A: Access> Drop for ByteRingWriter<'_, A> {
    fn drop(&mut self) {
        self.head.role.release(&self.head.count, self.claim);
    }
}

impl<A: Access> fmt::Debug for ByteRingWriter<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteRingWriter").finish_non_exhaustive()
    }
}

/// A reader of a [`ByteRing`] or a [`ByteRingHead`], whose place is in private memory: nothing of it is in the segment.
pub struct ByteRingReader<'a, A: Access = ReadWrite> {
    head: Kept<'a, Head>,
    bytes: Kept<'a, [Shared<u8, A>]>,
    /// The next message.
    cursor: Place,
    lap: Lap,
}

impl<'a, A: Readable> ByteRingReader<'a, A> {
    fn new((head, bytes): Parts<'a, A>) -> Self {
        let mut reader = Self { head, bytes, cursor: Place { number: 0, at: 0 }, lap: Lap::default() };
        reader.skip_to_newest();
        reader
    }

    /// Goes back to the oldest message that can be read, or on to it.
    pub fn rewind(&mut self) {
        let Self { head, bytes, cursor, lap } = self;
        if let Some(oldest) = head.frames(bytes.len()).oldest(|at| header(bytes, lap, at)) {
            *cursor = oldest;
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
        let Self { head, bytes, cursor, lap } = self;
        let (at, max) = (cursor.at, max_len(bytes.len()) as u64);
        let load = || {
            let Header { len, number } = header(bytes, lap, at);
            // Before anything is done with the length.
            let whole = number == low(cursor.number) && u64::from(len) <= max;
            if whole {
                circle::load_into(bytes, lap, at.wrapping_add(Header::SIZE), len, message);
            }
            whole.then(|| Header::SIZE + u64::from(len))
        };
        match head.frames(bytes.len()).read(*cursor, load) {
            Ok(Some(size)) => {
                *cursor = Place { number: cursor.number.wrapping_add(1), at: at.wrapping_add(size) };
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
        let bell = self.head.share().map(|head| &head.bell);
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
        let Self { head, bytes, cursor, lap } = self;
        let (frames, before) = (head.frames(bytes.len()), cursor.number);
        if let Some((newest, go_on)) = frames.newest() {
            *cursor = frames.place(go_on, newest, |at| header(bytes, lap, at));
        }
        // Less only if another process has put the count back.
        RingError::Missed(cursor.number.saturating_sub(before))
    }

    #[cold]
    fn corrupted(&mut self) -> RingError {
        let number = self.cursor.number;
        self.skip_to_newest();
        RingError::Corrupted { number }
    }

    /// If the writer is faster every time, the next read says what was missed.
    fn skip_to_newest(&mut self) {
        if let Some((newest, _)) = self.head.frames(self.bytes.len()).newest() {
            self.cursor = newest;
        }
    }
}

impl<A: Access> fmt::Debug for ByteRingReader<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteRingReader").field("position", &self.cursor.number).finish_non_exhaustive()
    }
}
