//! The two ends of a queue with one sender and one receiver: what there is beside its values or bytes, and what the process
//! that has one of them does with it.

use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, AtomicU64};
use core::time::Duration;

use super::builtin::builtin;
use super::circle::Lap;
use super::error::{self, QueueError, WriterError};
use super::kernel::Linux;
use super::protocol::bell;
use super::protocol::spsc::{self, Place, Stuck, between};
use super::role::{Claim, Role};
use crate::memory::access::Access;
use crate::memory::fields::{Fields, Member};
use crate::memory::part::Kept;
use crate::memory::shareable::Shareable;
use crate::memory::structure::Declared;

/// Both ends, and the futexes by which they wake each other.
#[repr(C)]
pub(super) struct Ends {
    pub(super) sender: Side,
    pub(super) receiver: Side,
    pub(super) bells: Bells,
}

builtin! { unsafe impl [] Ends, Ends: "Ends", 3 { sender: Side, receiver: Side, bells: Bells } }

/// What one end writes: on cache lines of its own.
#[repr(C, align(64))]
pub(super) struct Side {
    pub(super) count: AtomicU64,
    role: Role,
}

builtin! { unsafe impl [] Side, Side: "Side", 2 { count: AtomicU64, role: Role } }

/// What hardly changes.
#[repr(C, align(64))]
pub(super) struct Bells {
    pub(super) sent: AtomicU32,
    pub(super) received: AtomicU32,
}

builtin! { unsafe impl [] Bells, Bells: "Bells", 2 { sent: AtomicU32, received: AtomicU32 } transient }

impl Side {
    pub(super) fn reset(&self) {
        self.role.words(&self.count).reset();
    }
}

impl Ends {
    /// How much is between the two; at most `capacity`, whatever another process wrote.
    #[inline]
    pub(super) fn len(&self, capacity: usize) -> usize {
        let len = between(&self.receiver.count, &self.sender.count);
        usize::try_from(len).unwrap_or(capacity).min(capacity)
    }
}

/// One of the two, until it is dropped: the sender's if `SENDS`, otherwise the receiver's. `P` is what is in a place: a value or a
/// byte.
pub(super) struct End<'a, P, const SENDS: bool> {
    ends: Kept<'a, Ends>,
    /// The places, whose number is the capacity. No other process can change it.
    circle: Kept<'a, [P]>,
    claim: Claim,
    place: Place,
    lap: Lap,
}

impl<'a, P, const SENDS: bool> End<'a, P, SENDS> {
    const ROLE: error::Role = if SENDS { error::Role::Sender } else { error::Role::Receiver };

    pub(super) fn claim(ends: Kept<'a, Ends>, circle: Kept<'a, [P]>) -> Result<Self, WriterError> {
        let Side { count, role } = Self::sides(&ends)[0];
        let claim = role.claim(count, Self::ROLE)?;
        let place = Place::at(count);
        Ok(Self { ends, circle, claim, place, lap: Lap::default() })
    }

    pub(super) fn capacity(&self) -> usize {
        self.circle.len()
    }

    /// How much is between the two ends; at most the capacity, whatever another process wrote.
    pub(super) fn len(&self) -> usize {
        self.ends.len(self.capacity())
    }

    /// Moves on by one if it is known already that it may: `act` is given the place. `false` if it is not known, if the place is
    /// not of the lap that is under way, or for any reason that [`step`](Self::step) has: then that is to be asked.
    #[inline]
    pub(super) fn step_one(&mut self, act: impl FnOnce(&P)) -> bool {
        let Self { ends, circle, claim, place, lap } = self;
        let there = place.known().and_then(|at| lap.known(at, circle));
        let Some(there) = there.filter(|_| claim.is_here()) else { return false };
        let moved = Self::steps(ends, *claim, circle.len()).step_one(place, || act(there));
        if moved {
            Self::ring(ends);
        }
        moved
    }

    /// Moves on: `act` is told the places, the lap, at which count it is, and by how many it may move on, which can be more than
    /// `wanted`. It says by how many it does.
    ///
    /// # Errors
    ///
    /// [`Full`](QueueError::Full) or [`Empty`](QueueError::Empty), [`Lost`](QueueError::Lost) and
    /// [`Corrupted`](QueueError::Corrupted).
    #[inline]
    pub(super) fn step(
        &mut self,
        wanted: u64,
        act: impl FnOnce(&[P], &mut Lap, u64, u64) -> u64,
    ) -> Result<u64, QueueError> {
        let Self { ends, circle, claim, place, lap } = self;
        if !claim.is_here() {
            return Err(Self::stuck(ends, Stuck::Lost));
        }
        let moved = Self::steps(ends, *claim, circle.len())
            .step(place, wanted, |at, room| act(circle, lap, at, room))
            .map_err(|stuck| Self::stuck(ends, stuck))?;
        if moved > 0 {
            Self::ring(ends);
        }
        Ok(moved)
    }

    /// Moves on to where the other end is.
    ///
    /// # Errors
    ///
    /// [`Lost`](QueueError::Lost).
    pub(super) fn skip(&mut self) -> Result<(), QueueError> {
        let Self { ends, circle, claim, place, .. } = self;
        if !claim.is_here() {
            return Err(Self::stuck(ends, Stuck::Lost));
        }
        Self::steps(ends, *claim, circle.len()).skip(place).map_err(|stuck| Self::stuck(ends, stuck))?;
        Self::ring(ends);
        Ok(())
    }

    /// Tries until it need not wait for the other end, or until this time.
    ///
    /// # Errors
    ///
    /// Those of `attempt`.
    #[inline]
    pub(super) fn until<R>(
        &mut self,
        deadline: Option<Duration>,
        mut attempt: impl FnMut(&mut Self) -> Result<R, QueueError>,
    ) -> Result<R, QueueError> {
        match attempt(self) {
            Err(QueueError::Full | QueueError::Empty) => self.wait(deadline, attempt),
            done => done,
        }
    }

    #[cold]
    fn wait<R>(
        &mut self,
        deadline: Option<Duration>,
        mut again: impl FnMut(&mut Self) -> Result<R, QueueError>,
    ) -> Result<R, QueueError> {
        let bell = self.ends.share().map(|ends| Self::bells(ends)[1]);
        let found = bell::wait(&bell, true, deadline, &Linux, || match again(self) {
            Err(QueueError::Full | QueueError::Empty) => None,
            found => Some(found),
        });
        found.unwrap_or_else(|| Err(Self::stuck(&self.ends, Stuck::Waiting)))
    }

    /// This one's side, and the other's.
    #[inline]
    fn sides(Ends { sender, receiver, .. }: &Ends) -> [&Side; 2] {
        if SENDS { [sender, receiver] } else { [receiver, sender] }
    }

    /// What this one rings, and what the other does.
    #[inline]
    fn bells(Ends { bells: Bells { sent, received }, .. }: &Ends) -> [&AtomicU32; 2] {
        if SENDS { [sent, received] } else { [received, sent] }
    }

    #[inline]
    fn ring(ends: &Ends) {
        bell::ring(Self::bells(ends)[0], &Linux);
    }

    #[inline]
    fn steps(ends: &Ends, claim: Claim, capacity: usize) -> spsc::End<'_> {
        let [Side { count, role }, Side { count: other, .. }] = Self::sides(ends);
        let capacity = capacity as u64;
        let lead = if SENDS { capacity } else { 0 };
        spsc::End { words: role.words(count), role: claim.role, other, lead, capacity }
    }

    #[cold]
    fn stuck(ends: &Ends, stuck: Stuck) -> QueueError {
        match stuck {
            Stuck::Waiting if SENDS => QueueError::Full,
            Stuck::Waiting => QueueError::Empty,
            Stuck::Lost => {
                let Side { count, role } = Self::sides(ends)[0];
                QueueError::Lost(role.lost(count, Self::ROLE))
            }
            Stuck::Corrupted { own, other } => {
                let [sent, received] = if SENDS { [own, other] } else { [other, own] };
                QueueError::Corrupted { sent, received }
            }
        }
    }
}

impl<P, const SENDS: bool> Drop for End<'_, P, SENDS> {
    fn drop(&mut self) {
        let Side { count, role } = Self::sides(&self.ends)[0];
        role.release(count, self.claim);
    }
}
