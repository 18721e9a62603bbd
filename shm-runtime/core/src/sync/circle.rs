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
        // A count that turns over, or that another process has put back, is not ahead.
        let ahead = position.checked_sub(self.position).and_then(|ahead| usize::try_from(ahead).ok());
        let place = match ahead.filter(|&ahead| ahead < len).map(|ahead| self.place.wrapping_add(ahead)) {
            None => jump(position, len),
            // Both numbers were less than the length.
            Some(beyond) if beyond >= len => beyond - len,
            Some(place) => place,
        };
        *self = Self { position, place };
        place
    }
}

/// The place of a position; 0 if there are none.
#[inline]
pub(super) fn place(position: u64, len: usize) -> usize {
    let len = len as u64;
    let place =
        if len.is_power_of_two() { position & (len - 1) } else { position.checked_rem(len).unwrap_or(0) };
    usize::try_from(place).unwrap_or(0)
}

/// The place after this one.
#[inline]
pub(super) fn after(place: usize, len: usize) -> usize {
    let next = place + 1;
    if next < len { next } else { 0 }
}

#[cold]
#[inline(never)]
fn jump(position: u64, len: usize) -> usize {
    place(position, len)
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
    spot: &mut Spot,
    at: u64,
    len: usize,
) -> (&'a SharedSlice<u8, A>, &'a SharedSlice<u8, A>) {
    let (before, after) = circle.split_at_checked(spot.find(at, circle.len())).unwrap_or_default();
    let first = after.get(..len).unwrap_or(after);
    let rest = before.get(..len - first.len()).unwrap_or(before);
    (SharedSlice::of(first), SharedSlice::of(rest))
}

/// Stores bytes from position `at` on: as many as the circle has, if there are more.
#[inline]
pub(super) fn store<A: Writable>(circle: &[Shared<u8, A>], spot: &mut Spot, at: u64, from: &[u8]) {
    let (first, rest) = split(circle, spot, at, from.len());
    let (from_first, from_rest) = from.split_at(first.len());
    first.copy_from(from_first);
    rest.copy_from(from_rest.get(..rest.len()).unwrap_or(from_rest));
}

/// Loads bytes from position `at` on: as many as the circle has, if there are more wanted.
#[inline]
pub(super) fn load<A: Readable>(circle: &[Shared<u8, A>], spot: &mut Spot, at: u64, to: &mut [u8]) {
    let (first, rest) = split(circle, spot, at, to.len());
    let (to_first, to_rest) = to.split_at_mut(first.len());
    first.copy_to(to_first);
    if let Some(to_rest) = to_rest.get_mut(..rest.len()) {
        rest.copy_to(to_rest);
    }
}

/// Loads a 32-bit number at position `at`.
#[inline]
pub(super) fn load_u32<A: Readable>(circle: &[Shared<u8, A>], spot: &mut Spot, at: u64) -> u32 {
    let mut bytes = [0; 4];
    load(circle, spot, at, &mut bytes);
    u32::from_ne_bytes(bytes)
}

/// Loads `len` bytes from position `at` on, in place of what is in `to`.
#[inline]
pub(super) fn load_into<A: Readable>(
    circle: &[Shared<u8, A>],
    spot: &mut Spot,
    at: u64,
    len: u32,
    to: &mut Vec<u8>,
) {
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(circle.len());
    // What it has already is overwritten, and so not cleared.
    to.resize(len, 0);
    load(circle, spot, at, to);
}
