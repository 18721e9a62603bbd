//! The structs of the tests of the seal.

#![allow(missing_docs, reason = "the names say it")]

use std::sync::atomic::AtomicU32;

use shm_runtime::SharedSegment;

/// Filled by an initialiser that can be caught in the middle.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Cell {
    /// How often it was initialised.
    pub inits: AtomicU32,
    pub counter: AtomicU32,
    pub pattern: [u64; 16],
}

/// What the initialiser makes of `pattern`.
pub fn pattern(i: usize) -> u64 {
    u64::try_from(i + 1).unwrap_or_default().wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// What a C program would make.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
pub struct Raw {
    pub counter: AtomicU32,
}
