//! Typed access to bytes that other processes write.

pub(crate) mod access;
pub mod array;
pub(crate) mod atomic;
pub(crate) mod bulk;
pub(crate) mod carry;
pub(crate) mod direction;
pub(crate) mod fields;
pub(crate) mod fingerprint;
pub(crate) mod integer;
pub(crate) mod layout;
pub(crate) mod list;
pub(crate) mod part;
#[cfg(any(feature = "bytemuck", feature = "zerocopy"))]
pub(crate) mod pod;
pub(crate) mod region;
mod scalars;
pub(crate) mod shareable;
pub(crate) mod shared;
pub(crate) mod slice;
pub(crate) mod span;
pub(crate) mod structure;
pub(crate) mod tail;
pub mod text;
pub(crate) mod utf8;
pub(crate) mod validity;
