//! The protocol of the queue with one sender and one receiver: two counts, of the values that were sent and received; or of bytes, of
//! which a message is more than one.
//!
//! Each count is moved on by one end only, by one store, after the values have been written or read. Which thread has an end is
//! a role, as the writer of a sequence lock is, and the count is its sequence number. Each end keeps in private memory where it
//! is and how far it may go, and looks at the other end's count only when it has got there, at its own never.

use super::ring::published;
use super::seqlock::Words;
use crate::sync::atomic::{Acquire, AtomicU64, Relaxed};

/// How many there are that were sent and not received: never less than none, as the receiver's count is looked at first, and
/// cannot have got further than the sender's is seen to be after that.
///
/// Loads are relaxed with a fence beside them, because pages that are mapped read-only allow no other.
#[inline]
pub(crate) fn between(received: &AtomicU64, sent: &AtomicU64) -> u64 {
    let received = published(received);
    sent.load(Relaxed).wrapping_sub(received)
}

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

/// What an end keeps in private memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Its own count.
    own: u64,
    /// How far it may go: never more than the capacity further.
    limit: u64,
}

impl Place {
    /// Of an end that was just claimed.
    pub(crate) fn at(count: &AtomicU64) -> Self {
        let own = count.load(Relaxed);
        Self { own, limit: own }
    }

    /// The count of this end, if it is known without a look at the other that it may move on.
    #[inline]
    pub(crate) fn known(self) -> Option<u64> {
        (self.own != self.limit).then_some(self.own)
    }
}

impl End<'_> {
    /// Moves on by one, where [`known`](Place::known) says that it may; `false` if the role was lost.
    #[inline]
    pub(crate) fn step_one(self, place: &mut Place, act: impl FnOnce()) -> bool {
        let next = place.own.wrapping_add(1);
        let advanced = self.words.advance(self.role, || {
            act();
            next
        });
        if advanced {
            place.own = next;
        }
        advanced
    }

    /// Moves on: `act` is told at which count, and by how many it may at most, as far as that is known, which can be more than
    /// `wanted`; and says by how many it did.
    #[inline]
    pub(crate) fn step(
        self,
        place: &mut Place,
        wanted: u64,
        act: impl FnOnce(u64, u64) -> u64,
    ) -> Result<u64, Stuck> {
        let Place { own, limit } = *place;
        let mut room = limit.wrapping_sub(own);
        if room < wanted && room < self.capacity {
            // Acquire: sees what the other end has written, and that it has read.
            let other = self.other.load(Acquire);
            let limit = other.wrapping_add(self.lead);
            room = limit.wrapping_sub(own);
            match room {
                0 => return Err(Stuck::Waiting),
                room if room > self.capacity => return Err(Stuck::Corrupted { own, other }),
                _ => place.limit = limit,
            }
        }
        let mut moved = 0;
        let advanced = self.words.advance(self.role, || {
            moved = act(own, room);
            own.wrapping_add(moved)
        });
        if !advanced {
            return Err(Stuck::Lost);
        }
        place.own = own.wrapping_add(moved);
        Ok(moved)
    }

    /// Moves the receiver on to where the sender is, past all values.
    pub(crate) fn skip(self, place: &mut Place) -> Result<(), Stuck> {
        let own = self.other.load(Acquire);
        if !self.words.advance(self.role, || own) {
            return Err(Stuck::Lost);
        }
        *place = Place { own, limit: own };
        Ok(())
    }
}
