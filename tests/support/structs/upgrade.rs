//! Two versions of one struct.

#![allow(missing_docs, reason = "the names say it")]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use shm_runtime::{Access, Readable, Shareable, Shared, SharedSegment, sync};

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
