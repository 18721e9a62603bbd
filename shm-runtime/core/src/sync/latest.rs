//! The latest value, with the time at which it was written.

use core::fmt;
use core::mem::{MaybeUninit, offset_of};
use core::sync::atomic::AtomicU32;
use core::time::Duration;

use super::builtin::builtin;
use super::error::{ReadError, WriterError};
use super::kernel::{Kernel, Linux};
use super::protocol::bell;
use super::seqlock::{SeqLock, SeqWriter, WriterInfo};
use crate::memory::access::{Access, ReadWrite, Readable, Writable};
use crate::memory::fields::{Fields, Member};
use crate::memory::part::{Kept, Part};
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::memory::structure::Declared;

/// The latest value of one writer, with its version and the time at which it was written, and a way to wait for a newer one:
/// a [`SeqLock`] of both, so that a reader gets the value with its own time.
///
/// A read-only attachment can read and wait.
///
/// ```
/// use std::time::Duration;
///
/// use shm_runtime::{SharedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Station {
///     celsius: sync::Latest<f64>,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let segment = Station::create()?.remove_on_drop();
/// let (station, display) = (segment.attach()?, segment.attach_read_only()?);
/// assert_eq!(display.celsius.read(), Err(sync::ReadError::NeverWritten));
///
/// let mut celsius = station.celsius.writer()?;
/// celsius.write(&21.5)?;
/// let reading = display.celsius.read()?;
/// assert_eq!((reading.value, reading.version), (21.5, 1));
/// assert!(reading.age() < Duration::from_secs(60));
///
/// // Nothing newer comes.
/// assert_eq!(display.celsius.wait_newer(reading.version, Duration::from_millis(1))?, None);
/// # Ok(())
/// # }
/// ```
///
/// # What can happen
///
/// As of a [`SeqLock`], whose role of the writer it has, and:
///
/// | | |
/// | --- | --- |
/// | the writer is killed after it has written, before it has woken those who wait | they look by themselves, after 20 ms at the latest |
/// | a reader waits through a read-only attachment, and so cannot say that it does | it looks by itself every millisecond |
/// | a reader dies, asleep | the next write calls the kernel once in vain |
/// | a value was written in another time namespace (time_namespaces(7)) whose clock is another one | its age is wrong by the difference, and 0 if it would be less |
/// | another process overwrites the time | a wrong age |
///
/// # Upgrades
///
/// The latest value is carried to the new segment, whole, with its version and its time; the role of the writer is not.
///
/// # Layout
///
/// `#[repr(C)]`:
///
/// | field | | |
/// | --- | --- | --- |
/// | `lock` | a [`SeqLock`] | of a struct of `value` and `written`, 8 bytes, the nanoseconds of CLOCK_MONOTONIC (clock_gettime(2)) |
/// | `bell` | 4 bytes | a futex: odd while a thread sleeps on it, or is about to |
///
/// A C reader: take `lock.sequence`, copy `lock.slots[sequence & 1]`, and do so again if `lock.sequence` is not the same
/// after it, with a fence (`atomic_thread_fence(memory_order_acquire)`) before and after the copy.
#[repr(C)]
pub struct Latest<T, A = ReadWrite> {
    lock: SeqLock<Stamped<T>, A>,
    bell: AtomicU32,
}

builtin! {
    unsafe impl [T: Shareable + Copy] Latest<T>, Latest<T, A>: "Latest", 2 {
        lock: SeqLock<Stamped<T>>, bell: AtomicU32
    }
}

/// A value and when it was written.
#[derive(Clone, Copy)]
#[repr(C)]
struct Stamped<T> {
    /// First, so that its copy is that of a `SeqLock` of it.
    value: T,
    /// Nanoseconds of CLOCK_MONOTONIC.
    written: u64,
}

/// The same in a segment.
#[repr(C)]
struct StampedParts<T, A> {
    value: Shared<T, A>,
    written: Shared<u64, A>,
}

builtin! {
    unsafe impl [T: Shareable + Copy] Stamped<T>, StampedParts<T, A>: "Stamped", 2 { value: T, written: u64 }
}

/// A value of a [`Latest`]: what [`Latest::read`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reading<T> {
    /// The value.
    pub value: T,
    /// How many values had been written then, this one included.
    pub version: u64,
    /// Nanoseconds of CLOCK_MONOTONIC: not a `Duration`, which would cost as much as the read.
    written: u64,
}

impl<T> Reading<T> {
    /// When it was written, by CLOCK_MONOTONIC (clock_gettime(2)), as the writer says.
    pub fn written(&self) -> Duration {
        Duration::from_nanos(self.written)
    }

    /// How long ago it was written; 0 if that seems to be in the future. Setting the system's clock does not change it.
    pub fn age(&self) -> Duration {
        Linux.now().saturating_sub(self.written())
    }
}

impl<T: Shareable + Copy, A: Access> Latest<T, A> {
    /// The last complete value, with its version and time.
    ///
    /// # Errors
    ///
    /// [`ReadError::NeverWritten`] if there was none yet; otherwise as for [`SeqLock::read`].
    #[inline]
    pub fn read(&self) -> Result<Reading<T>, ReadError>
    where
        A: Readable,
    {
        let mut stamped = MaybeUninit::uninit();
        match self.lock.load_valid(&mut stamped)? {
            0 => Err(ReadError::NeverWritten),
            version => {
                // SAFETY: initialised, and checked to be a valid value.
                let Stamped { written, value } = unsafe { stamped.assume_init() };
                Ok(Reading { value, version, written })
            }
        }
    }

    /// How long ago the last complete value was written, whatever it is; `None` if there was none yet.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[inline]
    pub fn age(&self) -> Result<Option<Duration>, ReadError>
    where
        A: Readable,
    {
        let (version, written) = self.lock.read_with(|stamped| stamped.written.get())?;
        Ok((version != 0).then(|| Linux.now().saturating_sub(Duration::from_nanos(written))))
    }

    /// How many values have been written since the segment was created.
    #[inline]
    pub fn version(&self) -> u64
    where
        A: Readable,
    {
        self.lock.version()
    }

    /// Waits until there is another version than this one, at most for this time, and reads it: `wait_newer(0, ..)` waits for
    /// the first value. `None` if the time is over. Setting the system's clock does not change the time.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn wait_newer(&self, version: u64, timeout: Duration) -> Result<Option<Reading<T>>, ReadError>
    where
        A: Readable,
    {
        let deadline = Linux.now().checked_add(timeout);
        let newer = || (self.lock.version() != version).then_some(());
        match bell::wait(&self.bell, A::MAPS_WRITABLE, deadline, &Linux, newer) {
            Some(()) => self.read().map(Some),
            None => Ok(None),
        }
    }

    /// Claims the writer's role, as [`SeqLock::writer`] does.
    ///
    /// # Errors
    ///
    /// As for [`SeqLock::writer`].
    pub fn writer(&self) -> Result<LatestWriter<'_, T, A>, WriterError>
    where
        A: Readable + Writable,
    {
        LatestWriter::claim(self.into())
    }

    /// Which process has the writer's role, as [`SeqLock::writer_info`] says.
    pub fn writer_info(&self) -> Option<WriterInfo>
    where
        A: Readable,
    {
        self.lock.writer_info()
    }

    /// Takes the writer's role away, as [`SeqLock::reset_writer`] does.
    pub fn reset_writer(&self)
    where
        A: Writable,
    {
        self.lock.reset_writer();
    }
}

impl<T: Shareable + Copy, A: Access> Part<Latest<T>, A> {
    /// Claims the writer's role, as [`Latest::writer`] does, for a writer with a share of the attachment: it can be kept in a
    /// struct.
    ///
    /// # Errors
    ///
    /// As for [`SeqLock::writer`].
    pub fn into_writer(self) -> Result<LatestWriter<'static, T, A>, WriterError>
    where
        A: Readable + Writable,
    {
        LatestWriter::claim(self.into_kept().map(|shared| &**shared))
    }
}

/// The writer of a [`Latest`]: one at a time, until it is dropped.
pub struct LatestWriter<'a, T: Shareable + Copy, A: Access = ReadWrite> {
    writer: SeqWriter<'a, Stamped<T>, A>,
    bell: Kept<'a, AtomicU32>,
}

impl<'a, T: Shareable + Copy, A: Readable + Writable> LatestWriter<'a, T, A> {
    fn claim(latest: Kept<'a, Latest<T, A>>) -> Result<Self, WriterError> {
        let bell = latest.share().map(|latest| &latest.bell);
        Ok(Self { writer: SeqWriter::claim(latest.map(|latest| &latest.lock))?, bell })
    }

    /// Writes `value` with the time as it is now, and wakes those who wait. It waits for no other process, and calls the
    /// kernel only if a thread sleeps.
    ///
    /// # Errors
    ///
    /// As for [`SeqWriter::write`].
    #[inline]
    pub fn write(&mut self, value: &T) -> Result<(), WriterError> {
        // For five centuries after the system's start.
        let written = u64::try_from(Linux.now().as_nanos()).unwrap_or(u64::MAX);
        self.writer.write(&Stamped { written, value: *value })?;
        bell::ring(&self.bell, &Linux);
        Ok(())
    }
}

impl<T: Shareable + Copy, A: Access> fmt::Debug for LatestWriter<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatestWriter").finish_non_exhaustive()
    }
}
