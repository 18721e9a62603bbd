//! The protocols under loom: every interleaving of a few threads, and everything that a relaxed load may return.
//!
//! Two kernels stand in for the real one. [`Weak`] gives no memory ordering at all, so that what is left is that of the
//! protocols themselves; it waits by yielding. [`Strict`] keeps a record of who waits, as Linux does, with its in-between
//! states; its own locks order memory, so it checks the protocols' logic: who gets the lock of a dead holder, and
//! that no thread is left asleep.

use core::time::Duration;
use std::collections::VecDeque;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU32, AtomicU64};
use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
use loom::thread;

use super::bell;
use super::event as count;
use super::frames::{self, Frames, Header, low};
use super::mutex::{Lock, Me, Patience, Refusal, Value};
use super::queue::{self, Cursors, Slot};
use super::ring::{self, Absent};
use super::seqlock::{self as latch, Identity, Words};
use super::spsc::{End, Place, Stuck, between};
use crate::sync::atomic::{Acquire, BARRIERS, Relaxed, Release, light_barrier};
use crate::sync::kernel::{Kernel, OWNER_DIED, Refused, TID, WAITERS};

/// A kernel without any memory ordering, to a thread with this id.
struct Weak(u32);

impl Kernel for Weak {
    fn lock(&self, word: &AtomicU32, _: Duration) -> Result<(), Refused> {
        loop {
            match self.try_lock(word) {
                Err(Refused::Again) => {}
                outcome => return outcome,
            }
            let found = word.load(Relaxed);
            if found & TID != 0 {
                let _ = word.compare_exchange(found, found | WAITERS, Relaxed, Relaxed);
            }
            thread::yield_now();
        }
    }

    fn try_lock(&self, word: &AtomicU32) -> Result<(), Refused> {
        let found = word.load(Relaxed);
        let free = found & TID == 0;
        match free && word.compare_exchange(found, self.0, Relaxed, Relaxed).is_ok() {
            true => Ok(()),
            false => Err(Refused::Again),
        }
    }

    fn unlock(&self, word: &AtomicU32) -> bool {
        word.swap(0, Relaxed) & TID == self.0
    }

    fn is_dead(&self, _: u32) -> Result<bool, Refused> {
        Ok(false)
    }

    fn wait(&self, _: &AtomicU32, _: u32, _: Option<Duration>) {
        thread::yield_now();
    }

    fn add_one_and_wake(&self, word: &AtomicU32, _: i32) {
        word.fetch_add(1, Relaxed);
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn pause(&self) {
        thread::yield_now();
    }

    fn barrier(&self) {
        light_barrier();
    }
}

/// What Linux records of one futex.
#[derive(Default)]
struct Record {
    /// Who waits for the lock, and whom they wait for.
    waiters: VecDeque<u32>,
    owner: u32,
    /// The thread that a dying owner left the lock to: it holds it, and the word does not say so yet.
    heir: u32,
    dead: Vec<u32>,
}

/// A kernel with Linux's record of one lock and one event.
#[derive(Default)]
struct Kept {
    record: Mutex<Record>,
    /// The lock was given to a thread that waits for it.
    given: Condvar,
    sleepers: Mutex<()>,
    woken: Condvar,
}

/// That kernel, to a thread with this id.
struct Strict(u32, Arc<Kept>);

impl Strict {
    /// The thread ends, holding what it holds: exit_pi_state_list in the kernel.
    fn die(&self) {
        let mut record = self.1.record.lock().unwrap();
        record.dead.push(self.0);
        if record.owner == self.0
            && let Some(heir) = record.waiters.pop_front()
        {
            (record.heir, record.owner) = (heir, 0);
            self.1.given.notify_all();
        }
    }

    /// A new thread is given this id.
    fn born(&self) {
        self.1.record.lock().unwrap().dead.retain(|&tid| tid != self.0);
    }

    /// futex_lock_pi_atomic: whether the lock is acquired, or waited for from now on.
    fn enter(&self, word: &AtomicU32, record: &mut Record) -> Result<bool, Refused> {
        loop {
            let found = word.load(Relaxed);
            let holder = found & TID;
            if holder == self.0 {
                return Err(Refused::Deadlock);
            }
            if !record.waiters.is_empty() || record.heir != 0 {
                // With a dead owner's flag, the word need not name the owner yet.
                if holder != record.owner && (holder != 0 || found & OWNER_DIED == 0)
                    || record.owner == 0 && (holder != 0 || found & OWNER_DIED == 0)
                {
                    return Err(Refused::Inconsistent);
                }
                if record.owner == self.0 {
                    return Err(Refused::Deadlock);
                }
                return Ok(false);
            }
            if holder == 0 {
                match word.compare_exchange(found, self.0 | found & OWNER_DIED, Relaxed, Relaxed) {
                    Ok(_) => return Ok(true),
                    Err(_) => continue,
                }
            }
            // Whatever comes of it.
            if word.compare_exchange(found, found | WAITERS, Relaxed, Relaxed).is_err() {
                continue;
            }
            if record.dead.contains(&holder) || holder > LARGEST {
                return Err(Refused::OwnerDead);
            }
            record.owner = holder;
            return Ok(false);
        }
    }

    /// Waits for the lock, in line already.
    fn wait_in_line(&self, word: &AtomicU32, mut record: MutexGuard<'_, Record>) {
        while record.heir != self.0 && record.owner != self.0 {
            record = self.1.given.wait(record).unwrap();
        }
        if record.heir == self.0 {
            (record.heir, record.owner) = (0, self.0);
            // Whatever it says.
            word.swap(self.0 | OWNER_DIED | record.flag(), Relaxed);
        }
    }
}

/// The largest id that a thread has here.
const LARGEST: u32 = 9;

impl Record {
    fn flag(&self) -> u32 {
        if self.waiters.is_empty() { 0 } else { WAITERS }
    }
}

impl Kernel for Strict {
    fn lock(&self, word: &AtomicU32, _: Duration) -> Result<(), Refused> {
        let mut record = self.1.record.lock().unwrap();
        if !self.enter(word, &mut record)? {
            record.waiters.push_back(self.0);
            self.wait_in_line(word, record);
        }
        Ok(())
    }

    fn try_lock(&self, word: &AtomicU32) -> Result<(), Refused> {
        let mut record = self.1.record.lock().unwrap();
        match self.enter(word, &mut record)? {
            true => Ok(()),
            false => Err(Refused::Again),
        }
    }

    fn unlock(&self, word: &AtomicU32) -> bool {
        let mut record = self.1.record.lock().unwrap();
        let found = word.load(Relaxed);
        let waited_for = !record.waiters.is_empty() || record.heir != 0;
        if found & TID != self.0 || waited_for && record.owner != self.0 {
            return false;
        }
        let next = record.waiters.front().copied().unwrap_or(0);
        let word_next = if next == 0 { 0 } else { next | WAITERS };
        if word.compare_exchange(found, word_next, Relaxed, Relaxed).is_err() {
            return false;
        }
        record.waiters.pop_front();
        record.owner = next;
        self.1.given.notify_all();
        true
    }

    fn is_dead(&self, tid: u32) -> Result<bool, Refused> {
        Ok(self.1.record.lock().unwrap().dead.contains(&tid))
    }

    fn wait(&self, word: &AtomicU32, value: u32, _: Option<Duration>) {
        let sleepers = self.1.sleepers.lock().unwrap();
        if word.load(Relaxed) == value {
            drop(self.1.woken.wait(sleepers).unwrap());
        }
    }

    fn add_one_and_wake(&self, word: &AtomicU32, _: i32) {
        let sleepers = self.1.sleepers.lock().unwrap();
        word.fetch_add(1, Relaxed);
        self.1.woken.notify_all();
        drop(sleepers);
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn pause(&self) {
        thread::yield_now();
    }

    fn barrier(&self) {
        light_barrier();
    }
}

/// A mutex: its two words, and a value that loom watches for two threads at once, and for one that does not see
/// what another wrote before.
struct Guarded {
    word: AtomicU32,
    abandoned: AtomicU32,
    value: UnsafeCell<u32>,
}

impl Guarded {
    fn new() -> Arc<Self> {
        Arc::new(Self { word: AtomicU32::new(0), abandoned: AtomicU32::new(0), value: UnsafeCell::new(0) })
    }

    fn lock(&self, tid: u32, patience: Patience, kernel: &impl Kernel) -> Result<Value, Refusal> {
        let me = Me { tid, holds_any: false };
        self.words().lock(me, patience, kernel)
    }

    fn words(&self) -> Lock<'_> {
        Lock { word: &self.word, abandoned: &self.abandoned }
    }

    fn increment(&self) {
        // SAFETY: loom checks that nobody else has it now.
        self.value.with_mut(|value| unsafe { *value += 1 });
    }
}

/// A model of at most this many preemptions, for those with too many states to try all.
fn bounded(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// The same, where roles are taken away.
fn bounded_with_barriers(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    BARRIERS.set(true);
    bounded(preemptions, model);
    BARRIERS.set(false);
}

/// Two threads that do things in every order.
///
/// Loom tries what comes of it if another thread acts in place of one that has accessed the same word; but only of the last one that
/// has. So where a thread loads a word and then stores it, as a writer does with its sequence number, loom does not see that
/// a reader has loaded it before. Therefore each says when it has done something, in a word that only the other loads.
struct Turns([AtomicU32; 2]);

impl Turns {
    fn new() -> Arc<Self> {
        Arc::new(Self([AtomicU32::new(0), AtomicU32::new(0)]))
    }

    /// Something that the first of the two does, or the second, as it is told.
    fn take<R>(&self, thread: usize, act: impl FnOnce() -> R) -> R {
        // Whatever it is: relaxed, it orders nothing.
        self.0[1 - thread].load(Relaxed);
        let done = act();
        self.0[thread].store(1, Relaxed);
        done
    }
}

#[test]
fn the_mutex_lets_one_in_at_a_time_who_sees_what_the_last_one_wrote() {
    loom::model(|| {
        let mutex = Guarded::new();
        let locked = [1, 2].map(|tid| {
            let mutex = Arc::clone(&mutex);
            thread::spawn(move || {
                let value = mutex.lock(tid, Patience::Forever, &Weak(tid));
                assert!(matches!(value, Ok(Value::Whole)));
                mutex.increment();
                mutex.words().unlock(tid, &Weak(tid));
            })
        });
        for thread in locked {
            thread.join().unwrap();
        }
        // SAFETY: the threads have ended.
        assert_eq!(mutex.value.with(|value| unsafe { *value }), 2);
        assert_eq!(mutex.word.load(Relaxed), 0);
    });
}

#[test]
fn a_lock_that_was_taken_away_and_had_sees_that_its_value_may_be_half_changed() {
    loom::model(|| {
        let mutex = Guarded::new();
        // By a holder that is not heard of again.
        mutex.word.store(9, Relaxed);
        let other = Arc::clone(&mutex);
        let thread = thread::spawn(move || other.words().reset());
        if let Ok(value) = mutex.lock(1, Patience::None, &Weak(1)) {
            assert!(matches!(value, Value::Abandoned));
        }
        thread.join().unwrap();
    });
}

#[test]
fn a_lock_that_was_tried_and_had_sees_what_the_last_one_wrote() {
    loom::model(|| {
        let mutex = Guarded::new();
        let other = Arc::clone(&mutex);
        let thread = thread::spawn(move || {
            if other.lock(2, Patience::None, &Weak(2)).is_ok() {
                other.increment();
                other.words().unlock(2, &Weak(2));
            }
        });
        if mutex.lock(1, Patience::None, &Weak(1)).is_ok() {
            mutex.increment();
            mutex.words().unlock(1, &Weak(1));
        }
        thread.join().unwrap();
        assert_eq!(mutex.word.load(Relaxed), 0);
    });
}

#[test]
fn a_dead_holders_lock_goes_to_one_of_those_who_want_it_who_alone_is_told() {
    bounded(3, || {
        let (mutex, kept) = (Guarded::new(), Arc::new(Kept::default()));
        mutex.lock(1, Patience::Forever, &Strict(1, Arc::clone(&kept))).unwrap();
        mutex.increment();
        let takers = [2, 3].map(|tid| {
            let (mutex, kernel) = (Arc::clone(&mutex), Strict(tid, Arc::clone(&kept)));
            thread::spawn(move || {
                let value = mutex.lock(tid, Patience::Forever, &kernel).unwrap();
                mutex.increment();
                if value == Value::Abandoned {
                    mutex.words().repaired();
                }
                mutex.words().unlock(tid, &kernel);
                value
            })
        });
        Strict(1, kept).die();
        let values = takers.map(|taker| taker.join().unwrap());
        assert_eq!(values.iter().filter(|&&value| value == Value::Abandoned).count(), 1);
        assert_eq!(mutex.word.load(Relaxed), 0);
    });
}

/// What a thread does once: acquire the lock, use the value, and release the lock. Whether it was told of a death.
fn turn(mutex: &Guarded, tid: u32, patience: Patience, kept: &Arc<Kept>) -> Option<Value> {
    let kernel = Strict(tid, Arc::clone(kept));
    let value = mutex.lock(tid, patience, &kernel).ok()?;
    mutex.increment();
    if value == Value::Abandoned {
        mutex.words().repaired();
    }
    mutex.words().unlock(tid, &kernel);
    Some(value)
}

/// A mutex that thread 1 has died holding.
fn left_by_the_dead() -> (Arc<Guarded>, Arc<Kept>) {
    let (mutex, kept) = (Guarded::new(), Arc::new(Kept::default()));
    let dead = Strict(1, Arc::clone(&kept));
    mutex.lock(1, Patience::Forever, &dead).unwrap();
    mutex.increment();
    dead.die();
    (mutex, kept)
}

#[test]
fn a_dead_holders_lock_is_not_had_by_a_taker_and_by_a_new_thread_with_the_same_id_at_once() {
    for patience in [Patience::Forever, Patience::None] {
        bounded(4, move || {
            let (mutex, kept) = left_by_the_dead();
            let taker = {
                let (mutex, kept) = (Arc::clone(&mutex), Arc::clone(&kept));
                thread::spawn(move || turn(&mutex, 2, patience, &kept))
            };
            // Loom sees to it that both do not use the value at once.
            Strict(1, Arc::clone(&kept)).born();
            let told = [turn(&mutex, 1, Patience::Forever, &kept), taker.join().unwrap()];
            assert_eq!(told.iter().filter(|&&value| value == Some(Value::Abandoned)).count(), 1);
            assert_eq!(mutex.word.load(Relaxed), 0);
        });
    }
}

#[test]
fn a_taker_that_was_stopped_does_not_take_the_lock_from_a_later_thread_with_the_dead_ones_id() {
    bounded(3, || {
        let (mutex, kept) = left_by_the_dead();
        let taker = {
            let (mutex, kept) = (Arc::clone(&mutex), Arc::clone(&kept));
            thread::spawn(move || turn(&mutex, 2, Patience::None, &kept))
        };
        // Another one takes it and gives it back, ...
        turn(&mutex, 3, Patience::None, &kept);
        // ... and then a new thread has the dead one's id, and the lock,
        let new = Strict(1, Arc::clone(&kept));
        new.born();
        if mutex.lock(1, Patience::None, &new).is_ok() {
            mutex.increment();
            // for which a third asks in vain: the word is as the taker saw it.
            assert!(Strict(4, Arc::clone(&kept)).try_lock(&mutex.word).is_err());
            mutex.increment();
            mutex.words().unlock(1, &new);
        }
        taker.join().unwrap();
        assert_eq!(mutex.word.load(Relaxed), 0);
    });
}

#[test]
fn a_waiter_that_a_dead_holder_left_the_lock_to_has_it_although_a_new_thread_has_the_dead_ones_id() {
    bounded(4, || {
        let (mutex, kept) = (Guarded::new(), Arc::new(Kept::default()));
        let dying = Strict(1, Arc::clone(&kept));
        mutex.lock(1, Patience::Forever, &dying).unwrap();
        mutex.increment();
        let waiter = {
            let (mutex, kept) = (Arc::clone(&mutex), Arc::clone(&kept));
            thread::spawn(move || turn(&mutex, 2, Patience::Forever, &kept))
        };
        dying.die();
        Strict(1, Arc::clone(&kept)).born();
        let new = turn(&mutex, 1, Patience::Forever, &kept);
        // The new one may be told again of a death that the waiter was told of; neither is told of none.
        let told = [new, waiter.join().unwrap()];
        assert!(told.contains(&Some(Value::Abandoned)), "{told:?}");
        assert_eq!(mutex.word.load(Relaxed), 0);
    });
}

/// A value of two words in two copies, which a torn read would show.
struct Latch {
    sequence: AtomicU64,
    writer: AtomicU64,
    marks: [AtomicU64; 2],
    writing: AtomicU64,
    slots: [[AtomicU32; 2]; 2],
    /// Used by those who write, which loom watches for two at once.
    one: UnsafeCell<()>,
}

impl Latch {
    fn new() -> Arc<Self> {
        let (word, slot) = (|| AtomicU64::new(0), || [AtomicU32::new(0), AtomicU32::new(0)]);
        Arc::new(Self {
            sequence: word(),
            writer: word(),
            marks: [word(), word()],
            writing: word(),
            slots: [slot(), slot()],
            one: UnsafeCell::new(()),
        })
    }

    fn words(&self) -> Words<'_> {
        let Self { sequence, writer, marks: [process, place], writing, .. } = self;
        Words { sequence, writer, marks: [process, place], writing }
    }

    fn claim(&self, pid: u32) -> Result<u64, u64> {
        self.words().claim(Identity { pid, marks: [pid.into(); 2] }, |_| false, &Weak(0))
    }

    /// Writes this number in both words of the value.
    fn write(&self, role: u64, number: impl FnOnce() -> u32) -> bool {
        self.words().write(role, |slot| {
            self.one.with_mut(|_| {
                let number = number();
                for word in &self.slots[slot] {
                    word.store(number, Relaxed);
                }
            });
        })
    }

    /// The number of the next value.
    fn next(&self) -> u32 {
        u32::try_from(self.sequence.load(Relaxed)).unwrap() + 1
    }

    fn read(&self) -> Option<[u32; 2]> {
        latch::read(&self.sequence, |slot| [0, 1].map(|word| self.slots[slot][word].load(Relaxed)))
            .map(|(_, value)| value)
    }
}

#[test]
fn a_read_of_the_sequence_lock_is_whole_and_never_goes_back() {
    bounded(3, || {
        let (latch, turns) = (Latch::new(), Turns::new());
        let role = latch.claim(1).unwrap();
        let (writer, its) = (Arc::clone(&latch), Arc::clone(&turns));
        let thread = thread::spawn(move || {
            for number in 1..=2 {
                assert!(its.take(0, || writer.write(role, || number)));
            }
        });
        let mut last = 0;
        for _ in 0..2 {
            if let Some([first, second]) = turns.take(1, || latch.read()) {
                assert_eq!(first, second, "torn");
                assert!(first >= last, "older than before");
                last = first;
            }
        }
        thread.join().unwrap();
        assert_eq!(latch.read(), Some([2, 2]));
    });
}

#[test]
fn a_role_that_is_looked_at_is_that_of_its_own_process_while_claims_come_and_go() {
    bounded(2, || {
        let (latch, turns) = (Latch::new(), Turns::new());
        let (other, its) = (Arc::clone(&latch), Arc::clone(&turns));
        let thread = thread::spawn(move || {
            if let Some((role, process)) = its.take(1, || other.words().current()) {
                let pid = latch::pid(role);
                assert!(pid == 2 || pid == 3);
                assert_eq!(process, Some(Identity { pid, marks: [pid.into(); 2] }));
            }
        });
        for pid in [2, 3] {
            let role = turns.take(0, || latch.claim(pid).unwrap());
            turns.take(0, || latch.words().release(role));
        }
        thread.join().unwrap();
        assert_eq!(latch.words().current(), None);
    });
}

#[test]
fn one_writer_at_a_time_who_goes_on_where_the_last_one_ended() {
    bounded(3, || {
        let latch = Latch::new();
        let turn = |latch: &Latch, pid| {
            let Ok(role) = latch.claim(pid) else { return 0 };
            assert!(latch.write(role, || latch.next()));
            latch.words().release(role);
            1
        };
        let turns = Turns::new();
        let (other, its) = (Arc::clone(&latch), Arc::clone(&turns));
        let thread = thread::spawn(move || its.take(0, || turn(&other, 2)));
        let mut writes = turns.take(1, || turn(&latch, 1));
        let seen = latch.read().unwrap();
        assert_eq!(seen[0], seen[1], "torn");
        writes += thread.join().unwrap();
        assert_eq!(latch.sequence.load(Relaxed), writes);
        assert!(writes >= 1);
    });
}

#[test]
fn a_writer_that_lost_its_role_in_the_middle_of_a_write_and_the_next_one_do_not_write_at_once() {
    bounded_with_barriers(5, || {
        let latch = Latch::new();
        let first = latch.claim(1).unwrap();
        let old = Arc::clone(&latch);
        let thread = thread::spawn(move || {
            let written = [(); 2].map(|()| old.write(first, || old.next()));
            // Its end does not end the role of the next one.
            old.words().release(first);
            written
        });
        latch.words().reset();
        // By the same process.
        let second = latch.claim(1).unwrap();
        let mut writes = 0;
        for _ in 0..2 {
            assert!(latch.write(second, || latch.next()), "a writer that has the role");
            writes += 1;
            let seen = latch.read().expect("nobody else publishes");
            assert_eq!(seen, [latch.next() - 1; 2]);
        }
        let written = thread.join().unwrap();
        writes += written.into_iter().filter(|&written| written).count();
        assert_eq!(latch.sequence.load(Relaxed), u64::try_from(writes).unwrap());
        assert!(latch.write(second, || latch.next()));
        assert_eq!(latch.writing.load(Relaxed), 0);
    });
}

#[test]
fn who_waited_for_an_event_sees_what_was_written_before_it() {
    loom::model(|| {
        let event = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
        let notifier = Arc::clone(&event);
        let thread = thread::spawn(move || {
            notifier.1.store(1, Relaxed);
            count::notify(&notifier.0, i32::MAX, &Weak(2));
        });
        let seen = count::current(&event.0);
        if seen == 0 {
            assert!(count::wait(&event.0, seen, None, &Weak(1)));
        }
        assert_eq!(event.1.load(Relaxed), 1);
        thread.join().unwrap();
    });
}

#[test]
fn no_announcement_is_lost() {
    // A lost one leaves a thread asleep, which loom reports as a deadlock.
    bounded(3, || {
        let (event, kept) = (Arc::new((AtomicU32::new(0), AtomicU32::new(0))), Arc::new(Kept::default()));
        let waiters = [1, 2].map(|tid| {
            let (event, kernel) = (Arc::clone(&event), Strict(tid, Arc::clone(&kept)));
            thread::spawn(move || {
                loop {
                    let seen = count::current(&event.0);
                    if event.1.load(Acquire) == 1 {
                        break;
                    }
                    assert!(count::wait(&event.0, seen, None, &kernel));
                }
            })
        });
        event.1.store(1, Release);
        count::notify(&event.0, i32::MAX, &Strict(3, kept));
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
}

#[test]
fn who_waits_for_a_value_with_a_bell_gets_it_whole_and_sees_what_was_written_before() {
    bounded(3, || {
        let (latch, turns) = (Latch::new(), Turns::new());
        let (bell, before) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let role = latch.claim(1).unwrap();
        let writer = (Arc::clone(&latch), Arc::clone(&bell), Arc::clone(&before), Arc::clone(&turns));
        let thread = thread::spawn(move || {
            let (latch, bell, before, turns) = writer;
            before.store(1, Relaxed);
            assert!(turns.take(0, || latch.write(role, || 1)));
            bell::ring(&bell, &Weak(1));
        });
        let newer = || turns.take(1, || latch.read()).filter(|&value| value != [0; 2]);
        assert_eq!(bell::wait(&bell, true, None, &Weak(2), newer), Some([1; 2]));
        assert_eq!(before.load(Relaxed), 1);
        thread.join().unwrap();
    });
}

/// A queue or a ring of two slots, whose values are two words, which a torn read would show.
struct Passed {
    /// The sender's count and role, and the receiver's.
    ends: [[AtomicU64; 5]; 2],
    slots: [[AtomicU32; 2]; 2],
}

impl Passed {
    fn new() -> Arc<Self> {
        let end = || [(); 5].map(|()| AtomicU64::new(0));
        let slot = || [AtomicU32::new(0), AtomicU32::new(0)];
        Arc::new(Self { ends: [end(), end()], slots: [slot(), slot()] })
    }

    fn words(&self, end: usize) -> Words<'_> {
        let [sequence, writer, process, place, writing] = &self.ends[end];
        Words { sequence, writer, marks: [process, place], writing }
    }

    fn claim(&self, end: usize, pid: u32) -> u64 {
        self.try_claim(end, pid).unwrap()
    }

    fn try_claim(&self, end: usize, pid: u32) -> Result<u64, u64> {
        let me = Identity { pid, marks: [pid.into(); 2] };
        self.words(end).claim(me, |_| false, &Weak(0))
    }

    fn end(&self, end: usize, role: u64) -> End<'_> {
        let lead = if end == 0 { 2 } else { 0 };
        End { words: self.words(end), role, other: &self.ends[1 - end][0], lead, capacity: 2 }
    }

    fn place(&self, end: usize) -> Place {
        Place::at(&self.ends[end][0])
    }

    fn slot(&self, count: u64) -> &[AtomicU32; 2] {
        &self.slots[usize::try_from(count % 2).unwrap()]
    }

    /// Writes value number `count`, which is `count + 1`.
    fn store(&self, count: u64) {
        self.slot(count).iter().for_each(|word| word.store(u32::try_from(count).unwrap() + 1, Relaxed));
    }

    fn load(&self, count: u64) -> [u32; 2] {
        [0, 1].map(|word| self.slot(count)[word].load(Relaxed))
    }

    /// Receives what is there, and checks it.
    fn receive(&self, role: u64, place: &mut Place) -> Result<u64, Stuck> {
        self.end(1, role).step(place, 2, |count, room| {
            let how_many = room.min(2);
            for count in count..count + how_many {
                assert_eq!(self.load(count), [u32::try_from(count).unwrap() + 1; 2]);
            }
            how_many
        })
    }

    /// Sends what there is room for, at most so many.
    fn send(&self, role: u64, place: &mut Place, wanted: u64) -> Result<u64, Stuck> {
        if wanted == 1
            && let Some(count) = place.known()
            && self.end(0, role).step_one(place, || self.store(count))
        {
            return Ok(1);
        }
        self.end(0, role).step(place, wanted, |count, room| {
            let how_many = room.min(wanted);
            (count..count + how_many).for_each(|count| self.store(count));
            how_many
        })
    }
}

#[test]
fn what_is_received_from_a_queue_is_whole_and_in_order_and_never_overwritten_before() {
    bounded(3, || {
        let (queue, turns) = (Passed::new(), Turns::new());
        let roles = [queue.claim(0, 1), queue.claim(1, 2)];
        let (sender, its) = (Arc::clone(&queue), Arc::clone(&turns));
        let thread = thread::spawn(move || {
            let mut place = sender.place(0);
            let mut send = |wanted| its.take(0, || sender.send(roles[0], &mut place, wanted)).unwrap_or(0);
            send(2) + send(1) + send(1)
        });
        let mut place = queue.place(1);
        let mut received = 0;
        for _ in 0..2 {
            received += turns.take(1, || queue.receive(roles[1], &mut place)).unwrap_or(0);
        }
        let sent = thread.join().unwrap();
        while let Ok(more) = queue.receive(roles[1], &mut place) {
            received += more;
        }
        assert!(sent >= 2);
        assert_eq!(received, sent);
    });
}

#[test]
fn what_is_said_to_be_in_a_queue_was_sent() {
    bounded(3, || {
        let (queue, turns) = (Passed::new(), Turns::new());
        let roles = [queue.claim(0, 1), queue.claim(1, 2)];
        let (ends, its) = (Arc::clone(&queue), Arc::clone(&turns));
        let thread = thread::spawn(move || {
            let (mut sent, mut received) = (ends.place(0), ends.place(1));
            for _ in 0..2 {
                assert_eq!(its.take(0, || ends.send(roles[0], &mut sent, 1)), Ok(1));
                assert_eq!(its.take(0, || ends.receive(roles[1], &mut received)), Ok(1));
            }
        });
        for _ in 0..2 {
            assert!(turns.take(1, || between(&queue.ends[1][0], &queue.ends[0][0])) <= 2);
        }
        thread.join().unwrap();
    });
}

#[test]
fn a_sender_goes_on_where_the_one_before_it_has_ended() {
    bounded(3, || {
        let queue = Passed::new();
        let receiver = queue.claim(1, 9);
        let turn = |queue: &Passed, pid| {
            let Ok(role) = queue.try_claim(0, pid) else { return 0 };
            let sent = queue.send(role, &mut queue.place(0), 1).unwrap();
            queue.words(0).release(role);
            sent
        };
        let other = Arc::clone(&queue);
        let thread = thread::spawn(move || turn(&other, 1));
        let sent = turn(&queue, 2) + thread.join().unwrap();
        assert_eq!(queue.receive(receiver, &mut queue.place(1)), Ok(sent));
    });
}

#[test]
fn a_sender_goes_on_where_the_one_ended_whose_end_was_taken_away_in_the_middle() {
    bounded_with_barriers(3, || {
        let queue = Passed::new();
        let (first, receiver) = (queue.claim(0, 1), queue.claim(1, 9));
        let old = Arc::clone(&queue);
        let thread = thread::spawn(move || old.send(first, &mut old.place(0), 1).unwrap_or(0));
        queue.words(0).reset();
        let second = queue.claim(0, 2);
        let sent = queue.send(second, &mut queue.place(0), 1).unwrap() + thread.join().unwrap();
        assert_eq!(queue.receive(receiver, &mut queue.place(1)), Ok(sent));
    });
}

#[test]
fn a_read_of_a_ring_is_whole_and_what_is_missed_is_what_was_overwritten() {
    bounded(3, || {
        let (values, turns) = (Passed::new(), Turns::new());
        let role = values.claim(0, 1);
        let (writer, its) = (Arc::clone(&values), Arc::clone(&turns));
        let thread = thread::spawn(move || {
            for how_many in [2, 1] {
                let mut left = how_many;
                let step = |count| {
                    left -= 1;
                    if left >= 0 {
                        writer.store(count);
                    }
                    left >= 0
                };
                assert!(its.take(0, || writer.words(0).advance_each(role, step)));
            }
        });
        let count = &values.ends[0][0];
        let mut cursor = 0;
        for _ in 0..3 {
            let load = |how_many| (how_many, values.load(cursor));
            match turns.take(1, || ring::read(count, 2, cursor, 2, load)) {
                Ok((0, (how_many, value))) => {
                    assert_eq!(how_many, 1);
                    assert_eq!(value, [u32::try_from(cursor).unwrap() + 1; 2], "torn, or another one");
                    cursor += 1;
                }
                Ok((overwritten, _)) => {
                    assert!(overwritten > 0);
                    cursor = ring::published(count) - 1;
                }
                Err(Absent::NotYet) => {}
                Err(Absent::Overwritten { published }) => {
                    assert!(published >= cursor + 2);
                    cursor = published - 1;
                }
            }
        }
        thread.join().unwrap();
        assert_eq!(ring::published(count), 3);
    });
}

/// A ring of bytes for two messages of one byte or one of ten, with a cell for each header and each byte.
struct Lines {
    /// The count and the role.
    words: [AtomicU64; 5],
    tail: AtomicU64,
    marks: [[AtomicU64; 2]; 2],
    /// At each position that is a multiple of 9: the length and the number, and the first and the last byte.
    cells: [[AtomicU32; 4]; 2],
}

impl Lines {
    const CAPACITY: u64 = 18;

    fn new() -> Arc<Self> {
        let mark = || [AtomicU64::new(0), AtomicU64::new(0)];
        let cell = || [(); 4].map(|()| AtomicU32::new(0));
        Arc::new(Self {
            words: [(); 5].map(|()| AtomicU64::new(0)),
            tail: AtomicU64::new(0),
            marks: [mark(), mark()],
            cells: [cell(), cell()],
        })
    }

    fn words(&self) -> Words<'_> {
        let [sequence, writer, process, place, writing] = &self.words;
        Words { sequence, writer, marks: [process, place], writing }
    }

    fn frames(&self) -> Frames<'_> {
        let [[a, b], [c, d]] = &self.marks;
        Frames { count: &self.words[0], tail: &self.tail, marks: [[a, b], [c, d]], capacity: Self::CAPACITY }
    }

    fn cell(&self, at: u64) -> &[AtomicU32; 4] {
        &self.cells[usize::try_from(at % Self::CAPACITY / 9).unwrap()]
    }

    fn header(&self, at: u64) -> Header {
        let [len, number, ..] = self.cell(at);
        Header { len: len.load(Relaxed), number: number.load(Relaxed) }
    }

    /// Writes the next message, whose bytes are its number and one, and which is so long.
    fn write(&self, role: u64, len: u32) {
        let written = self.frames().write(
            self.words(),
            role,
            Header::SIZE + u64::from(len),
            |at| self.header(at),
            |frames::Place { number, at }| {
                let last = if len > 1 { at + 9 } else { at };
                let [to_len, to_number, first, _] = self.cell(at);
                to_len.store(len, Relaxed);
                to_number.store(low(number), Relaxed);
                first.store(low(number) + 1, Relaxed);
                self.cell(last)[3].store(low(number) + 1, Relaxed);
            },
        );
        assert!(written);
    }

    /// Reads the message at a place: its length, its number, and its first and last byte.
    fn read(&self, from: frames::Place) -> Result<(Header, [u32; 2]), Absent> {
        self.frames().read(from, || {
            let header = self.header(from.at);
            let last = if header.len > 1 { from.at + 9 } else { from.at };
            (header, [self.cell(from.at)[2].load(Relaxed), self.cell(last)[3].load(Relaxed)])
        })
    }
}

#[test]
fn a_message_that_is_read_is_whole_whatever_made_room_for_the_next_ones() {
    bounded(3, || {
        let lines = Lines::new();
        let me = Identity { pid: 1, marks: [1; 2] };
        let role = lines.words().claim(me, |_| false, &Weak(0)).unwrap();
        lines.write(role, 1);
        let turns = Turns::new();
        let (writer, its) = (Arc::clone(&lines), Arc::clone(&turns));
        // The last one takes the room of both before it.
        let thread = thread::spawn(move || [1, 10].map(|len| its.take(0, || writer.write(role, len))));
        let mut cursor = frames::Place { number: 0, at: 0 };
        for _ in 0..3 {
            match turns.take(1, || lines.read(cursor)) {
                Ok((Header { len, number }, bytes)) => {
                    assert_eq!((number, bytes), (low(cursor.number), [number + 1; 2]), "torn");
                    assert_eq!(len, if number == 2 { 10 } else { 1 });
                    let at = cursor.at + Header::SIZE + u64::from(len);
                    cursor = frames::Place { number: cursor.number + 1, at };
                }
                Err(Absent::NotYet) => {}
                Err(Absent::Overwritten { .. }) => {
                    let Some((newest, go_on)) = lines.frames().newest() else { continue };
                    let before = cursor.number;
                    cursor = lines.frames().place(go_on, newest, |at| lines.header(at));
                    // Where it goes on, that message is.
                    assert_eq!(cursor.at, cursor.number.min(2) * 9 + if cursor.number == 3 { 18 } else { 0 });
                    assert!(cursor.number > before);
                }
            }
        }
        thread.join().unwrap();
        assert_eq!(ring::published(&lines.words[0]), 3);
    });
}

#[test]
fn the_oldest_message_is_one_that_was_not_overwritten_when_it_was_asked_for() {
    bounded(2, || {
        let (lines, turns) = (Lines::new(), Turns::new());
        let me = Identity { pid: 1, marks: [1; 2] };
        let role = lines.words().claim(me, |_| false, &Weak(0)).unwrap();
        lines.write(role, 1);
        let (writer, its) = (Arc::clone(&lines), Arc::clone(&turns));
        let thread = thread::spawn(move || [1, 10].map(|len| its.take(0, || writer.write(role, len))));
        let (tail, oldest) = turns.take(1, || {
            let tail = lines.tail.load(Relaxed);
            (tail, lines.frames().oldest(|at| lines.header(at)))
        });
        if let Some(oldest) = oldest {
            assert_eq!(oldest.at, oldest.number.min(2) * 9 + if oldest.number == 3 { 18 } else { 0 });
            assert!(oldest.at >= tail, "overwritten already");
        }
        thread.join().unwrap();
    });
}

#[test]
fn a_slot_is_written_again_after_its_value_was_read_and_a_value_is_read_after_it_was_written() {
    bounded(4, || {
        let mutex = Guarded::new();
        let words = Arc::new([(); 8].map(|()| AtomicU64::new(0)));
        // Of one slot, which loom watches for two at once.
        let value = Arc::new(UnsafeCell::new(0_u32));
        let shared = (Arc::clone(&mutex), Arc::clone(&words), Arc::clone(&value));
        let me = |pid| Identity { pid, marks: [pid.into(); 2] };
        fn cursors(words: &[AtomicU64; 8]) -> (Cursors<'_>, Slot<'_>) {
            let [head, next, tail, state, a, b, c, d] = words;
            (Cursors { head, next, tail }, Slot { state, marks: [a, b, c, d] })
        }
        let thread = thread::spawn(move || {
            let (mutex, words, value) = shared;
            let (cursors, slot) = cursors(&words);
            let mut received = 0;
            for _ in 0..2 {
                mutex.lock(2, Patience::Forever, &Weak(2)).unwrap();
                let given = cursors.receive(|_| slot, 1, me(2), |_| false);
                mutex.words().unlock(2, &Weak(2));
                if let Ok(given) = given {
                    // SAFETY: loom checks that nobody else has it now.
                    let value = value.with(|value| unsafe { *value });
                    received += 1;
                    assert_eq!((value, given.again), (received, false));
                    assert!(queue::finish(slot, given.state, false));
                }
            }
            received
        });
        let (cursors, slot) = cursors(&words);
        let mut sent = 0;
        for _ in 0..2 {
            mutex.lock(1, Patience::Forever, &Weak(1)).unwrap();
            // SAFETY: loom checks that nobody else has it now.
            let store = |_| value.with_mut(|value| unsafe { *value = sent + 1 });
            let accepted = cursors.send(|_| slot, 1, store).is_ok();
            mutex.words().unlock(1, &Weak(1));
            sent += u32::from(accepted);
        }
        let received = thread.join().unwrap();
        assert!(sent >= 1 && received <= sent);
    });
}
