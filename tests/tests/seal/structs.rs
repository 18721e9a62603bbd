//! The structs that tests and peers share.

// Each test uses a part of it.
#![allow(dead_code)]

use std::sync::atomic::AtomicU32;

use shm_runtime::SharedSegment;

/// Filled by an initialiser that can be caught in the middle.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub(crate) struct Cell {
    /// How often it was initialised.
    pub(crate) inits: AtomicU32,
    pub(crate) counter: AtomicU32,
    pub(crate) pattern: [u64; 16],
}

/// What the initialiser makes of `pattern`.
pub(crate) fn pattern(i: usize) -> u64 {
    u64::try_from(i + 1).unwrap_or_default().wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// What a C program would make.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
pub(crate) struct Raw {
    pub(crate) counter: AtomicU32,
}
