//! A crate.
#![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction, clippy::cargo)]
#![allow(clippy::blanket_clippy_restriction_lints, reason = "the point")]
#![allow(
    clippy::cargo_common_metadata,
    clippy::wildcard_dependencies,
    clippy::multiple_crate_versions,
    clippy::implicit_return,
    reason = "not of the derive"
)]
use core::sync::atomic::AtomicU64;
use shm_runtime::{Shareable, SharedSegment};

/// Wind.
#[derive(Debug, Clone, Copy, Shareable)]
#[repr(C)]
#[non_exhaustive]
pub struct Wind {
    /// Degrees.
    degrees: u16,
    /// Gust.
    gust: bool,
}

/// Sky.
#[derive(Debug, Clone, Copy, Shareable)]
#[repr(u8)]
#[non_exhaustive]
pub enum Sky {
    /// Clear.
    Clear = 1,
    /// Rain.
    Rain = 2,
}

/// Pair.
#[derive(Debug, Clone, Copy, Shareable)]
#[repr(C)]
#[non_exhaustive]
pub struct Pair<Item> {
    /// Left.
    left: Item,
    /// Right.
    right: Item,
}

/// Station.
#[derive(Debug, SharedSegment)]
#[repr(C)]
#[shm(ftok(path = "/etc/hostname", project = b'W'), mode = 0o640, size = 88, align = 8, trust = 1000)]
#[non_exhaustive]
pub struct Station {
    /// Count.
    #[shm(offset = 0)]
    count: AtomicU64,
    /// Wind.
    wind: Wind,
    /// Pair.
    pair: Pair<f64>,
    /// Sky.
    sky: Sky,
    /// Name.
    name: [u8; 48],
}
