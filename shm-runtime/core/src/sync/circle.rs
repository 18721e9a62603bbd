//! Circles of slots or bytes: position p is in place p modulo their number.

use crate::memory::access::{Access, Readable, Writable};
use crate::memory::shared::Shared;
use crate::memory::slice::SharedSlice;

/// A position in a circle and its place there, of which that of a later position follows without a division.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spot {
    position: u64,
    place: usize,
}

impl Spot {
    /// The place of this position in a circle of `len` places, always the same number; 0 if that is 0.
    #[inline]
    pub(super) fn find(&mut self, position: u64, len: usize) -> usize {
        let ahead = usize::try_from(position.wrapping_sub(self.position)).unwrap_or(usize::MAX);
        let place = match self.place.wrapping_add(ahead) {
            _ if ahead >= len => place(position, len),
            // The place was within the circle, of which both numbers together are less than two.
            beyond if beyond >= len => beyond - len,
            place => place,
        };
        *self = Self { position, place };
        place
    }
}

/// The place of a position of which nothing is known.
#[cold]
pub(super) fn place(position: u64, len: usize) -> usize {
    position.checked_rem(len as u64).and_then(|place| usize::try_from(place).ok()).unwrap_or(0)
}

/// The place of `len` bytes from position `at` on: up to the end of the circle, and from its beginning on. Fewer if the circle
/// has not so many.
#[inline]
fn split<A: Access>(
    circle: &[Shared<u8, A>],
    at: u64,
    len: usize,
) -> (&SharedSlice<u8, A>, &SharedSlice<u8, A>) {
    let start = at.checked_rem(circle.len() as u64).and_then(|start| usize::try_from(start).ok());
    let (before, after) = circle.split_at_checked(start.unwrap_or(0)).unwrap_or_default();
    let first = after.get(..len).unwrap_or(after);
    let rest = before.get(..len - first.len()).unwrap_or(before);
    (SharedSlice::of(first), SharedSlice::of(rest))
}

/// Stores bytes from position `at` on: as many as the circle has, if there are more.
#[inline]
pub(super) fn store<A: Writable>(circle: &[Shared<u8, A>], at: u64, from: &[u8]) {
    let (first, rest) = split(circle, at, from.len());
    let (from_first, from_rest) = from.split_at(first.len());
    first.copy_from(from_first);
    rest.copy_from(from_rest.get(..rest.len()).unwrap_or(from_rest));
}

/// Loads bytes from position `at` on: as many as the circle has, if there are more wanted.
#[inline]
pub(super) fn load<A: Readable>(circle: &[Shared<u8, A>], at: u64, to: &mut [u8]) {
    let (first, rest) = split(circle, at, to.len());
    let (to_first, to_rest) = to.split_at_mut(first.len());
    first.copy_to(to_first);
    if let Some(to_rest) = to_rest.get_mut(..rest.len()) {
        rest.copy_to(to_rest);
    }
}

/// Loads a 32-bit number at position `at`.
#[inline]
pub(super) fn load_u32<A: Readable>(circle: &[Shared<u8, A>], at: u64) -> u32 {
    let mut bytes = [0; 4];
    load(circle, at, &mut bytes);
    u32::from_ne_bytes(bytes)
}

/// Loads `len` bytes from position `at` on, in place of what is in `to`.
#[inline]
pub(super) fn load_into<A: Readable>(circle: &[Shared<u8, A>], at: u64, len: u32, to: &mut Vec<u8>) {
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(circle.len());
    // What it has already is overwritten, and so not cleared.
    to.resize(len, 0);
    load(circle, at, to);
}
