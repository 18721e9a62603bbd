//! The structs of the tests of values that are passed on: the latest one, queues, rings.

#![allow(missing_docs, reason = "the names say it")]

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use shm_runtime::{Shareable, SharedSegment, sync};

/// 64 bytes that show whether they are of one piece.
#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(C)]
pub struct Item {
    pub number: u64,
    words: [u64; 7],
}

impl Item {
    pub fn new(number: u64) -> Self {
        let mut word = number;
        let words = [(); 7].map(|()| {
            word = word.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) ^ number;
            word
        });
        Self { number, words }
    }

    pub fn is_whole(&self) -> bool {
        *self == Self::new(self.number)
    }
}

/// A latest value.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
pub struct Newest {
    pub item: sync::Latest<Item>,
    /// How many have arrived somewhere.
    pub arrived: AtomicU64,
}

/// A queue of one sender and one receiver, so short that both wait for each other.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
pub struct Wire {
    pub items: sync::SpscQueue<Item, 8>,
    /// The number of the last value that the receiver has seen, and used.
    pub used: AtomicU64,
}

/// The same memory, to a program that respects no protocol.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare, size = size_of::<Wire>())]
pub struct RawWire {
    pub sender: RawSide,
    pub receiver: RawSide,
    /// `sent` and `received`.
    pub bells: [AtomicU32; 2],
    pub unused: [u64; 7],
    pub slots: [[u64; 8]; 8],
    pub used: [u64; 8],
}

#[derive(Shareable)]
#[repr(C)]
pub struct RawSide {
    pub count: AtomicU64,
    pub apart: [u64; 7],
    pub writer: AtomicU64,
    pub rest: [u64; 7],
}

/// A ring so short that readers miss values.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
pub struct Feed {
    pub items: sync::Ring<Item, 8>,
    pub arrived: AtomicU64,
    /// Values that were read, and that were missed, by all.
    pub read: AtomicU64,
    pub missed: AtomicU64,
    /// Ends the readers.
    pub stop: AtomicU64,
}

/// The same memory, to a program that respects no protocol.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare, size = size_of::<Feed>())]
pub struct RawFeed {
    pub count: AtomicU64,
    pub bell: AtomicU32,
    pub unused: u32,
    pub apart: [u64; 6],
    pub writer: AtomicU64,
    pub rest: [u64; 7],
    pub slots: [[u64; 8]; 8],
    pub counters: [u64; 8],
}

/// The message with this number, up to so many bytes long: its number, and bytes that follow from that. One that is too short for
/// the number has none.
pub fn message(number: u64, longest: u64) -> Vec<u8> {
    let Item { number: mix, words } = Item::new(number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17));
    let len = usize::try_from(mix % (longest + 1)).unwrap_or(0);
    let bytes = number.to_ne_bytes().into_iter().chain(words.into_iter().flat_map(u64::to_ne_bytes).cycle());
    bytes.take(len).collect()
}

/// A queue of messages of any length, so short that both ends wait for each other, and so long that it ends anywhere in one.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
pub struct ByteWire {
    pub lines: sync::ByteQueue<217>,
    /// How many bytes the receiver has received, and used.
    pub used: AtomicU64,
}

/// Bytes of the longest message that is sent there.
pub const WIRE_LONGEST: u64 = 150;

/// The same memory, to a program that respects no protocol.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare, size = size_of::<ByteWire>())]
pub struct RawByteWire {
    pub sender: RawSide,
    pub receiver: RawSide,
    /// `sent` and `received`.
    pub bells: [AtomicU32; 2],
    pub unused: [u64; 7],
    pub bytes: [u8; 217],
    pub padding: [u8; 39],
    pub used: [u64; 8],
}

/// A ring of messages of any length, so short that readers miss some.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
pub struct ByteFeed {
    pub lines: sync::ByteRing<1003>,
    pub arrived: AtomicU64,
    /// Messages that were read, and that were missed, by all.
    pub read: AtomicU64,
    pub missed: AtomicU64,
    /// Ends the readers.
    pub stop: AtomicU64,
}

/// Bytes of the longest message that is written there.
pub const FEED_LONGEST: u64 = 300;

/// The same memory, to a program that respects no protocol.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare, size = size_of::<ByteFeed>())]
pub struct RawByteFeed {
    pub count: AtomicU64,
    pub tail: AtomicU64,
    pub bell: AtomicU32,
    pub unused: u32,
    pub beside: [u64; 5],
    pub role: [u64; 8],
    /// Of an even count and an odd one: where the next message begins, and where to go on.
    pub marks: [[AtomicU64; 2]; 2],
    pub more: [u64; 4],
    pub bytes: [u8; 1003],
    pub padding: [u8; 21],
    pub counters: [u64; 8],
}

/// As many jobs as are accounted for.
pub const JOBS: usize = 1 << 20;

/// A queue of jobs, so short that it is full and empty all the time, and the account of each.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
pub struct Office {
    pub jobs: sync::Queue<Item, 8>,
    /// The number of the last job that a sender began with, and the one that they may not go past.
    pub issued: AtomicU64,
    pub limit: AtomicU64,
    /// How many were received.
    pub received: AtomicU64,
    /// How many were received a second time without a mark, or were not of one piece.
    pub wrong: AtomicU64,
    /// How many were received with the mark.
    pub again: AtomicU64,
    /// Of each job, whether `send` has said that it was accepted, and how often it was received.
    pub accepted: [AtomicU8; JOBS],
    pub counts: [AtomicU8; JOBS],
}

/// The same memory, to a program that respects no protocol.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare, size = size_of::<Office>())]
pub struct RawOffice {
    pub word: AtomicU32,
    pub abandoned: AtomicU32,
    /// `head`, `next` and `tail`.
    pub positions: [AtomicU64; 3],
    pub unused: [u64; 4],
    pub bells: [AtomicU32; 2],
    pub more: [u64; 7],
    pub slots: [RawSlot; 8],
    pub counters: [u64; 5],
    pub jobs: [u8; 2 * JOBS],
    pub rest: [u64; 3],
}

#[derive(Shareable)]
#[repr(C)]
pub struct RawSlot {
    pub state: AtomicU64,
    pub marks: [AtomicU64; 4],
    pub value: [u64; 8],
}

/// A ring whose capacity is chosen at run time.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct LongFeed {
    pub ring: sync::RingHead,
    pub items: [Item],
}

/// A queue of one sender and one receiver whose capacity is chosen at run time.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct LongWire {
    pub queue: sync::SpscHead,
    pub items: [Item],
}

/// A queue of jobs whose capacity is chosen at run time.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct LongOffice {
    pub queue: sync::QueueHead,
    /// How many jobs a process has taken to keep them.
    pub kept: AtomicU64,
    pub jobs: [sync::QueueSlot<Item>],
}

/// A ring of messages whose size is chosen at run time.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct LongByteFeed {
    pub ring: sync::ByteRingHead,
    pub bytes: [u8],
}

/// A queue of messages whose size is chosen at run time.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct LongByteWire {
    pub queue: sync::ByteQueueHead,
    pub bytes: [u8],
}

/// How many values or messages are passed on through each of these.
pub const PASSED_ON: u64 = 5_000;
