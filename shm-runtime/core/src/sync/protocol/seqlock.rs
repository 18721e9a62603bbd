//! The protocol of the sequence lock: two copies of the value, of which readers use the one that the writer does
//! not. Linux calls it a latch (seqcount_latch). Which process writes is a role, that is claimed.
//!
//! # The writer's role
//!
//! Every claim has a number of its own, so that the word of the role tells it from any other: from one of the same
//! process, of another process with the same id, of a process before or after exec(3). A writer acts only while the word
//! is that of its claim, and ends only its own.
//!
//! A claim is made in three steps: it is entered in the word as pending; the words that tell its process from all others
//! are written, each with the claim's number; and the claim becomes the role, if it is still there. Until then it is
//! nothing: another claimant takes its place, and need not know whether its process lives. So a role is always one
//! of a process that can be told from others, wherever a claimant dies. A claimant that was overtaken does not overwrite
//! the words of a later one: it replaces only what it found there while its own claim was pending.
//!
//! The role can be taken away while a write is going on, and then two would write to one copy. So a write is announced
//! in a word of its own, from before the role is looked at until after the value is published; and a new claim waits
//! until no write is announced. Either the new claim sees the announced write, and waits; or the old writer sees that it
//! has lost the role, and writes nothing.
//!
//! For that, the writer's store of the one word and its look at the other must not change places, nor those of the claim.
//! A barrier in each write would cost more than all the rest of it. So the writer's is one for the compiler only, and the
//! claim has the kernel put one into all threads that run ([`Kernel::barrier`]). A claim needs it only if it finds a
//! role that may have been taken away from one that lives: a dead writer stores nothing any more, and one that has ended
//! its role itself has left it in order. The word of the role says which.
//!
//! A writer that is stopped between its first look at the role and its announcement can announce over a later writer's
//! announcement. It sees that it has lost the role, and then leaves a note in place of its announcement
//! instead of removing it: to the claim next to its own it means that nothing goes on, as there was none in between that could
//! have written; a later one waits for the end of the write that may be hidden by it.

use core::time::Duration;

use crate::sync::atomic::{AcqRel, Acquire, AtomicU64, Relaxed, Release, fence, light_barrier, spin_loop};
use crate::sync::kernel::Kernel;

/// How often a read is tried again because the writer was faster.
pub(crate) const ATTEMPTS: u32 = if cfg!(loom) { 2 } else { 10_000 };

/// How often it is tried to get the writer's role, while others take it and die, or take it away.
const TRIES: u32 = 16;

/// How long a claim waits for the write of a former writer, which has lost the role in the middle and does not go on.
pub(crate) const LONGEST_WRITE: Duration = Duration::from_secs(1);

/// The bits of a process id on 64-bit Linux (PID_MAX_LIMIT).
pub(super) const PID_BITS: u32 = 22;
pub(super) const PID: u64 = (1 << PID_BITS) - 1;

/// A claim that is not the role yet; without a process, a role that was taken away.
pub(super) const PENDING: u64 = 1 << 63;

/// In the word that announces a write: it was withdrawn, and may have been put in place of another.
const WITHDRAWN: u64 = 1 << 63;

/// The number of a claim.
pub(super) fn number(role: u64) -> u64 {
    (role & !PENDING) >> PID_BITS
}

/// The process that has this role; 0 if none has.
#[inline]
pub(crate) fn pid(role: u64) -> u32 {
    // The mask leaves 22 bits.
    u32::try_from(role & PID).unwrap_or(0)
}

/// A process that claims: its id, and what tells it from others with this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    /// 42 bits each.
    pub(crate) marks: [u64; 2],
}

/// Which of the two copies belongs to this sequence number.
#[inline]
fn slot(sequence: u64) -> usize {
    usize::from(sequence & 1 != 0)
}

/// Reads the current value, and gives its sequence number: `load` reads the copy it is told. `None` if the writer was
/// faster every time.
///
/// Loads are relaxed with fences beside them, because pages that are mapped read-only allow no other.
#[inline]
pub(crate) fn read<R>(sequence: &AtomicU64, mut load: impl FnMut(usize) -> R) -> Option<(u64, R)> {
    for _ in 0..ATTEMPTS {
        let before = sequence.load(Relaxed);
        // Sees what was stored before this sequence number.
        fence(Acquire);
        let value = load(slot(before));
        // If any of that was of a later value, sees the sequence number that was stored before it.
        fence(Acquire);
        if sequence.load(Relaxed) == before {
            return Some((before, value));
        }
        spin_loop();
    }
    None
}

/// The words of a sequence lock.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a> {
    /// The count of values that were published.
    pub(crate) sequence: &'a AtomicU64,
    /// The role: the number of the last claim, and the process id of the writer, or 0.
    pub(crate) writer: &'a AtomicU64,
    /// What tells the writer's process from others with its id, and in the low bits of each the number of its claim.
    pub(crate) marks: [&'a AtomicU64; 2],
    /// The role in which a write is going on, or 0. A store of the writer's each, for which it needs no exchange.
    pub(crate) writing: &'a AtomicU64,
}

impl Words<'_> {
    /// Writes the next value, if `role` is that of the writer: `store` writes the copy it is told. `false` if it is not.
    #[inline]
    pub(crate) fn write(self, role: u64, store: impl FnOnce(usize)) -> bool {
        self.advance(role, || {
            let next = self.following().wrapping_add(1);
            store(slot(next));
            next
        })
    }

    /// Moves the sequence number on to what `step` says, if `role` is that of the writer. `step` does what has to be seen with
    /// that number.
    #[inline]
    pub(crate) fn advance(self, role: u64, step: impl FnOnce() -> u64) -> bool {
        if !self.begin(role) || !self.publish(role, step()) {
            return false;
        }
        self.end();
        true
    }

    /// The same by one at a time, as often as `step` says that there is more.
    #[inline]
    pub(crate) fn advance_each(self, role: u64, mut step: impl FnMut(u64) -> bool) -> bool {
        if !self.begin(role) {
            return false;
        }
        loop {
            let number = self.following();
            if !step(number) {
                break;
            }
            if !self.publish(role, number.wrapping_add(1)) {
                return false;
            }
        }
        self.end();
        true
    }

    /// Announces a write; `false` if `role` is not that of the writer.
    #[inline]
    fn begin(self, role: u64) -> bool {
        if self.writer.load(Relaxed) != role {
            return false;
        }
        self.writing.store(role, Relaxed);
        // With the barrier of a claim that takes the role away: one of the two sees what the other has stored.
        light_barrier();
        if self.writer.load(Relaxed) != role {
            withdraw(self.writer, self.writing, role);
            return false;
        }
        true
    }

    /// The sequence number, before what is to be seen with the next one is stored.
    #[inline]
    pub(crate) fn following(self) -> u64 {
        let sequence = self.sequence.load(Relaxed);
        // A reader that sees anything of what is now stored sees the sequence number before it, too: that the other copy
        // is current.
        fence(Release);
        sequence
    }

    /// Stores the sequence number, in a write that was announced; `false` if another has taken its place.
    #[inline]
    fn publish(self, role: u64, next: u64) -> bool {
        // Both only after a longer stop than a claim waits for. The announcement of a writer that has the role can be covered
        // by that of one that has lost it.
        if self.writing.load(Relaxed) != role && self.writer.load(Relaxed) != role {
            return false;
        }
        // Release: who sees this number sees what was stored for it; and what was read for it was read by then, so the sender
        // of a queue, which sees it, may overwrite that.
        self.sequence.store(next, Release);
        true
    }

    /// Ends a write. A claim that sees this goes on with its sequence number.
    #[inline]
    fn end(self) {
        self.writing.store(0, Release);
    }

    /// Claims the role, unless there is a writer that is not known to be dead: its error is the role of that one. Waits
    /// until the write of a former writer, if one is going on, has ended.
    pub(crate) fn claim(
        self,
        me: Identity,
        is_dead: impl Fn(Identity) -> bool,
        kernel: &impl Kernel,
    ) -> Result<u64, u64> {
        // Acquire, here and below: sees the marks of a role that it sees.
        let mut found = self.writer.load(Acquire);
        for _ in 0..TRIES {
            // Whether a writer may have it still, for all it knows: only if it neither ended its role itself nor is dead.
            let taken_away = found & PENDING != 0;
            // A role without a process is nobody's.
            if pid(found) != 0 && !taken_away {
                if !self.identity(found).is_some_and(&is_dead) {
                    break;
                }
            } else if pid(found) != 0 {
                // One that lives needs a moment; after that, its place is taken.
                kernel.pause();
                let now = self.writer.load(Acquire);
                if now != found {
                    found = now;
                    continue;
                }
            }
            let role = (((number(found) + 1) << PID_BITS) & !PENDING) | u64::from(me.pid);
            // Acquire, to go on with the sequence number of the writer before.
            if let Err(now) = self.writer.compare_exchange(found, role | PENDING, Acquire, Acquire) {
                found = now;
                continue;
            }
            // Its process, as long as the marks are those of an earlier claim.
            let writing = self.writing.load(Relaxed);
            let former = (writing, self.identity(writing));
            if !self.mark(role, me) {
                found = self.writer.load(Acquire);
                continue;
            }
            // While the claim is pending: what comes after it is told by the word that it is not known to be done.
            if taken_away {
                kernel.barrier();
            }
            // Release: who sees the role sees its marks.
            if let Err(now) = self.writer.compare_exchange(role | PENDING, role, AcqRel, Acquire) {
                found = now;
                continue;
            }
            self.settle(role, former, &is_dead, kernel);
            found = self.writer.load(Acquire);
            if found == role {
                return Ok(role);
            }
            // Taken away meanwhile.
        }
        Err(found)
    }

    /// Writes the marks of a claim that is pending; `false` if it is not any more.
    fn mark(self, role: u64, me: Identity) -> bool {
        let marked = |(word, mark): (&AtomicU64, u64)| {
            (0..TRIES).any(|_| {
                let found = word.load(Relaxed);
                // What is found was written before this claim was overtaken, if it was: so it is no later claim's.
                fence(Acquire);
                self.writer.load(Relaxed) == role | PENDING
                    && word
                        .compare_exchange(found, (mark << PID_BITS) | (number(role) & PID), AcqRel, Relaxed)
                        .is_ok()
            })
        };
        self.marks.into_iter().zip(me.marks).all(marked)
    }

    /// Waits until no write is going on that began before this role. `former` is the write that was found, and its process.
    fn settle(
        self,
        role: u64,
        former: (u64, Option<Identity>),
        is_dead: impl Fn(Identity) -> bool,
        kernel: &impl Kernel,
    ) {
        let deadline = kernel.now().saturating_add(LONGEST_WRITE);
        loop {
            // Acquire: goes on with what the end of that write has left. (The models cannot show it: what stands in them for
            // a light barrier acquires, too.)
            let writing = self.writing.load(Acquire);
            if writing == 0 {
                return;
            }
            let late = kernel.now() >= deadline;
            let process = if writing == former.0 { former.1 } else { self.identity(writing) };
            let covers_none = writing & WITHDRAWN != 0 && number(writing) + 1 == number(role);
            if late || covers_none || pid(writing) == 0 || process.is_some_and(&is_dead) {
                // If it has changed, it is another one's, or has ended.
                let _ = self.writing.compare_exchange(writing, 0, AcqRel, Acquire);
                if late {
                    return;
                }
            } else {
                kernel.pause();
            }
        }
    }

    /// The process of a role, if the marks that are there are those of its claim.
    pub(crate) fn identity(self, role: u64) -> Option<Identity> {
        let marks = self.marks.map(|word| word.load(Relaxed));
        let same = marks.iter().all(|mark| mark & PID == number(role) & PID);
        same.then(|| Identity { pid: pid(role), marks: marks.map(|mark| mark >> PID_BITS) })
    }

    /// The role of the writer, if there is one, and its process, if that is known.
    ///
    /// Loads are relaxed with a fence beside them, as in [`read`].
    pub(crate) fn current(self) -> Option<(u64, Option<Identity>)> {
        let (mut role, mut identity) = (self.writer.load(Relaxed), None);
        for _ in 0..TRIES {
            // Sees the marks of a role that it sees.
            fence(Acquire);
            identity = self.identity(role);
            // If the marks are those of a later claim, sees that the role has changed.
            fence(Acquire);
            let now = self.writer.load(Relaxed);
            if identity.is_some() || now == role {
                break;
            }
            role = now;
        }
        (pid(role) != 0 && role & PENDING == 0).then_some((role, identity))
    }

    /// Ends this role, if it still is the writer's.
    pub(crate) fn release(self, role: u64) {
        // Otherwise it was taken away.
        let _ = self.writer.compare_exchange(role, role & !PID, Release, Relaxed);
    }

    /// Ends the role of the writer, whichever it is, and whether it lives or not.
    pub(crate) fn reset(self) {
        let mut found = self.writer.load(Relaxed);
        // One that was ended stays what it is.
        while pid(found) != 0 {
            let taken = (found & !PID) | PENDING;
            match self.writer.compare_exchange_weak(found, taken, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(now) => found = now,
            }
        }
    }
}

/// Withdraws an announcement, of a writer that has lost the role.
// The words one by one: a struct of them would be put together where nothing is slow.
#[cold]
fn withdraw(writer: &AtomicU64, writing: &AtomicU64, role: u64) {
    // Without a new claim, none that it covers: a claim of which nothing is seen here sees this announcement before it can
    // announce.
    let alone = number(writer.load(Relaxed)) == number(role);
    let left = if alone { 0 } else { role | WITHDRAWN };
    // If it is not there any more, the writer has announced in its place.
    let _ = writing.compare_exchange(role, left, Release, Relaxed);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use core::cell::Cell;
    use core::time::Duration;

    use super::{ATTEMPTS, AtomicU64, Identity, Relaxed, Words, pid, read, withdraw};
    use crate::sync::atomic::AtomicU32;
    use crate::sync::kernel::{Kernel, Linux, Refused};

    #[derive(Default)]
    struct Latch([AtomicU64; 5]);

    impl Latch {
        fn words(&self) -> Words<'_> {
            let [sequence, writer, process, place, writing] = &self.0;
            Words { sequence, writer, marks: [process, place], writing }
        }
    }

    const ME: Identity = Identity { pid: 7, marks: [70, 700] };

    #[test]
    fn a_reader_that_is_always_overtaken_gives_up() {
        let sequence = AtomicU64::new(u64::MAX - 5);
        let mut attempts = 0;
        let value = read(&sequence, |_| {
            attempts += 1;
            sequence.fetch_add(1, Relaxed);
        });
        assert_eq!((value, attempts), (None, ATTEMPTS));
    }

    #[test]
    fn a_role_that_changes_all_the_time_is_refused() {
        let latch = Latch::default();
        latch.words().writer.store(1, Relaxed);
        let dead = |_| {
            latch.words().writer.fetch_add(1 << 22, Relaxed);
            true
        };
        assert!(latch.words().claim(ME, dead, &Linux).is_err());
    }

    #[test]
    fn claims_of_one_process_differ_and_each_ends_its_own_only() {
        let latch = Latch::default();
        let words = latch.words();
        let alive = |_| false;
        let first = words.claim(ME, alive, &Linux).unwrap();
        assert_eq!(words.claim(ME, alive, &Linux), Err(first));
        words.reset();
        assert!(!words.write(first, |_| panic!("it has lost the role")));
        let second = words.claim(ME, alive, &Linux).unwrap();
        assert_ne!(first, second);
        assert_eq!(pid(second), ME.pid);
        words.release(first);
        assert!(!words.write(first, |_| panic!("it has lost the role")));
        assert!(words.write(second, |_| {}));
        words.release(second);
        assert_eq!(pid(words.writer.load(Relaxed)), 0);
        assert_eq!(words.sequence.load(Relaxed), 1);
    }

    #[test]
    fn a_writer_that_lost_the_role_at_any_point_of_a_write_does_not_end_another_ones_write() {
        // It is stopped before it announces its write; the next one is in the middle of one; then it goes on.
        let latch = Latch::default();
        let words = latch.words();
        let first = words.claim(ME, |_| false, &Linux).unwrap();
        words.reset();
        let second = words.claim(ME, |_| false, &Linux).unwrap();
        assert!(words.write(second, |_| {
            words.writing.store(first, Relaxed);
            withdraw(words.writer, words.writing, first);
            // Something goes on still, to the claim that comes.
            assert_ne!(words.writing.load(Relaxed), 0);
        }));
        assert_eq!(words.writing.load(Relaxed), 0);
    }

    #[test]
    fn what_a_writer_announced_that_lost_the_role_is_waited_for_only_where_it_can_cover_another_write() {
        for (claims_between, late) in [(0, false), (1, false), (2, true)] {
            let latch = Latch::default();
            let words = latch.words();
            let first = words.claim(ME, |_| false, &Linux).unwrap();
            words.reset();
            let claim = || words.claim(ME, |_| false, &Linux).unwrap();
            // Of those, the last is the one that waits.
            (1..claims_between).for_each(|_| words.release(claim()));
            let start = std::time::Instant::now();
            // It announces after it has lost the role, and sees what was claimed then.
            words.writing.store(first, Relaxed);
            if claims_between == 0 {
                withdraw(words.writer, words.writing, first);
                assert_eq!(words.writing.load(Relaxed), 0);
            } else {
                let role = (words.writer.load(Relaxed) + (1 << 22)) | u64::from(ME.pid) | super::PENDING;
                words.writer.store(role, Relaxed);
                withdraw(words.writer, words.writing, first);
                words.writer.store(role & !super::PENDING, Relaxed);
                words.settle(role & !super::PENDING, (0, None), |_| false, &Linux);
                assert_eq!(words.writing.load(Relaxed), 0);
            }
            assert_eq!(start.elapsed() >= super::LONGEST_WRITE, late, "{claims_between}");
        }
    }

    #[test]
    fn a_claim_asks_for_barriers_in_other_threads_only_if_a_living_writer_may_have_lost_the_role() {
        /// Counts them.
        #[derive(Default)]
        struct Counting(Cell<u32>);
        impl Kernel for Counting {
            fn lock(&self, _: &AtomicU32, _: Duration) -> Result<(), Refused> {
                unreachable!()
            }
            fn try_lock(&self, _: &AtomicU32) -> Result<(), Refused> {
                unreachable!()
            }
            fn unlock(&self, _: &AtomicU32) -> bool {
                unreachable!()
            }
            fn is_dead(&self, _: u32) -> Result<bool, Refused> {
                unreachable!()
            }
            fn wait(&self, _: &AtomicU32, _: u32, _: Option<Duration>) {
                unreachable!()
            }
            fn add_one_and_wake(&self, _: &AtomicU32, _: i32) {
                unreachable!()
            }
            fn now(&self) -> Duration {
                Duration::ZERO
            }
            fn pause(&self) {}
            fn barrier(&self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let (latch, kernel) = (Latch::default(), Counting::default());
        let words = latch.words();
        let claim = |dead: bool| words.claim(ME, |_| dead, &kernel).unwrap();
        let barriers = || kernel.0.take();
        words.release(claim(false));
        // Ended by its writer, then by its writer's death.
        claim(false);
        claim(true);
        assert_eq!(barriers(), 0);
        words.reset();
        let role = claim(false);
        assert_eq!(barriers(), 1);
        // Ended by its writer, and then taken away from none.
        words.release(role);
        words.reset();
        claim(false);
        assert_eq!(barriers(), 0);
        // The one that took it away died before it had done that.
        words.writer.store((5 << 22) | u64::from(ME.pid) | super::PENDING, Relaxed);
        claim(false);
        assert_eq!(barriers(), 1);
        // And before it could claim.
        words.reset();
        words.writer.fetch_add(1 << 22, Relaxed);
        claim(false);
        assert_eq!(barriers(), 1);
    }

    #[test]
    fn a_claim_waits_for_a_write_that_is_going_on_unless_its_writer_is_dead() {
        let latch = Latch::default();
        let words = latch.words();
        let first = words.claim(ME, |_| false, &Linux).unwrap();
        let other = Identity { pid: 8, marks: [80, 800] };
        let dead = |who: Identity| who == ME;
        let written = words.write(first, |_| {
            // It dies here, ...
            let next = words.claim(other, dead, &Linux).unwrap();
            assert_eq!(pid(next), other.pid);
            // ... or only seemed to; then it publishes nothing.
        });
        assert!(!written);
        assert_eq!((words.sequence.load(Relaxed), words.writing.load(Relaxed)), (0, 0));
    }

    #[test]
    fn a_write_that_is_announced_for_ever_holds_a_claim_up_for_a_second() {
        let latch = Latch::default();
        let words = latch.words();
        for writing in [0, 1 << 22, u64::from(ME.pid), u64::MAX] {
            words.writing.store(writing, Relaxed);
            let start = std::time::Instant::now();
            let role = words.claim(ME, |_| false, &Linux).unwrap();
            let held_up = pid(writing) != 0;
            assert_eq!(start.elapsed() >= super::LONGEST_WRITE, held_up, "{writing:#x}");
            assert!(words.write(role, |_| {}));
            words.release(role);
        }
    }

    #[test]
    fn what_tells_processes_apart_is_believed_of_the_same_claim_only() {
        let latch = Latch::default();
        let words = latch.words();
        let role = words.claim(ME, |_| false, &Linux).unwrap();
        assert_eq!(words.identity(role), Some(ME));
        let asked = |expected: Identity| {
            let check = |who| {
                assert_eq!(who, expected);
                false
            };
            assert!(words.claim(ME, check, &Linux).is_err());
        };
        asked(ME);
        // A later claim, which another process has put there: nothing tells whether its process lives.
        words.writer.store(role + (1 << 22), Relaxed);
        assert!(words.claim(ME, |who| panic!("{who:?}"), &Linux).is_err());
        // And one of which only one mark is known.
        words.marks[0].fetch_add(1, Relaxed);
        assert!(words.claim(ME, |who| panic!("{who:?}"), &Linux).is_err());
        words.marks[1].fetch_add(1, Relaxed);
        asked(ME);
    }

    #[test]
    fn a_role_is_told_while_it_is_held_and_its_process_if_the_marks_are_of_its_claim() {
        let latch = Latch::default();
        let words = latch.words();
        assert_eq!(words.current(), None);
        let role = words.claim(ME, |_| false, &Linux).unwrap();
        assert_eq!(words.current(), Some((role, Some(ME))));
        words.marks[1].fetch_add(1, Relaxed);
        assert_eq!(words.current(), Some((role, None)));
        // Not the role yet.
        words.writer.store(role | super::PENDING, Relaxed);
        assert_eq!(words.current(), None);
        words.writer.store(role, Relaxed);
        words.release(role);
        assert_eq!(words.current(), None);
    }

    #[test]
    fn a_claim_that_was_not_completed_holds_nobody_up_and_is_not_completed_later() {
        let other = Identity { pid: 8, marks: [80, 800] };
        // It stops before, between and after its marks.
        for marked in 0..3 {
            let latch = Latch::default();
            let words = latch.words();
            let stopped = 1 << 22 | u64::from(ME.pid);
            words.writer.store(stopped | super::PENDING, Relaxed);
            for (word, mark) in words.marks.into_iter().zip(ME.marks).take(marked) {
                word.store(mark << 22 | 1, Relaxed);
            }
            let role = words.claim(other, |who| panic!("{who:?}"), &Linux).unwrap();
            // It goes on.
            assert!(!words.mark(stopped, ME));
            assert!(
                words.writer.compare_exchange(stopped | super::PENDING, stopped, Relaxed, Relaxed).is_err()
            );
            assert_eq!(words.identity(role), Some(other));
            assert_eq!(words.claim(ME, |who| who != other, &Linux), Err(role));
        }
    }

    #[test]
    fn a_dead_writers_write_does_not_hold_up_the_next_claim() {
        let latch = Latch::default();
        let words = latch.words();
        let first = words.claim(ME, |_| false, &Linux).unwrap();
        words.writing.store(first, Relaxed);
        let other = Identity { pid: 8, marks: [80, 800] };
        let start = std::time::Instant::now();
        words.claim(other, |who| who == ME, &Linux).unwrap();
        assert!(start.elapsed() < super::LONGEST_WRITE);
        assert_eq!(words.writing.load(Relaxed), 0);
    }
}
