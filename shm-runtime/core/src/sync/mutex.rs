//! The mutex.

use core::fmt;
use core::marker::PhantomData;
use core::mem::offset_of;
use core::ops::Deref;
use core::sync::atomic::AtomicU32;
use core::time::Duration;

use super::error::LockError;
use super::kernel::Linux;
use super::protocol::mutex::{Lock, Patience, Refusal, Value};
use super::thread;
use crate::memory::access::{Access, ReadWrite, Readable, Writable};
use crate::memory::fields::{Fields, Member};
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::memory::structure::Declared;

/// A `T` that one thread at a time may use, among all threads of all processes that have the segment attached.
///
/// A field of this type starts unlocked, because a new segment is zero-filled. Through an attachment it has
/// [`lock`](Self::lock), whose guard derefs to the [`Shared`] value.
///
/// ```
/// use shm_runtime::{Shareable, SharedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Station {
///     totals: sync::Mutex<Totals>,
/// }
///
/// #[derive(Clone, Copy, Shareable)]
/// #[repr(C)]
/// struct Totals {
///     readings: u64,
///     sum: f64,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let segment = Station::create()?.remove_on_drop();
/// let station = segment.attach()?;
///
/// // If a process died while it changed the totals, start afresh.
/// let afresh = |totals: &shm_runtime::Shared<Totals>| totals.set(Totals { readings: 0, sum: 0.0 });
/// let totals = station.totals.lock().or_else(|error| error.repair(afresh))?;
/// totals.readings.update(|readings| readings + 1);
/// totals.sum.update(|sum| sum + 21.5);
/// drop(totals);
///
/// // Or leave that to another process.
/// let totals = station.totals.try_lock().map_err(sync::LockError::release)?;
/// assert_eq!(totals.readings.get(), 1);
/// # Ok(())
/// # }
/// ```
///
/// An attachment that cannot read and write cannot lock:
///
/// ```compile_fail,E0277
/// # use shm_runtime::{SharedSegment, sync};
/// # #[derive(SharedSegment)]
/// # #[repr(C)]
/// # #[shm(private)]
/// # struct Station { totals: sync::Mutex<u64> }
/// # let segment = Station::create()?.remove_on_drop();
/// segment.attach_read_only()?.totals.lock(); // this attachment is read-only
/// # Ok::<(), shm_runtime::Error>(())
/// ```
///
/// # When its holder dies
///
/// By kill -9 in the middle, by a panic, by the end of a thread that leaked the guard: the next `lock` returns
/// [`LockError::OwnerDied`] with the guard in it. The lock is held then, and the value may be half-changed: repair it
/// and go on, with [`OwnerDied::into_guard`] or, shorter, [`LockError::repair`]. The death is reported until a thread
/// does: dropping the error releases the lock, and the next one is told again. Those who wait when it happens are woken.
///
/// # What else can happen
///
/// | | |
/// | --- | --- |
/// | the same thread locks again | [`LockError::AlreadyHeld`] |
/// | two threads wait for each other's lock | [`LockError::Deadlock`] to the one that comes last |
/// | a process forks while one of its threads holds the lock | the parent still holds it; dropping the guard's copy in the child does nothing |
/// | another process overwrites the word with 0 | the lock is free, and two may hold it. Those who wait notice within a second |
/// | ... with the id of a dead thread | as if that thread had died holding it |
/// | ... with the id of a living thread | as if that thread held it, until it ends. `lock_timeout` times out |
/// | ... with the caller's own id | as if the caller held it if it holds any `Mutex`; otherwise as if it had died |
/// | ... with anything else, the id of a thread of the kernel for one | [`LockError::Corrupted`], until [`reset`](Self::reset) |
/// | a process of another pid namespace attaches the segment | [`ErrorKind::OtherPidNamespace`](crate::ErrorKind::OtherPidNamespace): see the limits |
/// | the holder died, and its thread id was given to a new thread before any thread asked for the lock | as if the new one held it, as above |
/// | ... in the middle of another thread's taking over the dead one's lock | one of the two gets it, or a third, never two: a thread that was stopped in the middle, for however long, starts again |
/// | a thread dies in the middle of taking over a dead one's lock | the next one takes it over, and is told of the death |
///
/// Nothing of this is undefined behaviour, and no word makes `try_lock` or `lock_timeout` hang or panic.
///
/// # Limits
///
/// - The word holds a thread id, as a priority-inheritance futex has it (futex(2)), and a thread has another id in
///   another pid namespace: all users of the lock have to be in one. A segment with a `Mutex` in it that was created in
///   another one cannot be attached to be written:
///   [`ErrorKind::OtherPidNamespace`](crate::ErrorKind::OtherPidNamespace), unless
///   [`allow_other_pid_namespace`](crate::Options::allow_other_pid_namespace) says otherwise. A child that is forked into a
///   new pid namespace keeps its parent's attachments, and must not use their locks.
/// - Before Linux 4.14, fork(2) is noticed through pthread_atfork(3): a child made otherwise (`_Fork`, clone(2) by hand) must
///   not use the lock before it calls exec(3).
/// - Reading the value past the lock ([`Debug`](fmt::Debug) of the whole does, through a read-only attachment too)
///   shows what is there, perhaps half-changed.
///
/// # Layout
///
/// `#[repr(C)]`: the word (4 bytes: 0 if free; otherwise the holder's thread id in the low 22 bits, above it 8 bits that
/// are 0 unless a thread is looking whether the holder is dead, and the flags of futex(2)), the mark of an abandoned
/// value (4 bytes: it is the lowest bit, and the others count how often a dead holder's lock was taken over), the value.
#[repr(C)]
pub struct Mutex<T, A = ReadWrite> {
    word: AtomicU32,
    abandoned: AtomicU32,
    value: Shared<T, A>,
}

// SAFETY: `__LAYOUT` names the three fields at their offsets, and `__copy` copies them, the value as `T` does. `__Parts<A>` is
// the same struct with another marker: of the same layout, since `Shared<T, A>` has that of a `T` whatever `A` is; valid
// with any bytes; interior mutability in the words, and in the value as `Shared` has it. What its methods do, `A` allows.
// It has no drop glue, as atomics and `Shared` have none, and no lifetime.
unsafe impl<T: Shareable> Shareable for Mutex<T> {
    type __Parts<A: Access> = Mutex<T, A>;

    type __Member = Member<Self>;
    const __MEMBERS: Fields = Fields::listed::<(
        <AtomicU32 as Shareable>::__Member,
        <AtomicU32 as Shareable>::__Member,
        <T as Shareable>::__Member,
    )>();
    const __NAMES: &'static [&'static str] = &["word", "abandoned", "value"];
    const __OFFSETS: &'static [usize] =
        &[offset_of!(Self, word), offset_of!(Self, abandoned), offset_of!(Self, value)];
    const __LAYOUT: Declared = Declared::builtin::<Self, 3>("Mutex").lock();
}

impl<T: Shareable, A: Access> Mutex<T, A> {
    /// Waits until the lock is free, and acquires it. If it is free, that takes no system call.
    ///
    /// While it waits, the holder has at least this thread's priority.
    ///
    /// # Errors
    ///
    /// [`LockError::OwnerDied`] carries the guard. [`AlreadyHeld`](LockError::AlreadyHeld) and
    /// [`Deadlock`](LockError::Deadlock) would otherwise wait for ever; [`Corrupted`](LockError::Corrupted) if another
    /// process overwrote the word.
    #[inline]
    pub fn lock(&self) -> Result<MutexGuard<'_, T, A>, LockError<OwnerDied<'_, T, A>>>
    where
        A: Readable + Writable,
    {
        self.acquire(Patience::Forever)
    }

    /// Acquires the lock if it is free, or its holder is dead.
    ///
    /// # Errors
    ///
    /// [`LockError::WouldBlock`] if a living thread holds it; otherwise as for [`lock`](Self::lock).
    #[inline]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T, A>, LockError<OwnerDied<'_, T, A>>>
    where
        A: Readable + Writable,
    {
        self.acquire(Patience::None)
    }

    /// Waits until the lock is free, at most for this time, and acquires it. Setting the system's clock does not change
    /// the time (before Linux 5.14 it does).
    ///
    /// When the time is over, it does what [`try_lock`](Self::try_lock) does: however short the time is, zero too, it
    /// acquires a lock that is free, or whose holder is dead.
    ///
    /// # Errors
    ///
    /// [`LockError::TimedOut`] if a living thread holds it at the end; otherwise as for [`lock`](Self::lock).
    #[inline]
    pub fn lock_timeout(
        &self,
        timeout: Duration,
    ) -> Result<MutexGuard<'_, T, A>, LockError<OwnerDied<'_, T, A>>>
    where
        A: Readable + Writable,
    {
        self.acquire(Patience::For(timeout))
    }

    #[inline]
    fn acquire(&self, patience: Patience) -> Result<MutexGuard<'_, T, A>, LockError<OwnerDied<'_, T, A>>> {
        let me = thread::me();
        let value = self.words().lock(me, patience, &Linux)?;
        thread::acquired();
        let guard = MutexGuard {
            mutex: self,
            tid: me.tid,
            generation: thread::generation(),
            panicking: std::thread::panicking(),
            of_this_thread: PhantomData,
        };
        match value {
            Value::Whole => Ok(guard),
            Value::Abandoned => Err(LockError::OwnerDied(OwnerDied { guard })),
        }
    }

    /// Frees the lock, whichever thread holds it, and reports it to the next as the death of a holder.
    ///
    /// The way out of [`LockError::Corrupted`], and of a lock that waits for a thread that only looks like the holder.
    /// If there is a holder, two may use the value from now on, until both have dropped their guards; what each of them
    /// sees is still not undefined behaviour.
    pub fn reset(&self)
    where
        A: Writable,
    {
        self.words().reset();
    }

    /// The value, whichever thread holds the lock.
    #[inline]
    pub(super) fn value(&self) -> &Shared<T, A> {
        &self.value
    }

    #[inline]
    fn words(&self) -> Lock<'_> {
        Lock { word: &self.word, abandoned: &self.abandoned }
    }
}

/// The lock, held: derefs to the [`Shared`] value, and releases when dropped.
///
/// It stays in the thread that locked, as the kernel knows the holder by its thread. If it is dropped by a panic, the
/// value is taken to be half-changed, and the next one to lock is told.
#[must_use = "the lock is released when this is dropped"]
pub struct MutexGuard<'a, T: Shareable, A: Access = ReadWrite> {
    mutex: &'a Mutex<T, A>,
    /// The thread whose lock it is.
    tid: u32,
    /// Its process: a forked child has a copy of the guard, and in a pid namespace of its own perhaps the same thread id.
    generation: u64,
    /// Whether it was locked during a panic, which then is not one of the critical section.
    panicking: bool,
    /// As std's guard: not `Send`, but `Sync`.
    of_this_thread: PhantomData<std::sync::MutexGuard<'static, ()>>,
}

impl<T: Shareable, A: Access> Deref for MutexGuard<'_, T, A> {
    type Target = Shared<T, A>;

    #[inline]
    fn deref(&self) -> &Shared<T, A> {
        &self.mutex.value
    }
}

impl<T: Shareable, A: Access> Drop for MutexGuard<'_, T, A> {
    #[inline]
    fn drop(&mut self) {
        if self.tid != thread::id() || self.generation != thread::generation() {
            return;
        }
        thread::released();
        if !self.panicking && std::thread::panicking() {
            self.mutex.words().abandon();
        }
        self.mutex.words().unlock(self.tid, &Linux);
    }
}

impl<T: Shareable, A: Readable> fmt::Debug for MutexGuard<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// The lock, held, over a value that a dead or panicked holder may have left half-changed: what
/// [`LockError::OwnerDied`] carries.
///
/// When it is dropped, the lock is released and the value stays suspect: the next one to lock is told again.
#[must_use = "the lock is released, and the value stays suspect, when this is dropped"]
pub struct OwnerDied<'a, T: Shareable, A: Access = ReadWrite> {
    guard: MutexGuard<'a, T, A>,
}

impl<'a, T: Shareable, A: Access> OwnerDied<'a, T, A> {
    /// The guard, to repair the value through and go on. The death counts as dealt with from now on: if this process
    /// dies in turn before the guard is dropped, that is reported again.
    pub fn into_guard(self) -> MutexGuard<'a, T, A> {
        self.guard.mutex.words().repaired();
        self.guard
    }
}

impl<T: Shareable, A: Access> fmt::Debug for OwnerDied<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnerDied").finish_non_exhaustive()
    }
}

impl<'a, T: Shareable, A: Access> LockError<OwnerDied<'a, T, A>> {
    /// If the holder died, lets `repair` bring the value in order and gives the guard; any other error stays.
    ///
    /// For `mutex.lock().or_else(|error| error.repair(...))?`: the error that is left borrows nothing. If `repair`
    /// panics, the value stays suspect.
    ///
    /// # Errors
    ///
    /// This one, if it is not [`OwnerDied`](Self::OwnerDied).
    pub fn repair(self, repair: impl FnOnce(&Shared<T, A>)) -> Result<MutexGuard<'a, T, A>, LockError> {
        match self.into_died() {
            Ok(died) => {
                repair(&died.guard);
                Ok(died.into_guard())
            }
            Err(other) => Err(other),
        }
    }
}

impl<D> From<Refusal> for LockError<D> {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::AlreadyHeld => Self::AlreadyHeld,
            Refusal::Deadlock { holder } => Self::Deadlock { holder },
            Refusal::TimedOut { holder } => Self::TimedOut { holder },
            Refusal::WouldBlock { holder } => Self::WouldBlock { holder },
            Refusal::Corrupted { word } => Self::Corrupted { word },
            Refusal::Os(source) => Self::Os { source },
        }
    }
}
