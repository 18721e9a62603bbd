//! Mutexes: uncontended, and fought over by two processes.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::time::{Duration, Instant};

use shm_runtime::{Attached, RemoveOnDrop, Segment, SharedSegment, sync};

use crate::Result;
use crate::child::{self, Peer, Places};
use crate::measure::{self, Effort, Outcome};
use crate::report::{Goal, Report};

/// What is fought over: each lock on cache lines of its own, with a counter that it guards.
#[derive(SharedSegment)]
#[repr(C, align(64))]
#[shm(private)]
pub struct Arena {
    go: AtomicU32,
    stop: AtomicU32,
    apart: [u64; 7],
    ours: sync::Mutex<u64>,
    apart_too: [u64; 6],
    /// Room for a `pthread_mutex_t`.
    pthread: [u64; 8],
    count: AtomicU64,
}

/// What is done while the lock is held.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Nothing,
    Count,
}

/// A lock to measure, one that two processes can use.
trait Contender: Sized {
    const NAME: &'static str;

    /// Prepares the arena; in the parent.
    fn prepare(_: &Attached<Arena>) -> Result<()> {
        Ok(())
    }

    /// Locks, does `step`, unlocks.
    fn locked(arena: &Attached<Arena>, step: Step) -> Result<()>;

    /// How far it was counted.
    fn counted(arena: &Attached<Arena>) -> u64 {
        arena.count.load(Relaxed)
    }
}

struct Ours;

impl Contender for Ours {
    const NAME: &'static str = "ours";

    #[inline]
    fn locked(arena: &Attached<Arena>, step: Step) -> Result<()> {
        let count = arena.ours.lock().map_err(|error| error.to_string())?;
        if step == Step::Count {
            count.set(count.get() + 1);
        }
        Ok(())
    }

    fn counted(arena: &Attached<Arena>) -> u64 {
        arena.ours.lock().map_or(0, |count| count.get())
    }
}

/// A `pthread_mutex_t` shared between processes, robust or not.
struct Pthread<const ROBUST: bool>;

impl<const ROBUST: bool> Pthread<ROBUST> {
    fn mutex(arena: &Attached<Arena>) -> *mut libc::pthread_mutex_t {
        const { assert!(size_of::<libc::pthread_mutex_t>() <= 64 && align_of::<libc::pthread_mutex_t>() <= 8) }
        arena.pthread.as_mut_ptr().cast()
    }
}

impl<const ROBUST: bool> Contender for Pthread<ROBUST> {
    const NAME: &'static str = if ROBUST { "robust" } else { "pthread" };

    fn prepare(arena: &Attached<Arena>) -> Result<()> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: initialises the attributes.
        unsafe { libc::pthread_mutexattr_init(attributes.as_mut_ptr()) };
        // SAFETY: they are initialised.
        unsafe { libc::pthread_mutexattr_setpshared(attributes.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED) };
        if ROBUST {
            // SAFETY: they are initialised.
            unsafe { libc::pthread_mutexattr_setrobust(attributes.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST) };
        }
        // SAFETY: there is room for a mutex, at an address aligned for one, and nobody uses it yet.
        match unsafe { libc::pthread_mutex_init(Self::mutex(arena), attributes.as_ptr()) } {
            0 => Ok(()),
            error => Err(std::io::Error::from_raw_os_error(error).into()),
        }
    }

    #[inline]
    fn locked(arena: &Attached<Arena>, step: Step) -> Result<()> {
        // SAFETY: `prepare` initialised it, and no other process writes there but by these calls.
        let locked = unsafe { libc::pthread_mutex_lock(Self::mutex(arena)) };
        if locked != 0 {
            return Err(std::io::Error::from_raw_os_error(locked).into());
        }
        if step == Step::Count {
            arena.count.store(arena.count.load(Relaxed) + 1, Relaxed);
        }
        // SAFETY: this thread has locked it.
        unsafe { libc::pthread_mutex_unlock(Self::mutex(arena)) };
        Ok(())
    }
}

fn arena() -> Result<(Attached<Arena>, RemoveOnDrop<Segment<Arena>>)> {
    let segment = Arena::create()?.remove_on_drop();
    Ok((segment.attach()?, segment))
}

/// Two processes that count under one lock.
struct Fight {
    // In front of the segment: the child detaches first.
    child: Peer,
    arena: Attached<Arena>,
    _segment: RemoveOnDrop<Segment<Arena>>,
}

impl Fight {
    fn start<C: Contender>() -> Result<Self> {
        let (arena, segment) = arena()?;
        C::prepare(&arena)?;
        let child = Peer::start("contend", C::NAME, &[segment.id().to_string()])?;
        Ok(Self { child, arena, _segment: segment })
    }

    /// Nanoseconds for each time that either has the lock.
    fn round<C: Contender>(&mut self, time: Duration) -> Result<f64> {
        let arena = &self.arena;
        let before = C::counted(arena);
        arena.stop.store(0, Release);
        self.child.tell("go")?;
        while arena.go.load(Acquire) == 0 {
            std::hint::spin_loop();
        }
        arena.go.store(0, Release);
        let start = Instant::now();
        let mut mine: u64 = 0;
        while start.elapsed() < time {
            for _ in 0..100 {
                C::locked(arena, Step::Count)?;
            }
            mine += 100;
        }
        arena.stop.store(1, Release);
        let theirs: u64 = self.child.answer()?.parse()?;
        let took = start.elapsed();
        if C::counted(arena) - before != mine + theirs {
            return Err(format!("{}: lost a count", C::NAME).into());
        }
        Ok(took.as_secs_f64() * 1e9 / (mine + theirs) as f64)
    }
}

fn fight<Theirs: Contender>(effort: Effort) -> Result<Outcome> {
    let (mut ours, mut peer) = (Fight::start::<Ours>()?, Fight::start::<Theirs>()?);
    let time = effort.sample * 4;
    measure::pairs(effort.pairs / 3, || ours.round::<Ours>(time), || peer.round::<Theirs>(time))
}

/// The child's side of a fight.
pub fn contend(name: &str, arguments: &[String]) -> Result<()> {
    let id = arguments.first().ok_or("no shmid")?.parse()?;
    let arena = Segment::<Arena>::from_id(id)?.attach()?;
    match name {
        Ours::NAME => child::obey(|_| counts::<Ours>(&arena)),
        Pthread::<true>::NAME => child::obey(|_| counts::<Pthread<true>>(&arena)),
        Pthread::<false>::NAME => child::obey(|_| counts::<Pthread<false>>(&arena)),
        name => Err(format!("no lock is called {name}").into()),
    }
}

fn counts<C: Contender>(arena: &Attached<Arena>) -> Result<()> {
    let mut mine: u64 = 0;
    arena.go.store(1, Release);
    while arena.stop.load(Relaxed) == 0 {
        for _ in 0..100 {
            C::locked(arena, Step::Count)?;
        }
        mine += 100;
    }
    child::say(mine)
}

pub fn measure(effort: Effort, report: &mut Report) -> Result<()> {
    const FOUGHT: &str = "Mutex, two processes want it all the time";
    alone(effort, report, "lock, unlock", Step::Nothing)?;
    alone(effort, report, "lock, add 1, unlock", Step::Count)?;
    if Places::get().is_none() {
        report.skip(FOUGHT, "takes two processors");
        return Ok(());
    }
    let what = "lock, add 1, unlock";
    report.add(FOUGHT, what, "pthread mutex, shared", fight::<Pthread<false>>(effort)?, Goal::None);
    report.add(
        FOUGHT,
        what,
        "pthread mutex, shared, robust",
        fight::<Pthread<true>>(effort)?,
        Goal::Speed(1.0),
    );
    Ok(())
}

/// What a lock costs that nobody else wants.
fn alone(effort: Effort, report: &mut Report, what: &str, step: Step) -> Result<()> {
    const GROUP: &str = "Mutex, nobody else wants it, one process";
    // Stated for the lock alone.
    let goal = |most| {
        if step == Step::Nothing { Goal::Time(most) } else { Goal::None }
    };
    let (memory, _segment) = arena()?;
    let ours = || Ours::locked(&memory, step);

    let standard = std::sync::Mutex::new(0u64);
    let outcome = measure::operations(effort, ours, || {
        let mut count = black_box(&standard).lock().map_err(|error| error.to_string())?;
        if step == Step::Count {
            *count += 1;
        }
        Ok(())
    })?;
    report.add(GROUP, what, "std::sync::Mutex (in-process)", outcome, goal(1.0));

    let parking_lot = parking_lot::Mutex::new(0u64);
    let outcome = measure::operations(effort, ours, || {
        let mut count = black_box(&parking_lot).lock();
        if step == Step::Count {
            *count += 1;
        }
        Ok(())
    })?;
    report.add(GROUP, what, "parking_lot::Mutex (in-process)", outcome, Goal::None);

    let word = AtomicU32::new(0);
    let count = AtomicU64::new(0);
    let outcome = measure::operations(effort, ours, || {
        let word = black_box(&word);
        let free = word.compare_exchange(0, 1, Acquire, Relaxed);
        if step == Step::Count {
            count.store(count.load(Relaxed) + 1, Relaxed);
        }
        let held = word.compare_exchange(1, 0, Release, Relaxed);
        free.and(held).map_err(|_| "nobody else should have it".into())
    })?;
    report.add(GROUP, what, "two compare-and-swaps, no lock", outcome, Goal::None);

    let (theirs, _theirs_segment) = arena()?;
    Pthread::<false>::prepare(&theirs)?;
    let outcome = measure::operations(effort, ours, || Pthread::<false>::locked(&theirs, step))?;
    report.add(GROUP, what, "pthread mutex, shared", outcome, Goal::None);

    let (theirs, _theirs_segment) = arena()?;
    Pthread::<true>::prepare(&theirs)?;
    let outcome = measure::operations(effort, ours, || Pthread::<true>::locked(&theirs, step))?;
    report.add(GROUP, what, "pthread mutex, shared, robust", outcome, goal(0.6));
    Ok(())
}
