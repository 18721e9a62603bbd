//! A thread that is stopped in the middle of acquiring a lock, at every point in turn, while others do everything that
//! they can do meanwhile; and then it goes on.
//!
//! The kernel is a simulated one, in which thread ids are reused at once. A thread is stopped by running the others
//! inside one of its system calls, so nothing here depends on time.

use core::cell::{Cell, RefCell};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::time::Duration;
use std::collections::BTreeSet;

use super::mutex::{Lock, Me, Patience, Refusal, Value};
use crate::sync::kernel::{Kernel, OWNER_DIED, Refused, TID, WAITERS};

/// The thread that died holding the lock, and later others with its id.
const REUSED: u32 = 1;
/// Others.
const TAKER: u32 = 2;
const OTHER: u32 = 3;
const ASKING: u32 = 4;
/// One that never takes part.
const UNRELATED: u32 = 5;

/// A mutex, its users, and the kernel's tables.
struct World {
    word: AtomicU32,
    abandoned: AtomicU32,
    alive: RefCell<BTreeSet<u32>>,
    now: Cell<Duration>,
    /// The thread that uses the value.
    inside: Cell<u32>,
    /// How often an acquirer was told of a death.
    told: Cell<u32>,
}

impl World {
    /// One in which `REUSED` has died holding the lock.
    fn new() -> Self {
        let world = Self {
            word: AtomicU32::new(0),
            abandoned: AtomicU32::new(0),
            alive: RefCell::new((REUSED..=UNRELATED).collect()),
            now: Cell::new(Duration::from_secs(1)),
            inside: Cell::new(0),
            told: Cell::new(0),
        };
        assert!(world.acquire(REUSED, Patience::None, &world.kernel(REUSED)));
        world.dies(REUSED);
        world
    }

    fn kernel(&self, tid: u32) -> Simulated<'_> {
        Simulated { world: self, tid, stop: None }
    }

    fn lock(&self) -> Lock<'_> {
        Lock { word: &self.word, abandoned: &self.abandoned }
    }

    /// Acquires the lock if it can be had, and fails if another thread has it, too.
    fn acquire(&self, tid: u32, patience: Patience, kernel: &impl Kernel) -> bool {
        let value = match self.lock().lock(Me { tid, holds_any: false }, patience, kernel) {
            Ok(value) => value,
            Err(Refusal::WouldBlock { .. } | Refusal::TimedOut { .. }) => return false,
            Err(refusal) => panic!("{refusal:?}"),
        };
        assert_eq!(
            self.inside.replace(tid),
            0,
            "{tid} is in as well; the word is {:#x}",
            self.word.load(Relaxed)
        );
        if value == Value::Abandoned {
            self.told.set(self.told.get() + 1);
            self.lock().repaired();
        }
        true
    }

    fn release(&self, tid: u32) {
        if self.inside.get() == tid {
            self.inside.set(0);
            self.lock().unlock(tid, &self.kernel(tid));
        }
    }

    fn dies(&self, tid: u32) {
        self.alive.borrow_mut().remove(&tid);
        if self.inside.get() == tid {
            self.inside.set(0);
        }
    }

    fn is_born(&self, tid: u32) {
        self.alive.borrow_mut().insert(tid);
    }

    /// A new thread with this id tries to have the lock.
    fn comes(&self, tid: u32) {
        self.is_born(tid);
        self.acquire(tid, Patience::None, &self.kernel(tid));
    }

    /// A whole turn of another thread.
    fn turn(&self, tid: u32) {
        self.acquire(tid, Patience::None, &self.kernel(tid));
        self.release(tid);
    }

    /// A thread waits for the lock and gives up, which leaves the kernel's flag in the word.
    fn ask(&self) {
        self.acquire(ASKING, Patience::For(Duration::from_millis(1)), &self.kernel(ASKING));
        self.release(ASKING);
    }
}

/// The kernel, to one thread; which it may stop.
struct Simulated<'a> {
    world: &'a World,
    tid: u32,
    stop: Option<Stop<'a>>,
}

/// Stops a thread before or after a system call.
struct Stop<'a> {
    /// How many chances are still let pass.
    left: Cell<u32>,
    meanwhile: &'a dyn Fn(&World),
}

impl Simulated<'_> {
    fn chance(&self) {
        let Some(stop) = &self.stop else { return };
        if stop.left.get() == 0 {
            (stop.meanwhile)(self.world);
        }
        stop.left.set(stop.left.get().wrapping_sub(1));
    }

    fn call<R>(&self, call: impl FnOnce(&World) -> R) -> R {
        self.chance();
        let returned = call(self.world);
        self.chance();
        returned
    }

    /// futex_lock_pi_atomic.
    fn enter(&self, word: &AtomicU32) -> Result<bool, Refused> {
        let found = word.load(Relaxed);
        match found & TID {
            0 => word.store(self.tid | found & OWNER_DIED, Relaxed),
            holder if holder == self.tid => return Err(Refused::Deadlock),
            holder => {
                word.store(found | WAITERS, Relaxed);
                return match self.world.alive.borrow().contains(&holder) {
                    true => Ok(false),
                    false => Err(Refused::OwnerDead),
                };
            }
        }
        Ok(true)
    }
}

impl Kernel for Simulated<'_> {
    fn lock(&self, word: &AtomicU32, deadline: Duration) -> Result<(), Refused> {
        self.call(|world| match self.enter(word)? {
            true => Ok(()),
            false => {
                world.now.set(world.now.get().max(deadline));
                Err(Refused::TimedOut)
            }
        })
    }

    fn try_lock(&self, word: &AtomicU32) -> Result<(), Refused> {
        self.call(|_| match self.enter(word)? {
            true => Ok(()),
            false => Err(Refused::Again),
        })
    }

    fn unlock(&self, word: &AtomicU32) -> bool {
        self.call(|_| {
            let ours = word.load(Relaxed) & TID == self.tid;
            if ours {
                word.store(0, Relaxed);
            }
            ours
        })
    }

    fn is_dead(&self, tid: u32) -> Result<bool, Refused> {
        self.call(|world| Ok(!world.alive.borrow().contains(&tid)))
    }

    fn wait(&self, _: &AtomicU32, _: u32, _: Option<Duration>) {
        unreachable!("a mutex has no events");
    }

    fn add_one_and_wake(&self, _: &AtomicU32, _: i32) {
        unreachable!("a mutex has no events");
    }

    fn now(&self) -> Duration {
        self.world.now.get()
    }

    fn pause(&self) {
        self.call(|world| world.now.set(world.now.get() + Duration::from_micros(50)));
    }

    fn barrier(&self) {
        unreachable!("a mutex is not a role");
    }
}

/// Every way to want the lock that ends.
const PATIENCE: [Patience; 5] = [
    Patience::None,
    Patience::For(Duration::ZERO),
    Patience::For(Duration::from_nanos(1)),
    Patience::For(Duration::from_micros(60)),
    Patience::For(Duration::from_secs(1)),
];

/// What others do while a thread is stopped. The number is the id of the one that comes last: for a taker, that of the
/// dead holder.
const MEANWHILE: [fn(&World, u32); 9] = [
    // A new thread has the dead one's id, and the lock.
    |world, tid| world.comes(tid),
    |world, tid| {
        world.comes(tid);
        world.ask();
    },
    // Another one takes the lock first, and gives it back: the new one acquires it as any other does.
    |world, tid| {
        world.turn(OTHER);
        world.comes(tid);
    },
    |world, tid| {
        world.turn(OTHER);
        world.comes(tid);
        world.ask();
    },
    // That again, after the new one has died holding it, too.
    |world, tid| {
        world.comes(tid);
        world.dies(tid);
        world.ask();
        world.turn(OTHER);
        world.comes(tid);
        world.ask();
    },
    // Another one dies holding it.
    |world, tid| {
        world.comes(OTHER);
        world.dies(OTHER);
        world.comes(tid);
    },
    // Another one has it.
    |world, _| {
        world.comes(OTHER);
        world.ask();
    },
    // The id is that of a thread which has nothing to do with it.
    |world, tid| {
        world.is_born(tid);
        world.ask();
    },
    |world, _| world.lock().reset(),
];

/// Runs a thread that wants the lock against `MEANWHILE`, stopped at every point; then the lock must be one that can
/// be had.
fn stopped_everywhere(tid: u32, last: u32, patience: Patience) {
    for (which, meanwhile) in MEANWHILE.iter().enumerate() {
        for point in 0.. {
            let world = World::new();
            world.is_born(tid);
            let stop = Stop { left: Cell::new(point), meanwhile: &|world| meanwhile(world, last) };
            let kernel = Simulated { world: &world, tid, stop: Some(stop) };
            world.acquire(tid, patience, &kernel);
            let stopped = kernel.stop.is_some_and(|stop| stop.left.get() > point);
            for tid in [tid, last, OTHER] {
                world.release(tid);
            }
            // The unrelated thread with the reused id, if any, ends.
            world.dies(last);
            let had = world.acquire(UNRELATED, Patience::None, &world.kernel(UNRELATED));
            assert!(had, "{which}, stopped at {point}: {:#x}", world.word.load(Relaxed));
            world.release(UNRELATED);
            assert_eq!(world.word.load(Relaxed), 0);
            assert!(world.told.get() >= 1, "nobody was told of a death");
            if !stopped {
                assert!(point > 2, "never stopped");
                break;
            }
        }
    }
}

#[test]
fn a_taker_stopped_anywhere_never_gets_the_lock_that_another_has() {
    for patience in PATIENCE {
        stopped_everywhere(TAKER, REUSED, patience);
    }
}

#[test]
fn a_new_thread_with_the_dead_ones_id_stopped_anywhere_never_gets_the_lock_that_another_has() {
    for patience in PATIENCE {
        stopped_everywhere(REUSED, TAKER, patience);
    }
}

#[test]
fn a_taker_that_died_at_any_point_leaves_a_lock_that_others_get() {
    for patience in PATIENCE {
        for point in 0.. {
            let world = World::new();
            let after = Cell::new(None);
            let meanwhile = |world: &World| {
                after.set(Some((world.word.load(Relaxed), world.abandoned.load(Relaxed))));
            };
            let stop = Stop { left: Cell::new(point), meanwhile: &meanwhile };
            let kernel = Simulated { world: &world, tid: TAKER, stop: Some(stop) };
            world.acquire(TAKER, patience, &kernel);
            let Some((word, abandoned)) = after.get() else { break };
            // As it was when the taker was killed there.
            world.dies(TAKER);
            for (reborn, tid) in [(false, OTHER), (true, OTHER), (true, REUSED)] {
                world.word.store(word, Relaxed);
                world.abandoned.store(abandoned, Relaxed);
                world.told.set(0);
                if reborn {
                    world.is_born(REUSED);
                }
                let got = world.acquire(tid, patience, &world.kernel(tid));
                // With its id given to a thread that does not ask, the dead one seems to live.
                assert!(got || (reborn && tid == OTHER), "{word:#x}, then {:#x}", world.word.load(Relaxed));
                assert_eq!(world.told.get(), u32::from(got));
                world.release(tid);
                world.dies(REUSED);
            }
        }
    }
}

#[test]
fn a_late_takers_mark_on_a_living_holders_word_harms_nobody() {
    for (flags, asked) in [(0, false), (WAITERS, false), (WAITERS, true)] {
        let world = World::new();
        world.turn(OTHER);
        world.comes(REUSED);
        // Such a taker died before it took its mark off.
        let marks = world.abandoned.load(Relaxed) / 2;
        assert!(marks > 0);
        world.word.store(REUSED | marks << 22 | flags, Relaxed);
        assert!(!world.acquire(OTHER, Patience::None, &world.kernel(OTHER)), "a marked lock was had");
        if asked {
            world.ask();
            assert_eq!(world.word.load(Relaxed), REUSED | WAITERS, "the mark is still there");
        }
        world.release(REUSED);
        assert_eq!(world.word.load(Relaxed), 0);
        assert_eq!(world.told.get(), 1);
    }
}

#[test]
fn a_timed_lock_is_as_able_as_try_lock_whatever_the_word() {
    for holder in [0, REUSED, OTHER, TAKER, 1 << 22, 3 << 22 | REUSED, 0x3fff_ffff] {
        for flags in [0, WAITERS, OWNER_DIED, WAITERS | OWNER_DIED] {
            for marks in [0, 3] {
                let outcome = |patience| {
                    let world = World::new();
                    world.word.store(holder | flags, Relaxed);
                    world.abandoned.store(marks * 2, Relaxed);
                    let me = Me { tid: TAKER, holds_any: false };
                    match world.lock().lock(me, patience, &world.kernel(TAKER)) {
                        Ok(value) => format!("{value:?}"),
                        Err(Refusal::WouldBlock { holder } | Refusal::TimedOut { holder }) => {
                            format!("held by {holder}")
                        }
                        // But for the kernel's flags.
                        Err(Refusal::Corrupted { word }) => format!("corrupted: {:#x}", word & TID),
                        Err(refusal) => format!("{refusal:?}"),
                    }
                };
                let tried = outcome(Patience::None);
                for patience in PATIENCE {
                    assert_eq!(outcome(patience), tried, "{holder:#x} with {flags:#x}");
                }
            }
        }
    }
}

#[test]
fn deaths_without_number_leave_a_lock_that_others_get() {
    // Before the first mark, before the marks come again, and where their count is full.
    for count in [0, 2 * 0xfe, u32::MAX - 4, u32::MAX - 1] {
        let world = World::new();
        world.abandoned.store(count, Relaxed);
        for _ in 0..1_000 {
            assert!(world.acquire(TAKER, Patience::None, &world.kernel(TAKER)));
            world.dies(TAKER);
            assert!(world.acquire(OTHER, Patience::None, &world.kernel(OTHER)));
            world.release(OTHER);
            world.is_born(TAKER);
        }
    }
}
