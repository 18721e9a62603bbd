//! The protocol of the sequence lock: two copies of the value, of which readers use the one that the writer does
//! not. Linux calls it a latch (seqcount_latch). Which process writes is a role, that is claimed.
//!
//! # The writer's role
//!
//! Every claim has a number of its own, so that the word of the role tells it from any other: from one of the same
//! process, of another process with the same id, of a process before or after exec(3). A writer acts only while the word
//! is that of its claim, and ends only its own.
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
const PID_BITS: u32 = 22;
const PID: u64 = (1 << PID_BITS) - 1;

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
    /// 42 bits, for instance a start time; 0 if it is not known.
    pub(crate) mark: u64,
}

/// Which of the two copies belongs to this sequence number.
#[inline]
fn slot(sequence: u64) -> usize {
    usize::from(sequence & 1 != 0)
}

/// Reads the current value: `load` reads the copy it is told. `None` if the writer was faster every time.
///
/// Loads are relaxed with fences beside them, because pages that are mapped read-only allow no other.
#[inline]
pub(crate) fn read<R>(sequence: &AtomicU64, mut load: impl FnMut(usize) -> R) -> Option<R> {
    for _ in 0..ATTEMPTS {
        let before = sequence.load(Relaxed);
        // Sees what was stored before this sequence number.
        fence(Acquire);
        let value = load(slot(before));
        // If any of that was of a later value, sees the sequence number that was stored before it.
        fence(Acquire);
        if sequence.load(Relaxed) == before {
            return Some(value);
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
    /// What tells the writer's process from others with its id, and the low bits of its claim.
    pub(crate) process: &'a AtomicU64,
    /// The role in which a write is going on, or 0.
    pub(crate) writing: &'a AtomicU64,
}

impl Words<'_> {
    /// Writes the next value, if `role` is that of the writer: `store` writes the copy it is told. `false` if it is not.
    #[inline]
    pub(crate) fn write(self, role: u64, store: impl FnOnce(usize)) -> bool {
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
        let next = self.sequence.load(Relaxed).wrapping_add(1);
        // A reader that sees anything of what is now stored sees the sequence number before it, too: that the other copy
        // is current.
        fence(Release);
        store(slot(next));
        // Only after a longer stop than a claim waits for.
        if self.writing.load(Relaxed) != role {
            return false;
        }
        self.sequence.store(next, Release);
        // A claim that sees this goes on with that sequence number.
        self.writing.store(0, Release);
        true
    }

    /// Claims the role, unless there is a writer that lives: its error is the role of that one. Waits until the write of
    /// a former writer, if one is going on, has ended.
    pub(crate) fn claim(
        self,
        me: Identity,
        is_dead: impl Fn(Identity) -> bool,
        kernel: &impl Kernel,
    ) -> Result<u64, u64> {
        let mut found = self.writer.load(Relaxed);
        for _ in 0..TRIES {
            // A role without a process is nobody's.
            if pid(found) != 0 && !is_dead(self.identity(found)) {
                break;
            }
            let number = (found >> PID_BITS).wrapping_add(1);
            let role = number << PID_BITS | u64::from(me.pid);
            // Acquire, to go on with the sequence number of the writer before.
            if let Err(now) = self.writer.compare_exchange(found, role, Acquire, Relaxed) {
                found = now;
                continue;
            }
            self.process.store(me.mark << PID_BITS | number & PID, Relaxed);
            self.settle(&is_dead, kernel);
            found = self.writer.load(Relaxed);
            if found == role {
                return Ok(role);
            }
            // Taken away meanwhile.
        }
        Err(found)
    }

    /// Waits until no write is going on that an earlier writer began.
    fn settle(self, is_dead: impl Fn(Identity) -> bool, kernel: &impl Kernel) {
        let deadline = kernel.now().saturating_add(LONGEST_WRITE);
        // An exchange of nothing: an announcement is before it, and seen, or after it, and its writer sees this claim.
        while let Err(writing) = self.writing.compare_exchange(0, 0, AcqRel, Acquire) {
            let late = kernel.now() >= deadline;
            if late || pid(writing) == 0 || is_dead(self.identity(writing)) {
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

    /// The process of a role: with its mark, if what is there is that of the same claim.
    fn identity(self, role: u64) -> Identity {
        let process = self.process.load(Relaxed);
        let same = process & PID == role >> PID_BITS & PID;
        Identity { pid: pid(role), mark: if same { process >> PID_BITS } else { 0 } }
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
    struct Latch([AtomicU64; 4]);

    impl Latch {
        fn words(&self) -> Words<'_> {
            let [sequence, writer, process, writing] = &self.0;
            Words { sequence, writer, process, writing }
        }
    }

    const ME: Identity = Identity { pid: 7, mark: 70 };

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
        let other = Identity { pid: 8, mark: 80 };
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
        let asked = |expected: Identity| {
            let check = |who| {
                assert_eq!(who, expected);
                false
            };
            assert!(words.claim(ME, check, &Linux).is_err());
        };
        asked(ME);
        // A later claim, by a process with the same id that has not told more about itself yet.
        words.writer.store(role + (1 << 22), Relaxed);
        asked(Identity { mark: 0, ..ME });
    }
}
