//! Circles of slots or bytes: position p is in place p modulo their number.

use crate::memory::access::{Access, Readable, Writable};
use crate::memory::shared::Shared;
use crate::memory::slice::SharedSlice;

/// The lap around a circle that is under way, from which places follow without a division.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lap {
    /// The position whose place was the first.
    start: u64,
}

impl Lap {
    /// What is in the place of this position in a circle, always the same one; `None` if the circle has no places.
    #[inline]
    pub(super) fn find<'c, P>(&mut self, position: u64, circle: &'c [P]) -> Option<&'c P> {
        match self.known(position, circle) {
            None => circle.get(self.begin(position, circle.len())),
            found => found,
        }
    }

    /// The same, if it is of the lap that is under way.
    #[inline]
    pub(super) fn known<'c, P>(&self, position: u64, circle: &'c [P]) -> Option<&'c P> {
        self.ahead(position).and_then(|place| circle.get(place))
    }

    /// The same place, in a circle of `len`; 0 if that is 0.
    #[inline]
    fn place(&mut self, position: u64, len: usize) -> usize {
        match self.ahead(position) {
            Some(place) if place < len => place,
            _ => self.begin(position, len),
        }
    }

    /// How far it is from the start: its place, if there is such a one. A count that has turned over is not ahead.
    #[inline]
    fn ahead(self, position: u64) -> Option<usize> {
        position.checked_sub(self.start).and_then(|ahead| usize::try_from(ahead).ok())
    }

    /// Another lap, not always the next: a count can turn over, or be put back by another process.
    #[inline]
    fn begin(&mut self, position: u64, len: usize) -> usize {
        let place = place_in_another_lap(position, len);
        self.start = position.wrapping_sub(place as u64);
        place
    }
}

/// Has no reference to the lap, which so can be in a register.
#[cold]
#[inline(never)]
fn place_in_another_lap(position: u64, len: usize) -> usize {
    place(position, len)
}

/// The place of a position; 0 if there are none.
#[inline]
pub(super) fn place(position: u64, len: usize) -> usize {
    let len = len as u64;
    let place =
        if len.is_power_of_two() { position & (len - 1) } else { position.checked_rem(len).unwrap_or(0) };
    usize::try_from(place).unwrap_or(0)
}

/// Bytes whose number, and so the length of each message, is a `u32`: all, or the first ones.
pub(super) fn addressable<A>(bytes: &[Shared<u8, A>]) -> &[Shared<u8, A>] {
    usize::try_from(u32::MAX).ok().and_then(|most| bytes.get(..most)).unwrap_or(bytes)
}

/// The place of `len` bytes from position `at` on: up to the end of the circle, and from its beginning on. Fewer if the circle
/// has not so many.
#[inline]
fn split<'a, A: Access>(
    circle: &'a [Shared<u8, A>],
    lap: &mut Lap,
    at: u64,
    len: usize,
) -> (&'a SharedSlice<u8, A>, &'a SharedSlice<u8, A>) {
    let (before, after) = circle.split_at_checked(lap.place(at, circle.len())).unwrap_or_default();
    let first = after.get(..len).unwrap_or(after);
    let rest = before.get(..len - first.len()).unwrap_or(before);
    (SharedSlice::of(first), SharedSlice::of(rest))
}

/// Stores bytes from position `at` on: as many as the circle has, if there are more.
#[inline]
pub(super) fn store<A: Writable>(circle: &[Shared<u8, A>], lap: &mut Lap, at: u64, from: &[u8]) {
    let (first, rest) = split(circle, lap, at, from.len());
    let (from_first, from_rest) = from.split_at(first.len());
    first.copy_from(from_first);
    rest.copy_from(from_rest.get(..rest.len()).unwrap_or(from_rest));
}

/// Loads bytes from position `at` on: as many as the circle has, if there are more wanted.
#[inline]
pub(super) fn load<A: Readable>(circle: &[Shared<u8, A>], lap: &mut Lap, at: u64, to: &mut [u8]) {
    let (first, rest) = split(circle, lap, at, to.len());
    let (to_first, to_rest) = to.split_at_mut(first.len());
    first.copy_to(to_first);
    if let Some(to_rest) = to_rest.get_mut(..rest.len()) {
        rest.copy_to(to_rest);
    }
}

/// Loads a 32-bit number at position `at`.
#[inline]
pub(super) fn load_u32<A: Readable>(circle: &[Shared<u8, A>], lap: &mut Lap, at: u64) -> u32 {
    let mut bytes = [0; 4];
    load(circle, lap, at, &mut bytes);
    u32::from_ne_bytes(bytes)
}

/// Loads `len` bytes from position `at` on, in place of what is in `to`.
#[inline]
pub(super) fn load_into<A: Readable>(
    circle: &[Shared<u8, A>],
    lap: &mut Lap,
    at: u64,
    len: u32,
    to: &mut Vec<u8>,
) {
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(circle.len());
    // What it has already is overwritten, and so not cleared.
    to.resize(len, 0);
    load(circle, lap, at, to);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Lap;

    #[test]
    fn a_place_is_the_position_modulo_the_length_wherever_positions_jump_to() {
        for len in [1, 2, 5, 64, 217] {
            let circle: Vec<u64> = (0..len).collect();
            let mut lap = Lap::default();
            let ends = [0, 3, 1 << 32, (1 << 63) - 4, u64::MAX - len, u64::MAX - 1];
            for position in ends
                .into_iter()
                .chain(ends)
                .flat_map(|end| (0..2 * len + 3).map(move |i| end.wrapping_add(i)))
            {
                assert_eq!(lap.find(position, &circle), Some(&(position % len)), "{position} of {len}");
                assert_eq!(lap.place(position, circle.len()) as u64, position % len);
            }
        }
        assert_eq!(Lap::default().find(7, &[(); 0]), None);
    }
}
