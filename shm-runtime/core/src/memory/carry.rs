//! Taking values over from one segment into another, in which no other process is yet.

use core::sync::atomic::{Ordering::Acquire, fence};
use core::time::Duration;
use std::time::Instant;

use crate::memory::direction::{Direction, Load, Store};
use crate::memory::layout::{Carried, Field, Kind, Layout, Scalar};
use crate::memory::region::Region;

/// How often the current copy of a sequence lock is copied anew, because its writer was faster. A real one is not.
const ATTEMPTS: u32 = 10_000;

/// How often what belongs together is copied anew, because it changed meanwhile. It can be large.
const STILL: u32 = 100;

/// The second word of a lock whose value is half-changed.
const ABANDONED: u32 = 1;

/// How something at an offset of a region is held still while it is carried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    /// Holds it, and waits for that at most so long.
    pub(crate) hold: for<'a> fn(Region<'a>, usize, Duration) -> MaybeHeld<'a>,
    /// Whether all who use it are refused, as far as can be said of what is not held.
    pub(crate) is_closed: fn(Region<'_>, usize) -> bool,
}

/// `None` if nothing can change it anyway, because another process has overwritten its lock.
pub(crate) type MaybeHeld<'a> = Result<Option<Box<dyn Held + 'a>>, Unheld>;

/// What is held still while it is carried, until this is dropped.
pub(crate) trait Held {
    /// Whether all who use it are refused when it is not held any more, because it is in another segment.
    fn close(&self, closed: bool);
}

/// Something is not held still, because this thread has its lock; 0 if the kernel refuses the lock.
pub(crate) struct Unheld {
    pub(crate) holder: u32,
}

/// Whether there is something in these fields that has to be held while it is carried.
pub(crate) fn needs_hold(fields: &[Field]) -> bool {
    fields.iter().any(|field| layout_needs_hold(field.layout))
}

fn layout_needs_hold(layout: &Layout) -> bool {
    match (layout.carried, &layout.kind) {
        (Carried::Held(_), _) => true,
        (_, Kind::Array { of, .. } | Kind::Tail { of }) => layout_needs_hold(of),
        (_, Kind::Struct { fields, .. }) => needs_hold(fields),
        (_, Kind::Scalar(_) | Kind::Atomic(_) | Kind::Enum { .. }) => false,
    }
}

/// Holds all in these fields that has to be held while it is carried; of a slice at the end, in the first `len` elements. Waits for that at
/// most so long.
pub(crate) fn hold<'a>(
    fields: &[Field],
    len: usize,
    from: Region<'a>,
    patience: Duration,
) -> Result<Vec<Box<dyn Held + 'a>>, Unheld> {
    let mut held = Vec::new();
    let deadline = Instant::now() + patience;
    for field in fields {
        hold_each(field.layout, field.offset, len, &mut |hold: Hold, at| {
            held.extend((hold.hold)(from, at, deadline.saturating_duration_since(Instant::now()))?);
            Ok(())
        })?;
    }
    Ok(held)
}

/// Whether all who use something of that are refused.
pub(crate) fn is_closed(fields: &[Field], len: usize, region: Region<'_>) -> bool {
    let mut is_any = false;
    let mut look = |hold: Hold, at| {
        is_any |= (hold.is_closed)(region, at);
        Ok(())
    };
    let looked = fields.iter().try_for_each(|field| hold_each(field.layout, field.offset, len, &mut look));
    looked.is_ok() && is_any
}

fn hold_each(
    layout: &Layout,
    at: usize,
    tail: usize,
    each: &mut dyn FnMut(Hold, usize) -> Result<(), Unheld>,
) -> Result<(), Unheld> {
    let (of, len) = match (layout.carried, &layout.kind) {
        (Carried::Held(hold), _) => return each(hold, at),
        (_, Kind::Struct { fields, .. }) => {
            return fields
                .iter()
                .try_for_each(|field| hold_each(field.layout, at + field.offset, tail, each));
        }
        (_, &Kind::Array { of, len }) => (of, len),
        (_, &Kind::Tail { of }) => (of, tail),
        (_, Kind::Scalar(_) | Kind::Atomic(_) | Kind::Enum { .. }) => return Ok(()),
    };
    if !layout_needs_hold(of) {
        return Ok(());
    }
    (0..len).try_for_each(|i| hold_each(of, at + i * of.size, tail, each))
}

/// Copies the `fields` of the struct at the start of `from` into that at the start of `to`, which has them at the same places;
/// of a slice at its end, the first `len` elements.
///
/// Each scalar is copied by one atomic access on each side, and what is written meanwhile may be taken or not. A lock is free
/// in `to`; if it was held, or its value was half-changed, the next to lock it is told that a holder died. Of a sequence
/// lock, a value is taken that was written as a whole. Of what has to be [held](hold), the caller does it.
///
/// # Panics
///
/// If the fields are not within both, or `to` cannot be written.
pub(crate) fn carry(fields: &[Field], len: usize, from: Region<'_>, to: Region<'_>) {
    let regions = Regions { from, to, len };
    for field in fields {
        regions.carry(field.layout, field.offset);
    }
}

#[derive(Clone, Copy)]
struct Regions<'a> {
    from: Region<'a>,
    to: Region<'a>,
    /// Of the slice at the end.
    len: usize,
}

impl Regions<'_> {
    fn carry(self, layout: &Layout, at: usize) {
        match (layout.carried, &layout.kind) {
            (Carried::Unlocked, Kind::Struct { fields: [word, abandoned, value, ..], .. }) => {
                let is_held = || self.load(Scalar::U32, at + word.offset) != 0;
                let held = is_held();
                fence(Acquire);
                self.carry(value.layout, at + value.offset);
                fence(Acquire);
                let left = self.load(Scalar::U32, at + abandoned.offset) & u64::from(ABANDONED) != 0;
                let half_changed = held || is_held() || left;
                self.store(Scalar::U32, at + abandoned.offset, u64::from(half_changed));
            }
            (Carried::Latest, Kind::Struct { fields: [sequence, slots, ..], .. }) => {
                let Kind::Array { of, .. } = slots.layout.kind else { return };
                let sequence = at + sequence.offset;
                for _ in 0..ATTEMPTS {
                    let before = self.load(Scalar::U64, sequence);
                    fence(Acquire);
                    let slot = usize::from(before & 1 != 0) * of.size;
                    self.carry(of, at + slots.offset + slot);
                    self.store(Scalar::U64, sequence, before);
                    fence(Acquire);
                    if self.load(Scalar::U64, sequence) == before {
                        break;
                    }
                }
            }
            (Carried::Nothing, _) => {}
            // A value is overwritten only after the receiver's count has moved past it: so those from that count on, as it is after the
            // copy, are whole, up to the sender's, as it was before it.
            (Carried::Passed, Kind::Struct { fields: [ends, rest @ ..], .. }) => {
                let Kind::Struct { fields: [sender, receiver, ..], .. } = ends.layout.kind else { return };
                let [sent_at, received_at] = [sender, receiver].map(|end| at + ends.offset + end.offset);
                let sent = self.load(Scalar::U64, sent_at);
                fence(Acquire);
                rest.iter().for_each(|field| self.carry(field.layout, at + field.offset));
                fence(Acquire);
                let received = self.load(Scalar::U64, received_at);
                // What was sent meanwhile may have been received, too.
                let is_past = received.wrapping_sub(sent) <= u64::MAX / 2;
                self.store(Scalar::U64, sent_at, if is_past { received } else { sent });
                self.store(Scalar::U64, received_at, received);
            }
            (Carried::Held(_), Kind::Struct { fields: [lock, rest @ ..], .. }) => {
                if let Kind::Struct { fields: [.., value], .. } = lock.layout.kind {
                    self.carry(value.layout, at + lock.offset + value.offset);
                }
                rest.iter().for_each(|field| self.carry(field.layout, at + field.offset));
            }
            (Carried::Given(give_back), Kind::Struct { fields, .. }) => {
                fields.iter().for_each(|field| self.carry(field.layout, at + field.offset));
                give_back(self.to, at);
            }
            (Carried::Still, Kind::Struct { fields, .. }) => {
                let still = (0..STILL).any(|_| {
                    fields.iter().for_each(|field| self.carry(field.layout, at + field.offset));
                    fence(Acquire);
                    self.scalars(layout, at, &mut |scalar, at| {
                        self.load(scalar, at) == Regions { from: self.to, ..self }.load(scalar, at)
                    })
                });
                if !still {
                    self.scalars(layout, at, &mut |scalar, at| {
                        self.store(scalar, at, 0);
                        true
                    });
                }
            }
            (_, &Kind::Scalar(scalar) | &Kind::Atomic(scalar) | &Kind::Enum { repr: scalar, .. }) => {
                self.store(scalar, at, self.load(scalar, at));
            }
            (_, &Kind::Array { of, len }) => self.carry_elements(of, len, at),
            (_, &Kind::Tail { of }) => self.carry_elements(of, self.len, at),
            (_, Kind::Struct { fields, .. }) => {
                for field in *fields {
                    self.carry(field.layout, at + field.offset);
                }
            }
        }
    }

    fn carry_elements(self, of: &Layout, len: usize, at: usize) {
        for i in 0..len {
            self.carry(of, at + i * of.size);
        }
    }

    /// Whether `each` is true of all scalars that are carried as they are.
    fn scalars(self, layout: &Layout, at: usize, each: &mut dyn FnMut(Scalar, usize) -> bool) -> bool {
        let mut elements =
            |of: &Layout, len: usize| (0..len).all(|i| self.scalars(of, at + i * of.size, each));
        match (layout.carried, &layout.kind) {
            (Carried::Nothing | Carried::Latest, _) => true,
            (Carried::Unlocked, Kind::Struct { fields: [_, _, value, ..], .. }) => {
                self.scalars(value.layout, at + value.offset, each)
            }
            (_, &Kind::Scalar(scalar) | &Kind::Atomic(scalar) | &Kind::Enum { repr: scalar, .. }) => {
                each(scalar, at)
            }
            (_, &Kind::Array { of, len }) => elements(of, len),
            (_, &Kind::Tail { of }) => elements(of, self.len),
            (_, Kind::Struct { fields, .. }) => {
                fields.iter().all(|field| self.scalars(field.layout, at + field.offset, each))
            }
        }
    }

    /// The scalar of `from`, its bits in the low bits.
    fn load(self, scalar: Scalar, at: usize) -> u64 {
        let from = place(self.from, scalar, at);
        let mut bits = 0_u64;
        let to = (&raw mut bits).cast::<u8>();
        // SAFETY: `from` is the place of a scalar of this width in a region: readable, aligned, and accessed by atomics only
        // (`Region::new`). `bits` is private, writable, and as large and aligned as any scalar.
        unsafe { copy::<Load>(scalar, from, to) };
        if cfg!(target_endian = "big") { bits >> unused(scalar) } else { bits }
    }

    fn store(self, scalar: Scalar, at: usize, bits: u64) {
        assert!(self.to.is_writable(), "the region is read-only");
        let to = place(self.to, scalar, at);
        let bits = if cfg!(target_endian = "big") { bits << unused(scalar) } else { bits };
        // SAFETY: `to` is the place of a scalar of this width in a region that can be written: aligned, and accessed by atomics
        // only (`Region::new`). `bits` is private, initialised, and as large and aligned as any scalar.
        unsafe { copy::<Store>(scalar, (&raw const bits).cast(), to) };
    }
}

/// The bits of a `u64` that a scalar leaves unused.
fn unused(scalar: Scalar) -> usize {
    64 - 8 * scalar.size()
}

/// Where the scalar at this offset of a region is.
fn place(region: Region<'_>, scalar: Scalar, at: usize) -> *mut u8 {
    let size = scalar.size();
    // A region begins at a page, to which every scalar is aligned.
    assert!(at % size == 0 && at <= region.size() && size <= region.size() - at, "outside of the segment");
    // SAFETY: within the region, as was just asserted.
    unsafe { region.base().add(at) }.as_ptr()
}

/// Copies one scalar.
///
/// # Safety
///
/// As for [`Direction`], for the width of the scalar.
unsafe fn copy<D: Direction>(scalar: Scalar, from: *const u8, to: *mut u8) {
    // SAFETY: the caller says it of this width.
    unsafe {
        match scalar.size() {
            1 => D::copy_8(from, to),
            2 => D::copy_16(from.cast(), to.cast()),
            4 => D::copy_32(from.cast(), to.cast()),
            _ => D::copy_64(from.cast(), to.cast()),
        }
    }
}
