//! Two versions of one struct.

#![allow(missing_docs, reason = "the names say it")]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use shm_runtime::{Access, Readable, Shareable, Shared, SharedSegment, sync};

use super::rings::Item;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Shareable)]
#[repr(C)]
pub struct Pair {
    pub low: u64,
    pub high: u64,
}

/// As an old program has it.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "Ledger")]
pub struct Old {
    pub count: AtomicU64,
    pub pattern: [u64; 16],
    pub total: sync::Mutex<Pair>,
    pub last: sync::SeqLock<Pair>,
    pub valid: bool,
    pub letter: char,
}

/// As a new one has it: in the padding at the end of the old one, too.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "Ledger")]
pub struct New {
    pub count: AtomicU64,
    pub pattern: [u64; 16],
    pub total: sync::Mutex<Pair>,
    pub last: sync::SeqLock<Pair>,
    pub valid: bool,
    pub letter: char,
    pub inits: AtomicU32,
    pub added: [u64; 600],
}

/// Values that are passed on, as an old program has them.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "Passed")]
pub struct OldPassed {
    pub latest: sync::Latest<Pair>,
    pub ring: sync::Ring<Pair, 4>,
    pub wire: sync::SpscQueue<Pair, 4>,
    pub jobs: sync::Queue<Pair, 4>,
    pub feed: sync::ByteRing<100>,
    pub lines: sync::ByteQueue<100>,
}

/// As a new one has them.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "Passed")]
pub struct NewPassed {
    pub latest: sync::Latest<Pair>,
    pub ring: sync::Ring<Pair, 4>,
    pub wire: sync::SpscQueue<Pair, 4>,
    pub jobs: sync::Queue<Pair, 4>,
    pub feed: sync::ByteRing<100>,
    pub lines: sync::ByteQueue<100>,
    pub added: u64,
}

/// Values and messages that two processes pass on without a pause, as an old program has them: so many that copying them takes a while.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "Streams")]
pub struct OldStreams {
    pub wire: sync::SpscQueue<Item, 500>,
    pub lines: sync::ByteQueue<40_009>,
    /// The number of the last value and message that were sent, and that were received.
    pub sent: AtomicU64,
    pub used: AtomicU64,
}

/// As a new one has them.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "Streams")]
pub struct NewStreams {
    pub wire: sync::SpscQueue<Item, 500>,
    pub lines: sync::ByteQueue<40_009>,
    pub sent: AtomicU64,
    pub used: AtomicU64,
    pub added: u64,
}

/// One whose length changes.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Series {
    pub count: AtomicU64,
    pub values: [u64],
}

/// What the initialiser makes of each of `added`.
pub const ADDED: u64 = 0x5e7;

/// The values of an old segment, as of one that counted to `count`.
pub fn fill(old: &Shared<Old>, count: u64) {
    old.count.store(count, Relaxed);
    for (i, value) in (count..).enumerate().take(16) {
        old.pattern[i].set(value);
    }
    old.valid.set(true);
    old.letter.set('ß');
}

/// What gives the new fields their values.
pub fn init(new: &Shared<New>) {
    new.inits.fetch_add(1, Relaxed);
    for i in 0..new.added.len() {
        new.added[i].set(ADDED);
    }
}

/// Whether the old values are those that `fill` wrote.
pub fn is_whole<A: Access + Readable>(count: u64, pattern: &Shared<[u64; 16], A>) -> bool {
    (count..).enumerate().take(16).all(|(i, value)| pattern[i].get() == value)
}
