//! The protocol of the ring: a sequence lock with more than two copies, so that older values can still be read.
//!
//! Value number n, counted from 0, is in slot n modulo the capacity. It can be read when the count of published values is
//! greater than n, and as long as it is not n and the capacity: then the writer may be writing the next value of that slot.

use crate::sync::atomic::{Acquire, AtomicU64, Relaxed, fence};

/// Why there is no value to be read at a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// It was not published yet.
    NotYet,
    /// It was overwritten, or is about to be; so many have been published.
    Overwritten { published: u64 },
}

/// How many values have been published.
#[inline]
pub(crate) fn published(count: &AtomicU64) -> u64 {
    let published = count.load(Relaxed);
    // Sees what was stored before this count.
    fence(Acquire);
    published
}

/// Reads up to `wanted` values from number `cursor` on: `load` is told how many there are, and reads them. Gives how many of the
/// first of them were overwritten meanwhile, and what it returned.
///
/// Loads are relaxed with fences beside them, because pages that are mapped read-only allow no other.
#[inline]
pub(crate) fn read<R>(
    count: &AtomicU64,
    capacity: u64,
    cursor: u64,
    wanted: u64,
    load: impl FnOnce(u64) -> R,
) -> Result<(u64, R), Absent> {
    let before = published(count);
    let there = before.wrapping_sub(cursor);
    if there == 0 {
        return Err(Absent::NotYet);
    }
    if there >= capacity {
        return Err(Absent::Overwritten { published: before });
    }
    let loaded = load(there.min(wanted));
    // If anything of that was of a later value, sees the count that was stored before it.
    fence(Acquire);
    let after = count.load(Relaxed).wrapping_sub(cursor);
    Ok((after.saturating_sub(capacity - 1), loaded))
}
