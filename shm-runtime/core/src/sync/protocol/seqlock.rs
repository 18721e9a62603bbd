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
//! until no write is announced. Both sides change that word by one atomic step. Either the new claim sees the announced
//! write, and waits; or the old writer announces after the new claim has looked, sees that it has lost the role, and
//! writes nothing.

use core::time::Duration;

use crate::sync::atomic::{AcqRel, Acquire, AtomicU64, Relaxed, Release, fence, spin_loop};
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

/// A claim that is not the role yet.
pub(super) const PENDING: u64 = 1 << 63;

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
    /// The role in which a write is going on, or 0.
    pub(crate) writing: &'a AtomicU64,
}

impl Words<'_> {
    /// Writes the next value, if `role` is that of the writer: `store` writes the copy it is told. `false` if it is not.
    #[inline]
    pub(crate) fn write(self, role: u64, store: impl FnOnce(usize)) -> bool {
        self.advance(role, |sequence| {
            store(slot(sequence.wrapping_add(1)));
            1
        })
    }

    /// Moves the sequence number on by as much as `step` says, if `role` is that of the writer. `step` is told the number, and
    /// does what has to be seen with the next one.
    #[inline]
    pub(crate) fn advance(self, role: u64, step: impl FnOnce(u64) -> u64) -> bool {
        if !self.begin(role) || !self.publish(role, step) {
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
        let mut more = true;
        while more {
            let published = self.publish(role, |sequence| {
                more = step(sequence);
                u64::from(more)
            });
            if !published {
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
        // Acquire, to see the role as a claim that looked here before has left it.
        if self.writing.compare_exchange(0, role, Acquire, Relaxed).is_err()
            && !announce_slowly(self.writer, self.writing, role)
        {
            return false;
        }
        if self.writer.load(Relaxed) != role {
            withdraw(self.writing, role);
            return false;
        }
        true
    }

    /// Does one step of a write that was announced; `false` if another has taken its place.
    #[inline]
    fn publish(self, role: u64, step: impl FnOnce(u64) -> u64) -> bool {
        let sequence = self.sequence.load(Relaxed);
        // A reader that sees anything of what is now stored sees the sequence number before it, too: that the other copy
        // is current.
        fence(Release);
        let next = sequence.wrapping_add(step(sequence));
        // Only after a longer stop than a claim waits for.
        if self.writing.load(Relaxed) != role {
            return false;
        }
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
            // A role without a process is nobody's.
            if pid(found) != 0 && found & PENDING == 0 {
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
            // Release: who sees the role sees its marks.
            if let Err(now) = self.writer.compare_exchange(role | PENDING, role, AcqRel, Acquire) {
                found = now;
                continue;
            }
            self.settle(former, &is_dead, kernel);
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

    /// Waits until no write is going on that an earlier writer began. `former` is the write that was found, and its process.
    fn settle(
        self,
        former: (u64, Option<Identity>),
        is_dead: impl Fn(Identity) -> bool,
        kernel: &impl Kernel,
    ) {
        let deadline = kernel.now().saturating_add(LONGEST_WRITE);
        // An exchange of nothing: an announcement is before it, and seen, or after it, and its writer sees this claim.
        while let Err(writing) = self.writing.compare_exchange(0, 0, AcqRel, Acquire) {
            let late = kernel.now() >= deadline;
            let process = if writing == former.0 { former.1 } else { self.identity(writing) };
            if late || pid(writing) == 0 || process.is_some_and(&is_dead) {
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
            let now = self.writer.load(Relaxed);
            // The marks of a later claim can be there only if the role has changed.
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

    /// Ends the role of the writer, whichever it is.
    pub(crate) fn reset(self) {
        self.writer.fetch_and(!PID, AcqRel);
    }
}

/// Announces a write in place of one that has been announced.
///
/// That is one of a writer that had the role before. When this one claimed it, no write was going on; so what was
/// announced since is about to be withdrawn, and nothing is written under it.
// The words one by one: a struct of them would be put together where nothing is slow.
#[cold]
fn announce_slowly(writer: &AtomicU64, writing: &AtomicU64, role: u64) -> bool {
    for _ in 0..TRIES {
        // Acquire: if it is announced by a later claim, sees the role as that one left it.
        let found = writing.load(Acquire);
        if writer.load(Relaxed) != role {
            return false;
        }
        if writing.compare_exchange(found, role, Acquire, Relaxed).is_ok() {
            return true;
        }
    }
    false
}

#[cold]
fn withdraw(writing: &AtomicU64, role: u64) {
    // If it is not there any more, the writer has announced in its place.
    let _ = writing.compare_exchange(role, 0, Release, Relaxed);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{ATTEMPTS, AtomicU64, Identity, Relaxed, Words, pid, read, withdraw};
    use crate::sync::kernel::Linux;

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
        // It is stopped after it announced its write; the next one writes; then it goes on.
        let latch = Latch::default();
        let words = latch.words();
        let first = words.claim(ME, |_| false, &Linux).unwrap();
        words.reset();
        let second = words.claim(ME, |_| false, &Linux).unwrap();
        words.writing.store(first, Relaxed);
        assert!(words.write(second, |_| {
            withdraw(words.writing, first);
            assert_eq!(words.writing.load(Relaxed), second);
        }));
        assert_eq!(words.writing.load(Relaxed), 0);
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
