//! The protocol of the mutex: two words, and the kernel where they do not suffice.
//!
//! The first word is a priority-inheritance futex, see "PI futexes" in futex(2): 0, or the holder's thread id with
//! two flags of the kernel's. So the kernel knows who holds the lock, and tells when that thread is dead, without
//! a list in anybody's memory. The second word says that the value is left half-changed.

use core::time::Duration;
use std::io;

use super::atomic::{Acquire, AtomicU32, Relaxed, Release, fence, spin_loop};
use super::kernel::{Kernel, OWNER_DIED, Refused, TID, WAITERS};

/// The largest thread id there can be on 64-bit Linux (PID_MAX_LIMIT).
const MAX_TID: u32 = 1 << 22;

/// How often a lock that is held is looked at before the kernel is asked: what a short critical section takes, and
/// less than a sleep.
const SPINS: u32 = if cfg!(loom) { 1 } else { 100 };

/// The longest single sleep in the kernel. Somebody who overwrites the word leaves those asleep without a waker;
/// they look again after this time.
const SLEEP: Duration = Duration::from_millis(250);

/// How long the kernel may call the word inconsistent before it is taken to be overwritten. It does so for a moment
/// when a holder dies while others wait, until the next holder has run; and for as long as `SLEEP` when the word
/// is changed behind the back of those who sleep.
const INCONSISTENT: Duration = Duration::from_secs(5);

/// How often `try_lock` goes back to the kernel about a dead holder whose lock others are taking, too.
const TRIES: u32 = 8;

/// The words of a mutex.
#[derive(Clone, Copy)]
pub(super) struct Lock<'a> {
    /// 0, or the holder with the kernel's flags.
    pub(super) word: &'a AtomicU32,
    /// Not 0 from the death of a holder until the value was repaired. Changed by the lock's holder alone.
    pub(super) abandoned: &'a AtomicU32,
}

/// The thread that locks.
#[derive(Clone, Copy)]
pub(super) struct Me {
    pub(super) tid: u32,
    /// Whether it holds any lock of this kind. If not, a word with its id is left from an earlier thread.
    pub(super) holds_any: bool,
}

/// How long to wait for the lock.
#[derive(Clone, Copy)]
pub(super) enum Patience {
    None,
    For(Duration),
    Forever,
}

/// What the value is like when the lock was acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Whole,
    /// The last holder died or panicked, and nobody has repaired it since.
    Abandoned,
}

/// Why the lock was not acquired.
#[derive(Debug)]
pub(super) enum Refusal {
    AlreadyHeld,
    Deadlock { holder: u32 },
    TimedOut { holder: u32 },
    WouldBlock { holder: u32 },
    Corrupted { word: u32 },
    Os(io::Error),
}

impl Lock<'_> {
    #[inline]
    pub(super) fn lock(self, me: Me, patience: Patience, kernel: &impl Kernel) -> Result<Value, Refusal> {
        if self.word.compare_exchange(0, me.tid, Acquire, Relaxed).is_err() {
            self.lock_slowly(me, patience, kernel)?;
        }
        Ok(match self.abandoned.load(Relaxed) {
            0 => Value::Whole,
            _ => Value::Abandoned,
        })
    }

    #[inline]
    pub(super) fn unlock(self, me: u32, kernel: &impl Kernel) {
        if self.word.compare_exchange(me, 0, Release, Relaxed).is_err() {
            self.unlock_slowly(me, kernel);
        }
    }

    #[cold]
    fn lock_slowly(self, me: Me, patience: Patience, kernel: &impl Kernel) -> Result<(), Refusal> {
        if !matches!(patience, Patience::None) && self.spin(me) {
            return Ok(());
        }
        let deadline = match patience {
            Patience::For(time) => Some(kernel.now().saturating_add(time)),
            Patience::None | Patience::Forever => None,
        };
        // A word that held a dead thread's id before the kernel was asked.
        let mut dead = None;
        // When the kernel began to call the word inconsistent.
        let mut inconsistent = None;
        let mut tries = 0;
        loop {
            let found = self.word.load(Relaxed);
            let holder = found & TID;
            if holder == me.tid {
                if me.holds_any {
                    return Err(Refusal::AlreadyHeld);
                }
                // Left by a thread that had the same id: the word is as if this one had locked it.
                self.abandoned.store(1, Relaxed);
                return Ok(());
            }
            let asked = match patience {
                // Not of the kernel, which would mark the lock as waited for.
                Patience::None if tries >= TRIES || (holder != 0 && !kernel.is_dead(holder)) => {
                    return Err(Refusal::WouldBlock { holder });
                }
                Patience::None => kernel.try_lock(self.word),
                Patience::For(_) | Patience::Forever => {
                    let wake = kernel.now().saturating_add(SLEEP);
                    kernel.lock(self.word, deadline.map_or(wake, |deadline| wake.min(deadline)))
                }
            };
            tries += 1;
            let Err(refused) = asked else {
                self.granted();
                return Ok(());
            };
            if !matches!(refused, Refused::Inconsistent) {
                inconsistent = None;
            }
            let known_dead = dead.take();
            match refused {
                Refused::Again | Refused::Inconsistent if matches!(patience, Patience::None) => {
                    return Err(Refusal::WouldBlock { holder });
                }
                Refused::OwnerDead => {
                    if let Some(word) = known_dead
                        && self.take_over(word, me)
                    {
                        return Ok(());
                    }
                    let word = self.word.load(Relaxed);
                    if word & TID > MAX_TID {
                        return Err(Refusal::Corrupted { word });
                    }
                    dead = kernel.is_dead(word & TID).then_some(word);
                }
                Refused::Deadlock if self.word.load(Relaxed) & TID == me.tid => {}
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
            if deadline.is_some_and(|deadline| kernel.now() >= deadline) {
                return Err(Refusal::TimedOut { holder });
            }
        }
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

    /// The kernel gave the lock to this thread.
    fn granted(self) {
        // Acquire, to see what the last holder wrote before it gave the lock to the kernel.
        if self.word.load(Acquire) & OWNER_DIED != 0 {
            self.abandoned.store(1, Relaxed);
            // Only now: who is killed in between leaves the flag, or its own death, to the next.
            self.word.fetch_and(!OWNER_DIED, Relaxed);
        }
    }

    /// Takes the lock from a dead holder that nobody waited for.
    ///
    /// When the kernel says that the holder is dead and nobody waits, it speaks of a word that may have changed since:
    /// the lock may now be held by a living thread, or about to be given to one that waits. So `word` has to be
    /// one whose holder was known to be dead *before* the kernel was asked. If that is still the word, the kernel spoke
    /// of it; and since nobody can begin to wait for a dead holder, nobody waits now.
    fn take_over(self, word: u32, me: Me) -> bool {
        let ours = me.tid | (word & WAITERS);
        let taken = self.word.compare_exchange(word, ours, Acquire, Relaxed).is_ok();
        if taken {
            self.abandoned.store(1, Relaxed);
        }
        taken
    }

    #[cold]
    fn unlock_slowly(self, me: u32, kernel: &impl Kernel) {
        // The kernel changes the word on this thread's behalf.
        fence(Release);
        if kernel.unlock(self.word) {
            return;
        }
        // The word was overwritten. If it names this thread, at least nobody shall wait for it in vain.
        let found = self.word.load(Relaxed);
        if found & TID == me {
            // If it changes again, it is somebody else's.
            let _ = self.word.compare_exchange(found, 0, Release, Relaxed);
        }
    }
}
