//! The protocol of the mutex: two words, and the kernel where they do not suffice.
//!
//! The first word is a priority-inheritance futex, see "PI futexes" in futex(2): 0, or the holder's thread id with
//! two flags of the kernel's. So the kernel knows which thread holds the lock, and tells when that thread is dead, without
//! a list in any process's memory. The second word says that the value is left half-changed.
//!
//! # Every change of owner
//!
//! A thread can be stopped between any two steps and go on much later, when the thread id that it saw in the word has
//! been given to a new thread. So a step that such a thread takes late must fail, or do no harm:
//!
//! | from, to | by | taken late |
//! | --- | --- | --- |
//! | free, mine | compare-exchange from 0 | fails unless the lock is free then |
//! | free with flags, mine | the kernel, one step | decides by the word as it is then |
//! | mine, free | compare-exchange from the caller's id | the caller lives, so that no other thread has its id |
//! | mine, a waiter's; mine, free | the kernel's unlock, one step | the same |
//! | a dead holder's, a waiter's | the kernel, when the holder dies while others wait | the kernel's own record decides |
//! | a dead holder's, free with `OWNER_DIED` | [`disown`](Lock::disown) | fails: the word it expects has a mark of its own |
//! | an earlier thread's with my id, free or a waiter's | [`inherit`](Lock::inherit): the kernel's unlock | the kernel decides by the word as it is then |
//! | any, free | [`reset`](Lock::reset) | by definition |
//!
//! The mark is what makes taking a lock away from the dead safe. A word is not taken away as it was seen, for the same
//! word can come back when an id is used again. It is first marked with a number that is used once. A marked word is of
//! no living thread to the kernel, and no path here acquires it, so it stays what it is until its mark is taken off.
//! Only then it is asked whether the thread is dead, and if so, the word *with this mark* is exchanged. If the
//! thread turns out to live, the mark is taken off: by the thread that made it, by any other that comes, or by the
//! holder itself when it unlocks. A thread that dies or stops in between leaves a mark that the next one replaces by its
//! own, so no thread waits for it.

use core::time::Duration;
use std::io;

use crate::sync::atomic::{AcqRel, Acquire, AtomicU32, Relaxed, Release, fence, spin_loop};
use crate::sync::kernel::{Kernel, OWNER_DIED, Refused, WAITERS};

/// The bits of the word in which a thread id fits: on 64-bit Linux ids are smaller than 2^22 (PID_MAX_LIMIT). To the
/// kernel the id has 30 bits.
const TID: u32 = (1 << MARK_SHIFT) - 1;
const MARK_SHIFT: u32 = 22;
/// The mark of a thread that looks whether the holder is dead, between the id and the flags; 0 if there is none.
const MARK: u32 = MARKS << MARK_SHIFT;
/// How many marks there are. After so many the first comes again.
const MARKS: u32 = 0xff;

/// The bit of the second word that says that the value is left half-changed. The others count the marks.
const ABANDONED: u32 = 1;
/// One mark, in the second word.
const ONE_MARK: u32 = 2;

static_assertions::const_assert!(TID | MARK == crate::sync::kernel::TID);

/// How often a lock that is held is looked at before the kernel is asked: what a short critical section takes, and
/// less than a sleep.
const SPINS: u32 = if cfg!(loom) { 1 } else { 100 };

/// The longest single sleep in the kernel. A process that overwrites the word leaves those asleep without a waker;
/// they look again after this time.
const SLEEP: Duration = Duration::from_millis(250);

/// How long the kernel may call the word inconsistent before it is taken to be overwritten. It does so for a moment
/// when a holder dies while others wait, until the next holder has run; and for as long as `SLEEP` when the word
/// is changed without the knowledge of those who sleep.
const INCONSISTENT: Duration = Duration::from_secs(5);

/// How often `try_lock` tries, when other threads are taking a dead holder's lock, too.
const TRIES: u32 = 8;

/// The thread that holds the lock, as its word says; `None` if it is free.
pub(crate) fn holder(word: u32) -> Option<u32> {
    Some(word & TID).filter(|&tid| tid != 0)
}

/// The words of a mutex.
#[derive(Clone, Copy)]
pub(crate) struct Lock<'a> {
    /// 0, or the holder with the kernel's flags, and perhaps a mark.
    pub(crate) word: &'a AtomicU32,
    /// The lowest bit is set from the death of a holder until the value was repaired. The others count marks.
    pub(crate) abandoned: &'a AtomicU32,
}

/// The thread that locks.
#[derive(Clone, Copy)]
pub(crate) struct Me {
    pub(crate) tid: u32,
    /// Whether it holds any lock of this kind. If not, a word with its id is left from an earlier thread.
    pub(crate) holds_any: bool,
}

/// How long to wait for the lock.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    None,
    For(Duration),
    Forever,
}

/// What the value is like when the lock was acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Whole,
    /// The last holder died or panicked, and no thread has repaired it since.
    Abandoned,
}

/// Why the lock was not acquired.
#[derive(Debug)]
pub(crate) enum Refusal {
    AlreadyHeld,
    Deadlock { holder: u32 },
    TimedOut { holder: u32 },
    WouldBlock { holder: u32 },
    Corrupted { word: u32 },
    Os(io::Error),
}

impl Lock<'_> {
    #[inline]
    pub(crate) fn lock(self, me: Me, patience: Patience, kernel: &impl Kernel) -> Result<Value, Refusal> {
        if self.word.compare_exchange(0, me.tid, Acquire, Relaxed).is_err() {
            self.lock_slowly(me, patience, kernel)?;
        }
        Ok(match self.abandoned.load(Relaxed) & ABANDONED {
            0 => Value::Whole,
            _ => Value::Abandoned,
        })
    }

    #[inline]
    pub(crate) fn unlock(self, me: u32, kernel: &impl Kernel) {
        if self.word.compare_exchange(me, 0, Release, Relaxed).is_err() {
            self.unlock_slowly(me, kernel);
        }
    }

    /// Frees the lock, whichever thread holds it.
    pub(crate) fn reset(self) {
        self.abandon();
        self.word.store(0, Release);
    }

    /// The value may be half-changed.
    pub(crate) fn abandon(self) {
        self.abandoned.fetch_or(ABANDONED, Relaxed);
    }

    /// The value is in order.
    pub(crate) fn repaired(self) {
        self.abandoned.fetch_and(!ABANDONED, Relaxed);
    }

    #[cold]
    fn lock_slowly(self, me: Me, patience: Patience, kernel: &impl Kernel) -> Result<(), Refusal> {
        let deadline = match patience {
            Patience::None => return self.try_slowly(me, kernel),
            _ if self.spin(me) => return Ok(()),
            Patience::For(time) => Some(kernel.now().saturating_add(time)),
            Patience::Forever => None,
        };
        // When the kernel began to call the word inconsistent.
        let mut inconsistent = None;
        loop {
            if deadline.is_some_and(|deadline| kernel.now() >= deadline) {
                // Whatever the time was spent on, and if there was none: it ends as `try_lock` does, which can so never
                // do more.
                return self.try_slowly(me, kernel).map_err(|refusal| match refusal {
                    Refusal::WouldBlock { holder } => Refusal::TimedOut { holder },
                    other => other,
                });
            }
            let found = self.look()?;
            let holder = found & TID;
            let refused = if holder == me.tid {
                if me.holds_any {
                    return Err(Refusal::AlreadyHeld);
                }
                match self.inherit(found, kernel) {
                    true => continue,
                    // It has just given the lock to one that waited for the earlier thread, and the word does not say
                    // so yet; or the word was overwritten.
                    false => Refused::Inconsistent,
                }
            } else {
                let wake = kernel.now().saturating_add(SLEEP);
                match kernel.lock(self.word, deadline.map_or(wake, |deadline| wake.min(deadline))) {
                    Ok(()) => {
                        self.granted();
                        return Ok(());
                    }
                    Err(refused) => refused,
                }
            };
            if !matches!(refused, Refused::Inconsistent) {
                inconsistent = None;
            }
            match refused {
                Refused::OwnerDead => self.disown(kernel)?,
                // The kernel's record lags behind the word: that is of another holder, or of none.
                Refused::Deadlock if holder == 0 || self.word.load(Relaxed) & TID == me.tid => kernel.pause(),
                Refused::Deadlock => return Err(Refusal::Deadlock { holder }),
                Refused::TimedOut => {}
                Refused::Again => kernel.pause(),
                Refused::Inconsistent => {
                    let now = kernel.now();
                    if now.saturating_sub(*inconsistent.get_or_insert(now)) > INCONSISTENT {
                        return Err(Refusal::Corrupted { word: found });
                    }
                    kernel.pause();
                }
                Refused::Forbidden => return Err(Refusal::Corrupted { word: found }),
                Refused::Other(error) => return Err(Refusal::Os(error)),
            }
        }
    }

    /// Acquires the lock if it is free, or its holder is dead.
    fn try_slowly(self, me: Me, kernel: &impl Kernel) -> Result<(), Refusal> {
        let mut holder = 0;
        for _ in 0..TRIES {
            let found = self.look()?;
            holder = found & TID;
            if holder == me.tid {
                if me.holds_any {
                    return Err(Refusal::AlreadyHeld);
                }
                if !self.inherit(found, kernel) {
                    break;
                }
                continue;
            }
            if holder != 0 {
                // Not asked about the lock itself: the kernel would mark it as waited for.
                if !is_dead(found, kernel)? {
                    break;
                }
                self.disown(kernel)?;
                continue;
            }
            match kernel.try_lock(self.word) {
                Ok(()) => {
                    self.granted();
                    return Ok(());
                }
                // A thread has taken it since, and is dead already, or has the caller's id.
                Err(Refused::OwnerDead | Refused::Deadlock) => {}
                Err(Refused::Again | Refused::Inconsistent | Refused::TimedOut) => break,
                Err(Refused::Forbidden) => return Err(Refusal::Corrupted { word: found }),
                Err(Refused::Other(error)) => return Err(Refusal::Os(error)),
            }
        }
        Err(Refusal::WouldBlock { holder })
    }

    /// Waits for a short critical section to end, without the kernel.
    fn spin(self, me: Me) -> bool {
        for _ in 0..SPINS {
            let found = self.word.load(Relaxed);
            if found == 0 && self.word.compare_exchange(0, me.tid, Acquire, Relaxed).is_ok() {
                return true;
            }
            if found & TID == me.tid {
                return false;
            }
            spin_loop();
        }
        false
    }

    /// The word, if it is one that a lock can have: with a mark only if that was given.
    fn look(self) -> Result<u32, Refusal> {
        // Acquire, to see the mark counted.
        let word = self.word.load(Acquire);
        let mark = (word & MARK) >> MARK_SHIFT;
        if mark != 0 && (word & TID == 0 || mark > self.abandoned.load(Relaxed) / ONE_MARK) {
            return Err(Refusal::Corrupted { word });
        }
        Ok(word)
    }

    /// The kernel gave the lock to this thread.
    fn granted(self) {
        // Acquire, to see what the last holder wrote before it gave the lock to the kernel.
        if self.word.load(Acquire) & OWNER_DIED != 0 {
            self.abandon();
            // Only now: if this thread is killed in between, the next one has the flag, or this one's death.
            self.word.fetch_and(!OWNER_DIED, Relaxed);
        }
    }

    /// A mark that no stopped thread still counts on.
    fn mark(self) -> u32 {
        let count = |before: u32| before / ONE_MARK;
        // When the count is full, it goes on where all marks have been given.
        let next =
            |before: u32| before.checked_add(ONE_MARK).unwrap_or((MARKS * ONE_MARK) | (before & ABANDONED));
        let before = self.abandoned.fetch_update(Relaxed, Relaxed, |before| Some(next(before)));
        // It never refuses.
        let before = before.unwrap_or_else(|before| before);
        (count(before) % MARKS + 1) << MARK_SHIFT
    }

    /// Frees the lock if its holder is dead: the one that the kernel gives it to next is told of the death.
    ///
    /// Neither the word nor the kernel's answer about it are enough for that, as both speak of a moment that is past:
    /// since then the lock may have been freed, and acquired by a living thread with the dead one's id. With the mark in
    /// place, there is no since then. See the top of this file.
    ///
    /// Threads may wait in the kernel for the dead holder, or one that it has just woken may not have run yet. To them,
    /// a word with `OWNER_DIED` and no id is what the kernel itself makes of a dead thread's robust lock; it decides
    /// which of them is next.
    fn disown(self, kernel: &impl Kernel) -> Result<(), Refusal> {
        let mut found = self.look()?;
        if found & TID == 0 {
            return Ok(());
        }
        if is_dead(found, kernel)? {
            let mut mark = self.mark();
            if found & MARK == mark {
                mark = self.mark();
            }
            let marked = found & !MARK | mark;
            // Acquire, for what is asked below comes after; Release, as the count of marks comes before.
            if self.word.compare_exchange(found, marked, AcqRel, Relaxed).is_err() {
                return Ok(());
            }
            if is_dead(marked, kernel).unwrap_or(false) {
                // If it fails, a thread has begun to wait, or has replaced the mark by its own: the caller looks again.
                let free = OWNER_DIED | found & WAITERS;
                let _ = self.word.compare_exchange(marked, free, AcqRel, Relaxed);
                return Ok(());
            }
            found = marked;
        }
        // A living thread's word keeps no mark: without, the kernel knows it again.
        if found & MARK != 0 {
            let _ = self.word.compare_exchange(found, found & !MARK, AcqRel, Relaxed);
        }
        Ok(())
    }

    /// Gives the lock back in the name of an earlier thread that had the caller's id, and died holding it; the
    /// caller then acquires it as any other does. `false` if the kernel does not call that thread the holder.
    ///
    /// The caller is the only living thread with this id, and holds nothing, so no thread uses the lock by this word. But a
    /// waiter that the kernel has given the lock may not have run yet, and threads may wait for the id, which is the
    /// caller's now: the kernel knows of both.
    fn inherit(self, found: u32, kernel: &impl Kernel) -> bool {
        // Takes the mark off, and with it the lock from a thread that saw the earlier one dead and was stopped. A thread
        // that marks it from here on sees that the caller lives.
        let ours = found & !MARK | OWNER_DIED;
        if self.word.compare_exchange(found, ours, AcqRel, Relaxed).is_err() {
            return true;
        }
        // Before the kernel does what it is asked for, and takes the flag off.
        self.abandon();
        fence(Release);
        kernel.unlock(self.word) || self.word.load(Relaxed) != ours
    }

    #[cold]
    fn unlock_slowly(self, me: u32, kernel: &impl Kernel) {
        // The kernel changes the word on this thread's behalf.
        fence(Release);
        for _ in 0..TRIES {
            if kernel.unlock(self.word) {
                return;
            }
            let found = self.word.load(Relaxed);
            if found & TID != me {
                // Overwritten.
                return;
            }
            // Marked by a thread that is about to see that this one lives: without the mark, the kernel unlocks.
            // Otherwise the word was overwritten: at least no thread shall wait for this thread in vain.
            let next = if found & MARK != 0 { found & !MARK } else { 0 };
            if self.word.compare_exchange(found, next, Release, Relaxed).is_ok() && next == 0 {
                return;
            }
        }
    }
}

/// Whether the thread that this word names is dead. A thread of the kernel holds no lock.
fn is_dead(word: u32, kernel: &impl Kernel) -> Result<bool, Refusal> {
    kernel.is_dead(word & TID).map_err(|_| Refusal::Corrupted { word })
}
