//! The sequence lock.

use core::fmt;
use core::mem::{MaybeUninit, offset_of};
use core::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed},
    fence,
};
use std::time::SystemTime;

use super::error::{ReadError, Role, WriterError};
use super::kernel::Linux;
use super::protocol::seqlock::{self as latch, Identity, Words};
use crate::memory::access::{Access, ReadWrite, Readable, Writable};
use crate::memory::bulk;
use crate::memory::direction::{Load, Store};
use crate::memory::fields::{Fields, Member};
use crate::memory::part::{Kept, Part};
use crate::memory::shareable::{AlwaysValid, Shareable};
use crate::memory::shared::Shared;
use crate::memory::structure::{Declared, assert_always_valid};
use crate::memory::validity;
use crate::sys::liveness::Process;
use crate::sys::process;

/// A `T` that one process writes and any number read, always whole: a read gives what one write wrote.
///
/// Readers and the writer never wait for each other, and a reader needs a read-only attachment only. There are two copies
/// of the value: while the writer fills in one, readers have the other. So a writer that is killed in the middle leaves
/// the last value that it completed.
///
/// ```
/// use shm_runtime::{Shareable, SharedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Station {
///     wind: sync::SeqLock<Wind>,
/// }
///
/// #[derive(Clone, Copy, Debug, PartialEq, Shareable)]
/// #[repr(C)]
/// struct Wind {
///     speed: f64,
///     degrees: u16,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let segment = Station::create()?.remove_on_drop();
/// let station = segment.attach()?;
/// let mut wind = station.wind.writer()?;
/// wind.write(&Wind { speed: 3.2, degrees: 270 })?;
/// assert!(station.wind.writer().is_err()); // there is one
///
/// let display = segment.attach_read_only()?;
/// assert_eq!(display.wind.read()?, Wind { speed: 3.2, degrees: 270 });
/// # Ok(())
/// # }
/// ```
///
/// # What can happen
///
/// | | |
/// | --- | --- |
/// | nothing was written yet | [`version`](Self::version) is 0, and a read gives the value whose bytes are all zero; if those are not a value, as of an enum without a 0, [`ReadError::NeverWritten`] |
/// | another process wrote bytes that are not a value | [`ReadError::Invalid`] names the part, and what was found |
/// | the writer publishes faster than a reader copies | the reader tries again, 10,000 times at most, and then returns [`ReadError::Overtaken`] |
/// | a second process, or a second `SeqWriter` in the same one, claims the role | [`WriterError::Held`] names the process that has it |
/// | the writer dies, at any instruction | the next one that claims the role has it, and goes on |
/// | the writer's pid was reused | noticed by the number of its own that the kernel gives each process since Linux 6.9; before, by the time at which the process started, from /proc |
/// | the writer is in another pid namespace | [`WriterError::HeldElsewhere`], alive or dead: from here that cannot be told. In its own namespace it can; otherwise [`reset_writer`](Self::reset_writer) |
/// | the process that claims is in another time namespace | as if it were not: start times are corrected, or not used |
/// | neither tells processes apart, as before Linux 6.9 without /proc | a process with the writer's pid counts as the writer; without a pid namespace that is known, every writer counts as alive |
/// | the writer's process forks | the parent is the writer; writing in the child is [`WriterError::Lost`] |
/// | the role was taken away by [`reset_writer`](Self::reset_writer) | the old writer's next write is [`WriterError::Lost`], in the same process, too; dropping it does not end the role of the next |
/// | ... in the middle of a write | that write is completed, and the next claim waits for it. After a second it does not wait any longer: the old write is then [`WriterError::Lost`], and if it goes on after all, what it still copies may be seen torn; and if it was stopped right before the store of the sequence number, that goes back once |
/// | ... from a writer that lives | the next claim takes some milliseconds more: the kernel puts a barrier into all threads that run (membarrier(2)), for which a write needs none. Where the kernel has none, with the boot option nohz_full or behind a filter of system calls, it takes a tenth of a second, much longer than a processor delays a store |
/// | another process overwrites the words or the copies | wrong values, or one of the errors here; never undefined behaviour, and never a reader that hangs |
///
/// # Limits
///
/// - A dead writer is known to be dead in its own pid namespace only. Readers can be in any.
/// - Before Linux 4.14, a child that was not made by fork(3) of the C library must not write.
///
/// # Layout
///
/// `#[repr(C)]`:
///
/// | field | bytes | |
/// | --- | --- | --- |
/// | `sequence` | 8 | the count of writes, which could not wrap around in a century |
/// | `slots` | 2 values | two copies of the value: the current one is that of the number's lowest bit |
/// | `writer` | 8 | the role: in the low 22 bits the writer's pid, or 0, above them the number of its claim; the highest bit is 1 until the next two words are that claim's, and in a role that was taken away |
/// | `process` | 8 | the low 22 bits of that number, and above them the low 42 bits of the inode of that process's pidfd, or the time at which it started |
/// | `namespace` | 8 | the same 22 bits, above them 32 bits with the inode of its pid namespace, and a bit that is 1 if `process` has an inode |
/// | `writing` | 8 | 0, or the role in which a write is going on; with the highest bit, one that was withdrawn |
///
/// A reader needs the first two only. The other words stand after the copies, where the writer changes them without
/// disturbing those who look for a new sequence number.
#[repr(C)]
pub struct SeqLock<T, A = ReadWrite> {
    sequence: AtomicU64,
    slots: [Shared<T, A>; 2],
    writer: AtomicU64,
    process: AtomicU64,
    namespace: AtomicU64,
    writing: AtomicU64,
}

// SAFETY: `__LAYOUT` names the six fields at their offsets, and `__copy` copies them, the slots as an array of `T`. `__Parts<A>`
// is the same struct with another marker: of the same layout, since `Shared<T, A>` has that of a `T` whatever `A` is;
// valid with any bytes; interior mutability in the words, and in the slots as `Shared` has it. What its methods do, `A`
// allows. It has no drop glue, as atomics and `Shared` have none, and no lifetime.
unsafe impl<T: Shareable + Copy> Shareable for SeqLock<T> {
    type __Parts<A: Access> = SeqLock<T, A>;

    type __Member = Member<Self>;
    const __MEMBERS: Fields = Fields::listed::<(
        <AtomicU64 as Shareable>::__Member,
        <[T; 2] as Shareable>::__Member,
        <AtomicU64 as Shareable>::__Member,
        <AtomicU64 as Shareable>::__Member,
        <AtomicU64 as Shareable>::__Member,
        <AtomicU64 as Shareable>::__Member,
    )>();
    const __NAMES: &'static [&'static str] =
        &["sequence", "slots", "writer", "process", "namespace", "writing"];
    const __OFFSETS: &'static [usize] = &[
        offset_of!(Self, sequence),
        offset_of!(Self, slots),
        offset_of!(Self, writer),
        offset_of!(Self, process),
        offset_of!(Self, namespace),
        offset_of!(Self, writing),
    ];
    const __LAYOUT: Declared = Declared::builtin::<Self, 6>("SeqLock").latch();
}

impl<T: Shareable + Copy, A: Access> SeqLock<T, A> {
    /// The last complete value.
    ///
    /// # Errors
    ///
    /// [`ReadError::Overtaken`] if the writer publishes all the time, faster than a read takes;
    /// [`ReadError::Invalid`] or [`NeverWritten`](ReadError::NeverWritten) if the bytes are not a `T`, which can only happen
    /// if `T` contains an enum or a `char`.
    #[inline]
    pub fn read(&self) -> Result<T, ReadError>
    where
        A: Readable,
    {
        let mut value = MaybeUninit::uninit();
        self.load_valid(&mut value)?;
        // SAFETY: initialised, and checked to be a valid `T`.
        Ok(unsafe { value.assume_init() })
    }

    /// Copies the last complete value to `to`: for values that are large, and better not moved about.
    ///
    /// What contains an enum or a `char` is read by [`read_into_uninit`](Self::read_into_uninit).
    ///
    /// # Errors
    ///
    /// [`ReadError::Overtaken`], as for [`read`](Self::read); `to` then has parts of several values.
    #[inline]
    pub fn read_into(&self, to: &mut T) -> Result<(), ReadError>
    where
        T: AlwaysValid,
        A: Readable,
    {
        const { assert_always_valid::<T>() };
        // SAFETY: a `T` may be taken for one that may be uninitialised, for what is written to it are copies of scalars,
        // which with `AlwaysValid` leave a `T`.
        let to = unsafe { &mut *core::ptr::from_mut(to).cast::<MaybeUninit<T>>() };
        self.load(to).map(drop)
    }

    /// Copies the last complete value to `to`, and checks it there: for large values of any type, in a place that need not
    /// have a value yet.
    ///
    /// ```
    /// use shm_runtime::{Shareable, SharedSegment, sync};
    ///
    /// #[derive(Clone, Copy, Debug, PartialEq, Shareable)]
    /// #[repr(u8)]
    /// enum Sky { Clear = 1, Cloudy = 2 }
    ///
    /// #[derive(SharedSegment)]
    /// #[repr(C)]
    /// #[shm(private)]
    /// struct Station {
    ///     forecast: sync::SeqLock<[Sky; 10_000]>,
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let segment = Station::create()?.remove_on_drop();
    /// # let station = segment.attach()?;
    /// let mut place = Box::<[Sky; 10_000]>::new_uninit(); // kept for later reads
    /// assert_eq!(station.forecast.read_into_uninit(&mut place), Err(sync::ReadError::NeverWritten));
    ///
    /// station.forecast.writer()?.write(&[Sky::Cloudy; 10_000])?;
    /// let forecast: &mut [Sky; 10_000] = station.forecast.read_into_uninit(&mut place)?;
    /// assert_eq!(forecast[9_999], Sky::Cloudy);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[inline]
    pub fn read_into_uninit<'t>(&self, to: &'t mut MaybeUninit<T>) -> Result<&'t mut T, ReadError>
    where
        A: Readable,
    {
        self.load_valid(to)?;
        // SAFETY: initialised, and checked to be a valid `T`.
        Ok(unsafe { to.assume_init_mut() })
    }

    /// The version of what was copied. After it, `to` is a valid `T`.
    #[inline]
    pub(super) fn load_valid(&self, to: &mut MaybeUninit<T>) -> Result<u64, ReadError>
    where
        A: Readable,
    {
        let version = self.load(to)?;
        // SAFETY: `load` copied every scalar of a `T` here.
        unsafe { validity::check(Declared::of::<T>(), to.as_ptr().cast()) }.map_err(
            |invalid| match version {
                0 => ReadError::NeverWritten,
                _ => ReadError::Invalid(invalid),
            },
        )?;
        Ok(version)
    }

    /// The version of what was copied.
    #[inline]
    fn load(&self, to: &mut MaybeUninit<T>) -> Result<u64, ReadError>
    where
        A: Readable,
    {
        // SAFETY: the slot is a `T` in a segment, `to` is private and has room for one.
        self.read_with(|slot| unsafe { bulk::copy::<T, Load>(slot.as_ptr(), to.as_mut_ptr()) })
            .map(|(version, ())| version)
    }

    /// The version of the current copy, and what `read` finds in it.
    #[inline]
    pub(super) fn read_with<R>(&self, mut read: impl FnMut(&Shared<T, A>) -> R) -> Result<(u64, R), ReadError>
    where
        A: Readable,
    {
        latch::read(&self.sequence, |slot| read(&self.slots[slot]))
            .ok_or(ReadError::Overtaken { attempts: latch::ATTEMPTS })
    }

    /// How many values have been published since the segment was created: with an earlier number at hand one can tell
    /// whether there is a new one, and how many were missed. It is 0 as long as nothing was ever written.
    #[inline]
    pub fn version(&self) -> u64
    where
        A: Readable,
    {
        let sequence = self.sequence.load(Relaxed);
        // What is read after this is no older than the number.
        fence(Acquire);
        sequence
    }

    /// Claims the writer's role, from a dead writer too.
    ///
    /// If the role was taken away from a writer in the middle of a write, this waits until that write has ended, or its
    /// process has; but not longer than a second.
    ///
    /// # Errors
    ///
    /// [`WriterError::Held`] or [`HeldElsewhere`](WriterError::HeldElsewhere) if there is a writer, and it is not known to be
    /// dead.
    pub fn writer(&self) -> Result<SeqWriter<'_, T, A>, WriterError>
    where
        A: Readable + Writable,
    {
        SeqWriter::claim(self.into())
    }

    /// Which process has the writer's role, and whether it lives; `None` if none has it. A read-only attachment can ask.
    ///
    /// It asks the kernel, by some system calls. What it says may be over when it is said: to have the role,
    /// [claim](Self::writer) it.
    ///
    /// ```
    /// # use shm_runtime::{SharedSegment, sync};
    /// # #[derive(SharedSegment)]
    /// # #[repr(C)]
    /// # #[shm(private)]
    /// # struct Station { celsius: sync::SeqLock<f64> }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let segment = Station::create()?.remove_on_drop();
    /// # let station = segment.attach()?;
    /// let display = segment.attach_read_only()?;
    /// assert_eq!(display.celsius.writer_info(), None);
    ///
    /// let writer = station.celsius.writer()?;
    /// let info = display.celsius.writer_info().ok_or("there is a writer")?;
    /// assert_eq!((info.pid, info.alive), (std::process::id(), Some(true)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn writer_info(&self) -> Option<WriterInfo>
    where
        A: Readable,
    {
        let (role, identity) = self.words().current()?;
        let process = identity.map_or(Process::UNKNOWN, process);
        Some(WriterInfo {
            pid: latch::pid(role),
            alive: process.is_alive(),
            pid_namespace: process.is_elsewhere().then_some(process.namespace),
            started: process.started_at(),
        })
    }

    /// The role of a new claim.
    fn claim(&self) -> Result<u64, WriterError> {
        match self.words().claim(identity(Process::this()), |who| process(who).is_dead(), &Linux) {
            Ok(role) => Ok(role),
            Err(found) => Err(match self.other_namespace(found) {
                Some(pid_namespace) => WriterError::HeldElsewhere { role: Role::Writer, pid_namespace },
                None => WriterError::Held { role: Role::Writer, pid: latch::pid(found) },
            }),
        }
    }

    /// Takes the writer's role away, whichever process has it: from this one, too. A write that is going on is completed,
    /// and the next one is refused.
    ///
    /// For a role that no process has any more, but that does not look so: after exec(3) in a process that was the
    /// writer, or if another process overwrote it.
    pub fn reset_writer(&self)
    where
        A: Writable,
    {
        self.words().reset();
    }

    #[inline]
    fn words(&self) -> Words<'_> {
        let Self { sequence, writer, process, namespace, writing, .. } = self;
        Words { sequence, writer, marks: [process, namespace], writing }
    }

    /// The pid namespace of the process that has this role, if it is known to be another one than this process's.
    fn other_namespace(&self, role: u64) -> Option<u32> {
        let process = process(self.words().identity(role)?);
        process.is_elsewhere().then_some(process.namespace)
    }
}

/// The process that has a [`SeqLock`]'s writer's role: what [`SeqLock::writer_info`] returns.
///
/// All of it is what another process wrote, compared with what the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriterInfo {
    /// Its process id, in its own pid namespace.
    pub pid: u32,
    /// Whether it lives. `None` if that cannot be told, as of a process in another pid namespace: to all functions here, that
    /// counts as alive, `alive.unwrap_or(true)`. A later process with its pid is not taken for it.
    pub alive: Option<bool>,
    /// The inode of its pid namespace, as /proc/self/ns/pid shows it there, if it is not that of this process.
    pub pid_namespace: Option<u32>,
    /// When the process started, by the system's clock as it is set now, to about a hundredth of a second. `None` if that
    /// is not known: of a dead process, it is not since Linux 6.9.
    pub started: Option<SystemTime>,
}

/// The writer of a [`SeqLock`]: one at a time, until it is dropped.
///
/// [`SeqLock::writer`] gives one that borrows the attachment, [`Part::into_writer`] one that keeps it attached, a
/// `SeqWriter<'static, T>`.
pub struct SeqWriter<'a, T: Shareable + Copy, A: Access = ReadWrite> {
    lock: Kept<'a, SeqLock<T, A>>,
    /// This claim, as the lock's word has it.
    role: u64,
    /// The number of the process that is the writer: a forked child has a copy of this, and another number.
    generation: u64,
}

impl<T: Shareable + Copy, A: Access> Part<SeqLock<T>, A> {
    /// Claims the writer's role, as [`SeqLock::writer`] does, for a writer with a share of the attachment: it can be kept in
    /// a struct.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use shm_runtime::{Attached, SharedSegment, sync};
    ///
    /// #[derive(SharedSegment)]
    /// #[repr(C)]
    /// #[shm(private)]
    /// struct Station {
    ///     celsius: sync::SeqLock<f64>,
    ///     changed: sync::Event,
    /// }
    ///
    /// struct Thermometer {
    ///     station: Arc<Attached<Station>>,
    ///     celsius: sync::SeqWriter<'static, f64>,
    /// }
    ///
    /// impl Thermometer {
    ///     fn measured(&mut self, celsius: f64) -> Result<(), sync::WriterError> {
    ///         self.celsius.write(&celsius)?;
    ///         self.station.changed.notify_all();
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let segment = Station::create()?.remove_on_drop();
    /// let station = Arc::new(segment.attach()?);
    /// let celsius = station.part(|station| &station.celsius).into_writer()?;
    /// let mut thermometer = Thermometer { station, celsius };
    /// thermometer.measured(21.5)?;
    /// # assert_eq!(segment.attach_read_only()?.celsius.read()?, 21.5);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`SeqLock::writer`].
    pub fn into_writer(self) -> Result<SeqWriter<'static, T, A>, WriterError>
    where
        A: Readable + Writable,
    {
        SeqWriter::claim(self.into_kept().map(|shared| &**shared))
    }
}

impl<'a, T: Shareable + Copy, A: Readable + Writable> SeqWriter<'a, T, A> {
    pub(super) fn claim(lock: Kept<'a, SeqLock<T, A>>) -> Result<Self, WriterError> {
        Ok(Self { role: lock.claim()?, generation: process::generation(), lock })
    }

    /// Publishes `value`: reads that begin from now on give it. It waits for no other process.
    ///
    /// # Errors
    ///
    /// [`WriterError::Lost`] in a forked child, or if the role was taken away. Nothing is published then.
    #[inline]
    pub fn write(&mut self, value: &T) -> Result<(), WriterError> {
        let lock = &*self.lock;
        // SAFETY: `value` is an initialised, private `T`, the slot is one in a segment, writable under `Writable`.
        let store = |slot: usize| unsafe { bulk::copy::<T, Store>(value, lock.slots[slot].as_mut_ptr()) };
        if self.generation != process::generation() || !lock.words().write(self.role, store) {
            return Err(self.lost());
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn lost(&self) -> WriterError {
        let role = self.lock.writer.load(Acquire);
        let elsewhere = self.lock.other_namespace(role).is_some();
        WriterError::Lost { role: Role::Writer, pid: if elsewhere { 0 } else { latch::pid(role) } }
    }
}

impl<T: Shareable + Copy, A: Access> Drop for SeqWriter<'_, T, A> {
    fn drop(&mut self) {
        if self.generation == process::generation() {
            self.lock.words().release(self.role);
        }
    }
}

impl<T: Shareable + Copy, A: Access> fmt::Debug for SeqWriter<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeqWriter").field("role", &self.role).finish_non_exhaustive()
    }
}

/// A process as the words have it.
pub(super) fn identity(process: Process) -> Identity {
    Identity { pid: process.pid.unsigned_abs(), marks: process.marks() }
}

pub(super) fn process(identity: Identity) -> Process {
    Process::from_marks(i32::from_ne_bytes(identity.pid.to_ne_bytes()), identity.marks)
}
