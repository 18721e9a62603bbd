//! Crate.
#![deny(rustdoc::all, missing_docs, warnings)]

use shm_runtime::{Shareable, SharedSegment};

/// Hidden.
#[doc(hidden)]
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct Internal {
    /// x
    pub x: u8,
}

/// A station.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "Wetter")]
pub struct Station {
    #[doc = include_str!("field.md")]
    pub celsius: f64,
    /// See [`reset`](Self::reset), [`Self::LEN`] and [`Station::celsius`].
    ///
    /// ```
    /// assert_eq!(1, 1);
    /// ```
    #[doc(alias = "wind speed")]
    pub wind: f64,
    #[doc(hidden)]
    pub reserved: [u8; Self::LEN],
    /// Old.
    #[deprecated(since = "1.0.0", note = "use `celsius`")]
    pub fahrenheit: f64,
    secret: u64,
    pub(crate) inner: u8,
}
impl Station {
    /// Len.
    pub const LEN: usize = 8;
    /// Resets.
    pub fn reset(shared: &shm_runtime::Shared<Self>) {
        shared.secret.set(0);
        shared.inner.set(1);
    }
}
/// Generic.
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct Pair<T: Copy = u8, const N: usize = { 1 + 2 }>
where
    [T; N]: Copy,
{
    /// a
    pub a: [T; N],
}
