//! The structs that the tests and the peer share.

pub mod ipc;
pub mod processes;
pub mod rings;
pub mod seal;
pub mod sync;
pub mod upgrade;

use std::sync::atomic::{AtomicBool, AtomicU64};

use shm_runtime::{Access, Shareable, Shared, SharedSegment};

/// What the peer plays with.
#[derive(Shareable)]
#[repr(C)]
pub struct Part {
    /// Counted up.
    pub counter: AtomicU64,
    /// Set and read.
    pub value: u64,
    /// Ends the flickering.
    pub stop: AtomicBool,
    /// Set to one of two values all the time, while it flickers.
    pub flicker: Flicker,
    /// Bytes of any value.
    pub flags: Flags,
    /// An atomic byte of any value.
    pub atomic_flag: AtomicBool,
    /// Letters and states, or not.
    pub readings: [Reading; 2],
    /// Text, or not.
    pub text: [u8; 16],
}

/// What any byte is a value of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Shareable)]
#[repr(C)]
#[allow(missing_docs)]
pub struct Flags {
    pub one: bool,
    pub more: [bool; 3],
}

/// What not every byte is a value of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Shareable)]
#[repr(C)]
#[allow(missing_docs)]
pub struct Reading {
    pub letter: char,
    pub states: [State; 3],
}

/// Every width of scalar.
#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(C)]
#[allow(missing_docs)]
pub struct Flicker {
    pub u64: u64,
    pub f64: f64,
    pub u32: u32,
    pub u16: u16,
    pub row: [u64; 9],
}

impl Flicker {
    /// Every byte is this one, and so any mixture of two is neither.
    pub fn of(byte: u8) -> Self {
        Self {
            u64: u64::from_ne_bytes([byte; 8]),
            f64: f64::from_bits(u64::from_ne_bytes([byte; 8])),
            u32: u32::from_ne_bytes([byte; 4]),
            u16: u16::from_ne_bytes([byte; 2]),
            row: [u64::from_ne_bytes([byte; 8]); 9],
        }
    }
}

/// An enum with gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Shareable)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum State {
    Off = 0,
    On = 1,
    Broken = 200,
}

/// A segment as the derive makes it by default.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Board {
    /// All of it.
    pub part: Part,
}

/// A segment of exactly the struct's size.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
pub struct Bare {
    /// All of it.
    pub part: Part,
}

/// A segment whose first field is a [`Part`].
pub trait Whole: SharedSegment {
    /// The field.
    fn part<A: Access>(shared: &Shared<Self, A>) -> &Shared<Part, A>;
}

impl Whole for Board {
    fn part<A: Access>(shared: &Shared<Self, A>) -> &Shared<Part, A> {
        &shared.part
    }
}

impl Whole for Bare {
    fn part<A: Access>(shared: &Shared<Self, A>) -> &Shared<Part, A> {
        &shared.part
    }
}
