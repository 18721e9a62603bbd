//! What the tests of `sync` and their peer share: the structs.

#![allow(dead_code)] // each test uses a part of it

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use shm_runtime::{RemoveOnDrop, Segment, Shareable, SharedSegment, sync};

/// Longer than anything here takes; what takes longer hangs.
pub(crate) const HANGS: Duration = Duration::from_secs(60);

/// The segment of the tests: locks in every place a struct has for them, and counters to meet by.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
pub(crate) struct Board {
    pub(crate) first: sync::Mutex<Totals>,
    pub(crate) second: sync::Mutex<u64>,
    pub(crate) many: [sync::Mutex<u32>; 3],
    pub(crate) part: Part<f32>,
    pub(crate) frame: sync::SeqLock<Frame>,
    pub(crate) ping: sync::Event,
    pub(crate) pong: sync::Event,
    pub(crate) round: AtomicU64,
    /// How many have arrived somewhere.
    pub(crate) arrived: AtomicU32,
    /// What the test lets them do.
    pub(crate) go: AtomicU32,
    /// Deaths that were reported.
    pub(crate) reports: AtomicU32,
    /// Reads, or anything else that is counted.
    pub(crate) done: AtomicU64,
}

/// A nested struct with a type parameter.
#[derive(Shareable)]
#[repr(C)]
pub(crate) struct Part<T> {
    pub(crate) before: u8,
    pub(crate) lock: sync::Mutex<T>,
}

/// The count of increments, twice: by itself, and by who made them.
#[derive(Clone, Copy, Debug, Shareable)]
#[repr(C)]
pub(crate) struct Totals {
    pub(crate) count: u64,
    pub(crate) by: [u64; 8],
}

/// 4 KiB that show whether they are of one piece.
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub(crate) struct Frame {
    pub(crate) number: u64,
    pub(crate) pixels: [u64; 510],
    pub(crate) checksum: u64,
}

impl Frame {
    pub(crate) fn new(number: u64) -> Self {
        let mut pixel = number;
        let pixels = [(); 510].map(|()| {
            pixel = pixel.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) ^ number;
            pixel
        });
        let mut frame = Self { number, pixels, checksum: 0 };
        frame.checksum = frame.sum();
        frame
    }

    pub(crate) fn sum(&self) -> u64 {
        self.pixels.iter().fold(self.number, |sum, pixel| sum.rotate_left(7) ^ pixel)
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.checksum == self.sum()
    }
}

/// The same memory to somebody who respects no lock.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare, size = size_of::<Board>())]
pub(crate) struct Raw {
    pub(crate) first: RawMutex<Totals>,
    pub(crate) second: RawMutex<u64>,
    pub(crate) many: [RawMutex<u32>; 3],
    pub(crate) part: RawPart,
    pub(crate) sequence: AtomicU64,
    pub(crate) slots: [Frame; 2],
    pub(crate) writer: AtomicU64,
    pub(crate) process: AtomicU64,
    pub(crate) writing: AtomicU64,
    pub(crate) ping: AtomicU32,
    pub(crate) pong: AtomicU32,
    pub(crate) rest: [u64; 4],
}

#[derive(Shareable)]
#[repr(C)]
pub(crate) struct RawMutex<T> {
    pub(crate) word: AtomicU32,
    pub(crate) abandoned: AtomicU32,
    pub(crate) value: T,
}

#[derive(Shareable)]
#[repr(C)]
pub(crate) struct RawPart {
    pub(crate) before: u8,
    pub(crate) lock: RawMutex<f32>,
}

/// A new segment, removed at the end, and its peers' id.
pub(crate) fn board() -> RemoveOnDrop<Segment<Board>> {
    Board::create().unwrap().remove_on_drop()
}

/// The segment as somebody else sees it who overwrites the words.
pub(crate) fn raw(segment: &Segment<Board>) -> shm_runtime::Attached<Raw> {
    Segment::<Raw>::from_id(segment.id()).unwrap().attach().unwrap()
}

/// Waits until this is so, and fails if it never is.
#[track_caller]
pub(crate) fn eventually(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < HANGS, "this takes too long");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Waits until this many have arrived.
#[track_caller]
pub(crate) fn arrive(board: &shm_runtime::Attached<Board>, how_many: u32) {
    eventually(|| board.arrived.load(SeqCst) >= how_many);
}
