//! The structs of the tests of values that are passed on: the latest one, queues, rings.

#![allow(missing_docs, reason = "the names say it")]

use std::sync::atomic::AtomicU64;

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
