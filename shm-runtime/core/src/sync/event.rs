//! The event.

use core::fmt;
use core::marker::PhantomData;
use core::mem::offset_of;
use core::sync::atomic::AtomicU32;
use core::time::Duration;

use super::kernel::{Kernel, Linux};
use super::protocol::event as count;
use crate::memory::access::{Access, ReadWrite, Readable, Writable};
use crate::memory::fields::{Fields, Member};
use crate::memory::shareable::Shareable;
use crate::memory::structure::Declared;

/// Something that processes wait for, and that others announce: that a value changed, that there is work.
///
/// A thread that waits says so first, by [`listen`](Self::listen), then looks whether it has to wait at all, and then
/// [`wait`](Listener::wait)s. An announcement at any time after `listen` ends the wait, so none is lost.
///
/// ```
/// use shm_runtime::{SharedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Station {
///     celsius: f64,
///     changed: sync::Event,
/// }
///
/// let segment = Station::create()?.remove_on_drop();
/// let display = segment.attach_read_only()?;
/// # let station = segment.attach()?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         station.celsius.set(21.5);
///         station.changed.notify_all();
///     });
///     loop {
///         let change = display.changed.listen();
///         if display.celsius.get() > 20.0 {
///             break;
///         }
///         change.wait();
///     }
/// });
/// # Ok::<(), shm_runtime::Error>(())
/// ```
///
/// A read-only attachment can wait, a write-only one can notify. What was written before `notify` is seen after the
/// `wait` that it ends, and after any later `listen`.
///
/// # What can happen
///
/// | | |
/// | --- | --- |
/// | a waiter dies, asleep | nothing is left of it: the next announcement is for the others |
/// | a waiter dies that [`notify_one`](Self::notify_one) has woken, before it has taken the work | that announcement is used up: those who sleep sleep on until the next one, although there is work. See below for what loses nothing |
/// | ... that [`notify_all`](Self::notify_all) has woken | the others are awake, too, and look |
/// | a notifier dies | it has announced and woken, or done neither: that is one system call |
/// | a wait is interrupted by a signal, or woken for no reason | it goes on |
/// | 4,294,967,296 announcements between `listen` and `wait` | the count is the same again, and `wait` sleeps until the next |
/// | another process overwrites the count | waits end early, or sleep until the next announcement; `wait_timeout` ends in time |
///
/// # Work that is not lost
///
/// An announcement says that it is time to look, and not what there is. So what there is to do is in the segment, in a
/// [`Mutex`](super::Mutex): that tells of a thread that dies while it takes it. A worker listens, looks, and only then
/// waits. And so that work is found that another one was woken for, and died before it took it, either all are woken, or
/// each looks by itself from time to time:
///
/// ```
/// use std::time::Duration;
///
/// use shm_runtime::{Attached, SharedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Works {
///     jobs: sync::Mutex<u64>,
///     added: sync::Event,
/// }
///
/// fn add(works: &Attached<Works>) -> Result<(), sync::LockError> {
///     works.jobs.lock().or_else(|error| error.repair(|_| {}))?.update(|jobs| jobs + 1);
///     works.added.notify_one();
///     Ok(())
/// }
///
/// fn take(works: &Attached<Works>) -> Result<(), sync::LockError> {
///     loop {
///         let added = works.added.listen();
///         // The count is one scalar, never half-changed: there is nothing to repair.
///         let jobs = works.jobs.lock().or_else(|error| error.repair(|_| {}))?;
///         if jobs.get() > 0 {
///             jobs.update(|jobs| jobs - 1);
///             return Ok(());
///         }
///         drop(jobs);
///         // Announced or not, look again.
///         let _ = added.wait_timeout(Duration::from_secs(1));
///     }
/// }
/// # let segment = Works::create()?.remove_on_drop();
/// # let works = segment.attach()?;
/// # add(&works)?;
/// # take(&works)?;
/// # assert_eq!(works.jobs.lock().map_err(sync::LockError::release)?.get(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// | | wakes | a job is found after the one that was woken for it was killed |
/// | --- | --- | --- |
/// | `notify_one` and `wait` | one for each job | when the next job is announced |
/// | `notify_one` and `wait_timeout` | one for each job, and each after its time-out | within the time-out |
/// | `notify_all` and `wait` | all for each job | at once |
///
/// What a worker has taken, and not finished when it is killed, is no longer in the count: where that must not be lost
/// either, write down in the segment which worker has which job.
///
/// # Layout
///
/// `#[repr(C)]`: the count of announcements (4 bytes), a futex.
#[repr(C)]
pub struct Event<A = ReadWrite> {
    count: AtomicU32,
    access: PhantomData<A>,
}

// SAFETY: `__LAYOUT` names the one field that has a size, and `__copy` copies it. `__Parts<A>` is the same struct with another
// marker: an atomic, valid with any bytes, with interior mutability. What its methods do, `A` allows.
unsafe impl Shareable for Event {
    type __Parts<A: Access> = Event<A>;

    type __Member = Member<Self>;
    const __MEMBERS: Fields = Fields::listed::<(<AtomicU32 as Shareable>::__Member,)>();
    const __NAMES: &'static [&'static str] = &["count"];
    const __OFFSETS: &'static [usize] = &[offset_of!(Self, count)];
    const __LAYOUT: Declared = Declared::builtin::<Self, 1>("Event");
}

impl<A: Access> Event<A> {
    /// Announces, and wakes all who wait.
    ///
    /// It always takes a system call: a thread that waits leaves no trace in the memory.
    #[inline]
    pub fn notify_all(&self)
    where
        A: Writable,
    {
        count::notify(&self.count, i32::MAX, &Linux);
    }

    /// Announces, and wakes one of those who wait, if any do: for work that one of them can take.
    ///
    /// If that one is killed before it takes the work, no other is woken for it: see [the type](Self#work-that-is-not-lost).
    ///
    /// A thread that has listened but does not sleep yet goes on, too. So the one that is woken has to look whether there is
    /// anything left for it.
    #[inline]
    pub fn notify_one(&self)
    where
        A: Writable,
    {
        count::notify(&self.count, 1, &Linux);
    }

    /// Listens from now on: an announcement after this call ends the wait.
    #[inline]
    pub fn listen(&self) -> Listener<'_>
    where
        A: Readable,
    {
        Listener { count: &self.count, seen: count::current(&self.count) }
    }
}

/// What [`Event::listen`] returns, and what can wait for the event.
#[must_use = "a listener that does not wait does nothing"]
pub struct Listener<'a> {
    count: &'a AtomicU32,
    seen: u32,
}

impl Listener<'_> {
    /// Sleeps until there was an announcement since `listen`.
    pub fn wait(self) {
        count::wait(self.count, self.seen, None, &Linux);
    }

    /// Sleeps until there was an announcement since `listen`, at most for this time; says whether there was one. Setting
    /// the system's clock does not change the time.
    #[must_use = "it may have timed out"]
    pub fn wait_timeout(self, timeout: Duration) -> bool {
        let deadline = Linux.now().checked_add(timeout);
        count::wait(self.count, self.seen, deadline, &Linux)
    }
}

impl fmt::Debug for Listener<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("seen", &self.seen).finish_non_exhaustive()
    }
}
