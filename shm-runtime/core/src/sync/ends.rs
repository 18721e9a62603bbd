//! The two ends of a queue with one sender and one receiver: what there is beside its values or bytes.

use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, AtomicU64};

use super::builtin::builtin;
use super::error::{self, QueueError, WriterError};
use super::protocol::spsc::{End, Stuck, between};
use super::role::{Claim, Role};
use crate::memory::access::Access;
use crate::memory::fields::{Fields, Member};
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
    pub(super) fn claim(&self, role: error::Role) -> Result<Claim, WriterError> {
        self.role.claim(&self.count, role)
    }

    pub(super) fn release(&self, claim: Claim) {
        self.role.release(&self.count, claim);
    }

    pub(super) fn reset(&self) {
        self.role.words(&self.count).reset();
    }

    fn lost(&self, role: error::Role) -> QueueError {
        QueueError::Lost(self.role.lost(&self.count, role))
    }
}

impl Ends {
    /// How much is between the two; at most `capacity`, whatever another process wrote.
    #[inline]
    pub(super) fn len(&self, capacity: usize) -> usize {
        let len = between(&self.receiver.count, &self.sender.count);
        usize::try_from(len).unwrap_or(capacity).min(capacity)
    }

    #[inline]
    pub(super) fn sending(&self, claim: Claim, capacity: usize) -> End<'_> {
        let (Side { count, role }, capacity) = (&self.sender, capacity as u64);
        let (words, other) = (role.words(count), &self.receiver.count);
        End { words, role: claim.role, other, lead: capacity, capacity }
    }

    #[inline]
    pub(super) fn receiving(&self, claim: Claim, capacity: usize) -> End<'_> {
        let Side { count, role } = &self.receiver;
        let (words, other) = (role.words(count), &self.sender.count);
        End { words, role: claim.role, other, lead: 0, capacity: capacity as u64 }
    }

    #[cold]
    pub(super) fn sender_stuck(&self, stuck: Stuck) -> QueueError {
        match stuck {
            Stuck::Waiting => QueueError::Full,
            Stuck::Lost => self.sender.lost(error::Role::Sender),
            Stuck::Corrupted { own: sent, other: received } => QueueError::Corrupted { sent, received },
        }
    }

    #[cold]
    pub(super) fn receiver_stuck(&self, stuck: Stuck) -> QueueError {
        match stuck {
            Stuck::Waiting => QueueError::Empty,
            Stuck::Lost => self.receiver.lost(error::Role::Receiver),
            Stuck::Corrupted { own: received, other: sent } => QueueError::Corrupted { sent, received },
        }
    }
}
