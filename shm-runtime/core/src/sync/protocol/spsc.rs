//! The protocol of the queue with one sender and one receiver: two counts, of the values that were sent and received; or of bytes, of
//! which a message is more than one.
//!
//! Each count is moved on by one end only, by one store, after the values have been written or read. Which thread has an end is
//! a role, as the writer of a sequence lock is, and the count is its sequence number. Each end keeps in private memory how far
//! it may go, and looks at the other end's count only when it has got there.

use super::seqlock::Words;
use crate::sync::atomic::{Acquire, AtomicU64, Relaxed};

/// One end, to the process that has it.
#[derive(Clone, Copy)]
pub(crate) struct End<'a> {
    /// The count of this end, and the role.
    pub(crate) words: Words<'a>,
    /// The role of this end.
    pub(crate) role: u64,
    /// The count of the other end.
    pub(crate) other: &'a AtomicU64,
    /// How much this count may be ahead of the other: the capacity, or 0 for the receiver.
    pub(crate) lead: u64,
    /// How many values there can be.
    pub(crate) capacity: u64,
}

/// Why an end does not move on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stuck {
    /// It has caught up: the queue is full, or empty.
    Waiting,
    /// The role was lost.
    Lost,
    /// The counts are no counts of a queue.
    Corrupted { own: u64, other: u64 },
}

impl End<'_> {
    /// Moves on by up to `wanted`: `act` is told at which count, and by how many it may, and says by how many it did. `limit` is
    /// kept in private memory.
    #[inline]
    pub(crate) fn step(
        self,
        limit: &mut u64,
        wanted: u64,
        act: impl FnOnce(u64, u64) -> u64,
    ) -> Result<u64, Stuck> {
        self.step_as_far(limit, wanted, |own, room| act(own, room.min(wanted)))
    }

    /// The same; `act` is told by how many it may at most, as far as that is known, which can be more than `wanted`.
    #[inline]
    pub(crate) fn step_as_far(
        self,
        limit: &mut u64,
        wanted: u64,
        act: impl FnOnce(u64, u64) -> u64,
    ) -> Result<u64, Stuck> {
        let room = |limit: u64, own: u64| limit.wrapping_sub(own);
        let own = self.words.sequence.load(Relaxed);
        if !(wanted.min(self.capacity)..=self.capacity).contains(&room(*limit, own)) {
            // Acquire: sees what the other end has written, and that it has read.
            let other = self.other.load(Acquire);
            *limit = other.wrapping_add(self.lead);
            match room(*limit, own) {
                0 => return Err(Stuck::Waiting),
                room if room > self.capacity => return Err(Stuck::Corrupted { own, other }),
                _ => {}
            }
        }
        let mut moved = 0;
        let advanced = self.words.advance(self.role, |own| {
            // Read again, so checked again.
            let room = room(*limit, own);
            if room <= self.capacity {
                moved = act(own, room);
            }
            moved
        });
        if advanced { Ok(moved) } else { Err(Stuck::Lost) }
    }

    /// Moves on to where the other end is, past all values.
    pub(crate) fn skip(self, limit: &mut u64) -> Result<(), Stuck> {
        *limit = self.other.load(Acquire).wrapping_add(self.lead);
        let advanced = self.words.advance(self.role, |own| self.other.load(Acquire).wrapping_sub(own));
        if advanced { Ok(()) } else { Err(Stuck::Lost) }
    }
}
