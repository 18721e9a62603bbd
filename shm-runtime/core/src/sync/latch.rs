//! The protocol of the sequence lock: two copies of the value, of which readers use the one that the writer does
//! not. Linux calls it a latch (seqcount_latch).

use super::atomic::{Acquire, AtomicU64, Relaxed, Release, fence, spin_loop};

/// How often a read is tried again because the writer was faster.
pub(super) const ATTEMPTS: u32 = if cfg!(loom) { 2 } else { 10_000 };

/// How often the writer's role is tried to be had, while others take it and die.
const CLAIMS: u32 = 16;

/// Which of the two copies belongs to this sequence number.
#[inline]
fn slot(sequence: u64) -> usize {
    usize::from(sequence & 1 != 0)
}

/// Writes the next value: `store` writes the copy it is told. By the one writer only.
#[inline]
pub(super) fn write(sequence: &AtomicU64, store: impl FnOnce(usize)) {
    let next = sequence.load(Relaxed).wrapping_add(1);
    // Who sees anything of what is now stored sees the sequence number before it, too: that the other copy is current.
    fence(Release);
    store(slot(next));
    sequence.store(next, Release);
}

/// Reads the current value: `load` reads the copy it is told. `None` if the writer was faster every time.
///
/// Loads are relaxed with fences beside them, because pages that are mapped read-only allow no other.
#[inline]
pub(super) fn read<R>(sequence: &AtomicU64, mut load: impl FnMut(usize) -> R) -> Option<R> {
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

/// Makes `me` the writer, unless there is one that lives: its error is that one.
pub(super) fn claim(writer: &AtomicU64, me: u64, is_dead: impl Fn(u64) -> bool) -> Result<(), u64> {
    let mut expected = 0;
    for _ in 0..CLAIMS {
        // Acquire, to go on with the sequence number of the writer before.
        match writer.compare_exchange(expected, me, Acquire, Relaxed) {
            Ok(_) => return Ok(()),
            Err(found) if found == 0 || is_dead(found) => expected = found,
            Err(found) => return Err(found),
        }
    }
    Err(expected)
}

/// Ends the role of `me`, if it still has it.
pub(super) fn release(writer: &AtomicU64, me: u64) {
    // Otherwise somebody took it away.
    let _ = writer.compare_exchange(me, 0, Release, Relaxed);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{ATTEMPTS, AtomicU64, Relaxed, claim, read};

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
        let writer = AtomicU64::new(1);
        let dead = |found| {
            writer.store(found + 1, Relaxed);
            true
        };
        assert!(claim(&writer, 7, dead).is_err());
    }
}
