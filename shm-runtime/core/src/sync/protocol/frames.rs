//! The protocol of the ring of bytes: messages of any length, one after the other, of which the oldest make room for new ones.
//!
//! A position counts bytes since the beginning: byte p is in place p modulo the capacity. A message is a frame: a header,
//! and its bytes. How many messages were published is the sequence number of a sequence lock, whose value is where the next frame
//! begins, and where a reader goes on that was too slow.
//!
//! The writer may overwrite a frame only after it has moved `tail` past it, the position of the oldest frame that is whole. So
//! a reader looks at the tail after it has copied. The tail moves before the frame is written that needs the room: if the
//! writer dies in between, all from the tail to the end is whole, and the next writer goes on there.

use super::ring::{Absent, published};
use super::seqlock::{self as latch, Words};
use crate::sync::atomic::{Acquire, AtomicU64, Relaxed, Release, fence};

/// What is before the bytes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// How many bytes there are.
    pub(crate) len: u32,
    /// The low bits of the message's number. No ring has 2^32 messages at a time.
    pub(crate) number: u32,
}

impl Header {
    /// Bytes of a header.
    pub(crate) const SIZE: u64 = 8;

    /// Bytes of the frame.
    fn frame(self) -> u64 {
        Self::SIZE + u64::from(self.len)
    }
}

/// Where a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// How many messages are before it.
    pub(crate) number: u64,
    /// How many bytes.
    pub(crate) at: u64,
}

/// The low bits of a number.
pub(crate) fn low(number: u64) -> u32 {
    // The mask leaves 32 bits.
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or(0)
}

/// The words of a ring of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Frames<'a> {
    /// How many messages were published.
    pub(crate) count: &'a AtomicU64,
    /// Where the oldest frame begins.
    pub(crate) tail: &'a AtomicU64,
    /// Of an even count and of an odd one: where the next frame begins, and where to go on, which is not more than half of the
    /// capacity before it unless the last frame is.
    pub(crate) marks: [[&'a AtomicU64; 2]; 2],
    /// How many bytes there are; more than a header, and not more than a `u32` can say.
    pub(crate) capacity: u64,
}

impl Frames<'_> {
    fn marks(&self, count: u64) -> [&AtomicU64; 2] {
        self.marks[usize::from(count & 1 != 0)]
    }

    /// Publishes a message, if `role` is that of the writer: `store` writes its frame, of `size` bytes and at most the capacity,
    /// where it is told. `header` reads the header at a position.
    #[inline]
    pub(crate) fn write(
        self,
        words: Words<'_>,
        role: u64,
        size: u64,
        header: impl FnMut(u64) -> Header,
        store: impl FnOnce(Place),
    ) -> bool {
        words.advance(role, || {
            let number = words.following();
            let [at, go_on] = self.marks(number).map(|mark| mark.load(Relaxed));
            self.make_room(at, size, header);
            store(Place { number, at });
            let end = at.wrapping_add(size);
            let go_on = if end.wrapping_sub(go_on) > self.capacity / 2 { at } else { go_on };
            let [end_mark, go_on_mark] = self.marks(number.wrapping_add(1));
            end_mark.store(end, Relaxed);
            go_on_mark.store(go_on, Relaxed);
            number.wrapping_add(1)
        })
    }

    /// Moves the tail past the frames whose bytes are needed. What another process wrote over the headers, or the tail, makes
    /// that all frames.
    #[inline]
    fn make_room(self, end: u64, size: u64, mut header: impl FnMut(u64) -> Header) {
        let before = self.tail.load(Relaxed);
        let mut tail = before;
        loop {
            let there = end.wrapping_sub(tail);
            if there > self.capacity {
                tail = end;
            } else if size <= self.capacity - there {
                break;
            } else {
                let oldest = header(tail).frame();
                tail = if oldest <= there { tail.wrapping_add(oldest) } else { end };
            }
        }
        if tail != before {
            self.tail.store(tail, Relaxed);
            // A reader that sees anything of what is now stored sees the tail before it, too.
            fence(Release);
        }
    }

    /// Reads the message at a place: `load` reads the frame there, of which nothing is known until this returns.
    ///
    /// Loads are relaxed with fences beside them, because pages that are mapped read-only allow no other.
    #[inline]
    pub(crate) fn read<R>(self, from: Place, load: impl FnOnce() -> R) -> Result<R, Absent> {
        let published = published(self.count);
        let behind = published.wrapping_sub(from.number);
        if behind == 0 {
            return Err(Absent::NotYet);
        }
        if behind > self.capacity / Header::SIZE {
            return Err(Absent::Overwritten { published });
        }
        let loaded = load();
        if self.is_overwritten(from.at) { Err(Absent::Overwritten { published }) } else { Ok(loaded) }
    }

    /// Whether anything of the frame at this position may have been overwritten before it was loaded.
    fn is_overwritten(self, at: u64) -> bool {
        // If anything that was loaded was of a later frame, sees the tail that was stored before it.
        fence(Acquire);
        self.tail.load(Relaxed) > at
    }

    /// The place of the next message that will be written, and the position where a reader goes on that was too slow. Another
    /// process's writing is the only way to `None`, or a writer that is faster every time.
    pub(crate) fn newest(self) -> Option<(Place, u64)> {
        let (number, [at, go_on]) =
            latch::read(self.count, |slot| self.marks[slot].map(|mark| mark.load(Relaxed)))?;
        Some((Place { number, at }, go_on))
    }

    /// The place of the oldest message.
    pub(crate) fn oldest(self, header: impl FnOnce(u64) -> Header) -> Option<Place> {
        let tail = self.tail.load(Relaxed);
        // Sees the messages that were published before the tail was moved there: it looks at the count again after a fence.
        let (newest, _) = self.newest()?;
        Some(self.place(tail, newest, header))
    }

    /// Which message is at this position, before a newer one; that one if there is none any more.
    pub(crate) fn place(self, at: u64, newest: Place, header: impl FnOnce(u64) -> Header) -> Place {
        let there = newest.at.wrapping_sub(at);
        if there == 0 || there > self.capacity {
            return newest;
        }
        let behind = u64::from(low(newest.number).wrapping_sub(header(at).number));
        // Each message before the newest has a frame.
        if behind == 0 || behind > there / Header::SIZE || self.is_overwritten(at) {
            return newest;
        }
        Place { number: newest.number.wrapping_sub(behind), at }
    }
}
