//! The structs of the tests of `sync`.

#![allow(missing_docs, reason = "the names say it")]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

use shm_runtime::{Attached, RemoveOnDrop, Segment, Shareable, SharedSegment, sync};

use crate::eventually;

/// The segment of the tests: locks in every place a struct has for them, and counters to meet by.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
pub struct Board {
    pub first: sync::Mutex<Totals>,
    pub second: sync::Mutex<u64>,
    pub many: [sync::Mutex<u32>; 3],
    pub part: Part<f32>,
    pub frame: sync::SeqLock<Frame>,
    pub ping: sync::Event,
    pub pong: sync::Event,
    pub round: AtomicU64,
    /// How many have arrived somewhere.
    pub arrived: AtomicU32,
    /// What the test lets them do.
    pub go: AtomicU32,
    /// Deaths that were reported.
    pub reports: AtomicU32,
    /// Reads, or anything else that is counted.
    pub done: AtomicU64,
}

/// A nested struct with a type parameter.
#[derive(Shareable)]
#[repr(C)]
pub struct Part<T> {
    pub before: u8,
    pub lock: sync::Mutex<T>,
}

/// The count of increments, twice: by itself, and by the process that made them.
#[derive(Clone, Copy, Debug, Shareable)]
#[repr(C)]
pub struct Totals {
    pub count: u64,
    pub by: [u64; 8],
}

/// 4 KiB that show whether they are of one piece.
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct Frame {
    pub number: u64,
    pub pixels: [u64; 510],
    pub checksum: u64,
}

impl Frame {
    pub fn new(number: u64) -> Self {
        let mut pixel = number;
        let pixels = [(); 510].map(|()| {
            pixel = pixel.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) ^ number;
            pixel
        });
        let mut frame = Self { number, pixels, checksum: 0 };
        frame.checksum = frame.sum();
        frame
    }

    pub fn sum(&self) -> u64 {
        self.pixels.iter().fold(self.number, |sum, pixel| sum.rotate_left(7) ^ pixel)
    }

    pub fn is_whole(&self) -> bool {
        self.checksum == self.sum()
    }
}

/// The same memory, to a program that respects no lock.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare, size = size_of::<Board>())]
pub struct Raw {
    pub first: RawMutex<Totals>,
    pub second: RawMutex<u64>,
    pub many: [RawMutex<u32>; 3],
    pub part: RawPart,
    pub sequence: AtomicU64,
    pub slots: [Frame; 2],
    pub writer: AtomicU64,
    pub process: AtomicU64,
    pub namespace: AtomicU64,
    pub writing: AtomicU64,
    pub ping: AtomicU32,
    pub pong: AtomicU32,
    pub rest: [u64; 4],
}

#[derive(Shareable)]
#[repr(C)]
pub struct RawMutex<T> {
    pub word: AtomicU32,
    pub abandoned: AtomicU32,
    pub value: T,
}

#[derive(Shareable)]
#[repr(C)]
pub struct RawPart {
    pub before: u8,
    pub lock: RawMutex<f32>,
}

/// A new segment, removed at the end, and its peers' id.
///
/// # Panics
///
/// If it cannot be created.
pub fn board() -> RemoveOnDrop<Segment<Board>> {
    Board::create().unwrap().remove_on_drop()
}

/// The segment as a program sees it that overwrites the words.
///
/// # Panics
///
/// If it cannot be attached.
pub fn raw(segment: &Segment<Board>) -> Attached<Raw> {
    Segment::<Raw>::from_id(segment.id()).unwrap().attach().unwrap()
}

/// Waits until this many have arrived.
///
/// # Panics
///
/// If they do not arrive.
#[track_caller]
pub fn arrive(board: &Attached<Board>, how_many: u32) {
    eventually(|| board.arrived.load(SeqCst) >= how_many);
}
