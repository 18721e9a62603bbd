//! The protocol of the queue with many senders and receivers. All that is here is done by the holder of a lock, but [`finish`].
//! The holder can die at any instruction, so each step is one store, after which the queue is in order:
//!
//! - A value is written to the slot of the next position, and accepted when `tail` moves past it.
//! - A value is given when the state of its slot says which process has it. Then `next` moves past it; if the receiver died
//!   before it moved it, the next one does.
//! - A value is finished, or returned, by a change of that state. Then its slot is free, or it is given again.
//!
//! A state has the number of the giving and the pid, as the role of a sequence lock's writer has, and so tells each giving of a
//! slot from all others. What tells the process from others with its pid is in one of two pairs of words, in turns: those of
//! the state that is there are never overwritten.

use super::seqlock::{Identity, PENDING, PID, PID_BITS, number, pid};
use crate::sync::atomic::{AcqRel, Acquire, AtomicU64, Relaxed, Release};

/// In a state: the receiver has given the value back.
const RETURNED: u64 = PENDING;

/// In the tail: the values are in another segment.
const CLOSED: u64 = 1 << 63;

/// After so many values, a receiver looks for what dead ones have taken, although there are others to receive: or after half of
/// the capacity, if that is less, because a sender waits for ever when it comes to such a slot, if the one that receives is itself.
const LOOK: u64 = 64;

/// The positions: each counts values, in the order in which they were accepted.
#[derive(Clone, Copy)]
pub(crate) struct Cursors<'a> {
    /// All before it are finished: where to look for those that are not.
    pub(crate) head: &'a AtomicU64,
    /// All before it were given.
    pub(crate) next: &'a AtomicU64,
    /// All before it were accepted.
    pub(crate) tail: &'a AtomicU64,
}

/// The words of a slot.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'a> {
    pub(crate) state: &'a AtomicU64,
    pub(crate) marks: [&'a AtomicU64; 4],
}

/// A value that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) position: u64,
    /// The state of the slot.
    pub(crate) state: u64,
    /// Whether it had been given before.
    pub(crate) again: bool,
}

/// Why nothing is sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stuck {
    /// It is full, or empty.
    Waiting,
    /// The values are in another segment.
    Closed,
    /// The positions are no positions of a queue.
    Corrupted { sent: u64, received: u64 },
}

fn is_free(state: u64) -> bool {
    pid(state) == 0 && state & RETURNED == 0
}

impl Slot<'_> {
    /// The two words of the giving with this number.
    fn marks_of(&self, number: u64) -> [&AtomicU64; 2] {
        let [first, second, third, fourth] = self.marks;
        if number % 2 == 0 { [first, second] } else { [third, fourth] }
    }

    /// Gives the value to `me`; `state` is what the slot's is.
    fn give(&self, state: u64, me: Identity) -> u64 {
        let state = (((number(state) + 1) << PID_BITS) & !PENDING) | u64::from(me.pid);
        for (word, mark) in self.marks_of(number(state)).into_iter().zip(me.marks) {
            word.store((mark << PID_BITS) | (number(state) & PID), Relaxed);
        }
        self.state.store(state, Release);
        state
    }

    /// The process that has the value, if that is known.
    fn taker(&self, state: u64) -> Option<Identity> {
        let marks = self.marks_of(number(state)).map(|word| word.load(Relaxed));
        let same = marks.iter().all(|mark| mark & PID == number(state) & PID);
        same.then(|| Identity { pid: pid(state), marks: marks.map(|mark| mark >> PID_BITS) })
    }
}

/// Ends a giving: the slot is free, or the value is returned. `false` if it had ended before.
pub(crate) fn finish(slot: Slot<'_>, state: u64, returned: bool) -> bool {
    let ended = (state & !PID) | if returned { RETURNED } else { 0 };
    slot.state.compare_exchange(state, ended, Release, Relaxed).is_ok()
}

/// Returns the value, if a process has it.
pub(crate) fn give_back(slot: Slot<'_>) {
    let state = slot.state.load(Relaxed);
    if pid(state) != 0 {
        finish(slot, state, true);
    }
}

/// Ends any giving. The number stays, so that a process which had the value does not end a later giving.
pub(crate) fn free(slot: Slot<'_>) {
    slot.state.fetch_and(!(PID | RETURNED), AcqRel);
}

/// Whether the values are in another segment, and nothing is sent or received here any more. By the one who has the lock.
pub(crate) fn close(tail: &AtomicU64, closed: bool) {
    let now = tail.load(Relaxed);
    tail.store(if closed { now | CLOSED } else { now & !CLOSED }, Release);
}

/// Whether that was said, by one that may have died over it.
pub(crate) fn is_closed(tail: &AtomicU64) -> bool {
    tail.load(Relaxed) & CLOSED != 0
}

impl<'a> Cursors<'a> {
    /// `next`, `tail`, and how many values are between.
    fn ready(self, capacity: u64) -> Result<(u64, u64, u64), Stuck> {
        let (next, tail) = (self.next.load(Relaxed), self.tail.load(Relaxed));
        let ready = tail.wrapping_sub(next);
        if ready > capacity {
            if tail & CLOSED != 0 {
                return Err(Stuck::Closed);
            }
            return Err(Stuck::Corrupted { sent: tail, received: next });
        }
        Ok((next, tail, ready))
    }

    /// Whether the next slot is free.
    pub(crate) fn has_room(self, slot: impl Fn(u64) -> Slot<'a>) -> bool {
        is_free(slot(self.tail.load(Relaxed)).state.load(Relaxed))
    }

    /// Accepts one value, which `store` writes to the slot of the position it is told.
    pub(crate) fn send(
        self,
        slot: impl Fn(u64) -> Slot<'a>,
        capacity: u64,
        store: impl FnOnce(u64),
    ) -> Result<(), Stuck> {
        let (_, tail, ready) = self.ready(capacity)?;
        // Acquire: the last one that had this slot has read it.
        if ready == capacity || !is_free(slot(tail).state.load(Acquire)) {
            return Err(Stuck::Waiting);
        }
        store(tail);
        self.tail.store(tail.wrapping_add(1), Release);
        Ok(())
    }

    /// Gives one value to `me`: one that a dead process had, or that was returned, if there is no other, and every so often.
    pub(crate) fn receive(
        self,
        slot: impl Fn(u64) -> Slot<'a>,
        capacity: u64,
        me: Identity,
        is_dead: impl Fn(Identity) -> bool,
    ) -> Result<Given, Stuck> {
        loop {
            let (next, _, ready) = self.ready(capacity)?;
            if ready == 0 || next % LOOK.min(capacity / 2).max(1) == 0 {
                if let Some(given) = self.again(&slot, capacity, me, &is_dead) {
                    return Ok(given);
                }
            }
            if ready == 0 {
                return Err(Stuck::Waiting);
            }
            let slot = slot(next);
            let state = slot.state.load(Acquire);
            if is_free(state) {
                let state = slot.give(state, me);
                self.next.store(next.wrapping_add(1), Release);
                return Ok(Given { position: next, state, again: false });
            }
            // It was given to one that died before it moved this; at most as often as there are values.
            self.next.store(next.wrapping_add(1), Release);
        }
    }

    /// Gives the oldest value again that was returned, or whose process is dead.
    fn again(
        self,
        slot: impl Fn(u64) -> Slot<'a>,
        capacity: u64,
        me: Identity,
        is_dead: impl Fn(Identity) -> bool,
    ) -> Option<Given> {
        let (head, next) = (self.head.load(Relaxed), self.next.load(Relaxed));
        let mut position =
            if next.wrapping_sub(head) > capacity { next.wrapping_sub(capacity) } else { head };
        let mut finished = true;
        while position != next {
            let slot = slot(position);
            let state = slot.state.load(Acquire);
            let is_left = || match slot.taker(state) {
                _ if state & RETURNED != 0 => true,
                Some(taker) => taker != me && is_dead(taker),
                None => false,
            };
            if !is_free(state) {
                finished = false;
                if is_left() {
                    return Some(Given { position, state: slot.give(state, me), again: true });
                }
            }
            position = position.wrapping_add(1);
            if finished {
                self.head.store(position, Relaxed);
            }
        }
        None
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{AtomicU64, Cursors, Given, Identity, Relaxed, Slot, Stuck, finish};

    const CAPACITY: u64 = 2;
    const ME: Identity = Identity { pid: 7, marks: [70, 700] };
    const DEAD: Identity = Identity { pid: 8, marks: [80, 800] };

    /// Two slots of a state, four marks and a value.
    #[derive(Default)]
    struct Words {
        cursors: [AtomicU64; 3],
        slots: [[AtomicU64; 6]; 2],
    }

    impl Words {
        fn cursors(&self) -> Cursors<'_> {
            let [head, next, tail] = &self.cursors;
            Cursors { head, next, tail }
        }

        fn words(&self, position: u64) -> &[AtomicU64; 6] {
            &self.slots[usize::try_from(position % CAPACITY).unwrap()]
        }

        fn slot(&self, position: u64) -> Slot<'_> {
            let [state, a, b, c, d, _] = self.words(position);
            Slot { state, marks: [a, b, c, d] }
        }

        fn send(&self, value: u64) -> Result<(), Stuck> {
            let store = |position| self.words(position)[5].store(value, Relaxed);
            self.cursors().send(|position| self.slot(position), CAPACITY, store)
        }

        fn receive(&self, me: Identity) -> Result<(u64, Given), Stuck> {
            let given =
                self.cursors().receive(|position| self.slot(position), CAPACITY, me, |who| who == DEAD)?;
            Ok((self.words(given.position)[5].load(Relaxed), given))
        }

        /// Receives and finishes all, and says what it was, and whether it was given again.
        fn drain(&self) -> Vec<(u64, bool)> {
            let mut drained = Vec::new();
            while let Ok((value, given)) = self.receive(ME) {
                assert!(finish(self.slot(given.position), given.state, false));
                drained.push((value, given.again));
            }
            drained
        }

        /// The same words as they are now.
        fn copy(&self) -> Self {
            let copy = |word: &AtomicU64| AtomicU64::new(word.load(Relaxed));
            Self {
                cursors: self.cursors.each_ref().map(copy),
                slots: self.slots.each_ref().map(|slot| slot.each_ref().map(copy)),
            }
        }
    }

    /// All words, in the order in which a receiver that dies stores to them, as `before` has them and as `after` does: what it
    /// leaves if it dies after each store.
    fn left_by_the_dead(before: &Words, after: &Words, position: u64) -> Vec<Words> {
        let order = [1, 2, 3, 4, 0];
        let mut left = vec![before.copy()];
        for word in order {
            let now = left.last().unwrap().copy();
            now.words(position)[word].store(after.words(position)[word].load(Relaxed), Relaxed);
            left.push(now);
        }
        left.push(after.copy());
        left
    }

    #[test]
    fn values_are_given_in_order_to_one_each_and_as_many_as_there_is_room_for() {
        let words = Words::default();
        for round in 0..200 {
            assert_eq!(words.send(round), Ok(()));
            assert_eq!(words.send(round + 1000), Ok(()));
            assert_eq!(words.send(9), Err(Stuck::Waiting));
            let (value, first) = words.receive(ME).unwrap();
            assert_eq!((value, first.again), (round, false));
            // Its slot is the next, and not free.
            assert_eq!(words.send(9), Err(Stuck::Waiting));
            assert!(finish(words.slot(first.position), first.state, false));
            assert!(!finish(words.slot(first.position), first.state, true));
            assert_eq!(words.drain(), [(round + 1000, false)]);
        }
    }

    #[test]
    fn a_receiver_that_died_after_any_store_leaves_each_value_to_be_given_once() {
        for rounds in 0..3 {
            let words = Words::default();
            for round in 0..rounds {
                words.send(round).unwrap();
                words.drain();
            }
            words.send(10).unwrap();
            words.send(11).unwrap();
            let before = words.copy();
            let (value, given) = words.receive(DEAD).unwrap();
            assert_eq!((value, given.again), (10, false));
            for (stores, left) in left_by_the_dead(&before, &words, given.position).iter().enumerate() {
                let mut drained = left.drain();
                drained.sort_unstable();
                assert_eq!(drained, [(10, stores >= 5), (11, false)], "after {stores} stores");
                // And both slots are free.
                assert_eq!(
                    [left.send(12), left.send(13), left.send(14)],
                    [Ok(()), Ok(()), Err(Stuck::Waiting)]
                );
                assert_eq!(left.drain(), [(12, false), (13, false)]);
            }
            // The same, of one that took over what a dead one had.
            let before = words.copy();
            let other = Identity { pid: 8, marks: [80, 801] };
            let again =
                words.cursors().again(|position| words.slot(position), CAPACITY, other, |who| who == DEAD);
            let position = again.unwrap().position;
            for left in left_by_the_dead(&before, &words, position) {
                let dead = |who| who == DEAD || who == other;
                let given = left.cursors().receive(|at| left.slot(at), CAPACITY, ME, dead).unwrap();
                let other = left.cursors().receive(|at| left.slot(at), CAPACITY, ME, dead).unwrap();
                let mut values =
                    [given, other].map(|given| (left.words(given.position)[5].load(Relaxed), given.again));
                values.sort_unstable();
                assert_eq!(values, [(10, true), (11, false)]);
            }
        }
    }

    #[test]
    fn a_sender_that_died_before_the_value_was_accepted_leaves_none() {
        let words = Words::default();
        words.words(0)[5].store(5, Relaxed);
        assert_eq!(words.drain(), []);
        words.send(6).unwrap();
        assert_eq!(words.drain(), [(6, false)]);
    }

    #[test]
    fn what_is_returned_or_left_is_given_again_although_others_come() {
        let words = Words::default();
        words.send(0).unwrap();
        let (_, given) = words.receive(ME).unwrap();
        assert!(finish(words.slot(given.position), given.state, true));
        assert_eq!(words.drain(), [(0, true)]);
        words.send(1).unwrap();
        let (_, left) = words.receive(DEAD).unwrap();
        assert!(!left.again);
        // The slot of the next but one is not free until it was given again.
        words.send(2).unwrap();
        assert_eq!(words.send(3), Err(Stuck::Waiting));
        let mut drained = words.drain();
        drained.sort_unstable();
        assert_eq!(drained, [(1, true), (2, false)]);
    }

    #[test]
    fn what_a_dead_one_has_does_not_fill_the_queue_of_one_that_sends_and_receives_in_turns() {
        for before in 0..3 {
            let words = Words::default();
            for value in 0..before {
                words.send(value).unwrap();
                words.drain();
            }
            words.send(10).unwrap();
            words.receive(DEAD).unwrap();
            for value in 11..15 {
                assert_eq!(words.send(value), Ok(()), "after {before} values");
                let (_, given) = words.receive(ME).unwrap();
                assert!(finish(words.slot(given.position), given.state, false));
            }
        }
    }

    #[test]
    fn no_words_hang_or_panic() {
        let values = [0, 1, 2, 3, 64, 1 << 22, 1 << 63, u64::MAX - 1, u64::MAX];
        for next in values {
            for tail in values {
                for state in values {
                    let words = Words::default();
                    for (cursor, value) in words.cursors.iter().zip([state, next, tail]) {
                        cursor.store(value, Relaxed);
                    }
                    words.slots.iter().flatten().for_each(|word| word.store(state, Relaxed));
                    let _ = (words.send(1), words.receive(ME), words.receive(DEAD), words.receive(ME));
                }
            }
        }
    }
}
