//! Typed System V shared memory.
//!
//! Annotate a plain `#[repr(C)]` struct, and every process that knows it can create, open, attach, use, detach
//! and remove it as a System V shared memory segment: without `unsafe`, without undefined behaviour
//! whatever another process does to the memory, at the cost of a raw pointer.
//!
//! ```
//! use shm_runtime::{Shareable, SharedSegment};
//! use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
//!
//! #[derive(SharedSegment)]
//! #[repr(C)]
//! #[shm(name = "org.example.weather", mode = 0o660)]
//! pub struct Station {
//!     pub readings: AtomicU64,
//!     pub celsius: f64,
//!     pub wind: Wind,
//!     pub name: [u8; 32],
//! }
//!
//! #[derive(Clone, Copy, Shareable)]
//! #[repr(C)]
//! pub struct Wind {
//!     pub speed: f64,
//!     pub degrees: u16,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let _ = Station::remove();
//! // One process creates it ...
//! let station = Station::create()?.attach()?;
//! station.celsius.set(21.5);
//! station.wind.speed.set(3.2);
//! station.name.set_str("Zugspitze")?;
//! station.readings.fetch_add(1, Relaxed);
//!
//! // ... another one opens it.
//! let display = Station::open()?.attach_read_only()?;
//! assert_eq!(display.celsius.get(), 21.5);
//!
//! Station::remove()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! - [`SharedSegment`], the derive: the `#[shm(...)]` attribute and what compiles.
//! - [`SharedSegment`], the trait: `create`, `open` and their like.
//! - [`Segment`]: the kernel's object. [`Attached`]: one mapping of it.
//! - [`Shared`]: a value in shared memory, with `get` and `set`.
//! - [`Shareable`]: what may be in a segment, and what to use instead of what may not.
//! - [`sync`]: locks, snapshots and announcements in a segment.
//!
//! # Platforms
//!
//! Linux with 64-bit pointers. Elsewhere the crate does not compile.

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!(
    "shm-runtime needs 64-bit Linux: it relies on its System V calls, and on scalars of up to 8 bytes that are naturally \
     aligned and read atomically from read-only pages"
);

mod access;
mod array;
mod atomic;
mod attached;
mod bulk;
mod diagnose;
mod error;
mod hash;
mod identity;
mod info;
mod key;
mod options;
#[cfg(not(loom))]
mod process;
mod schema;
mod segment;
mod shareable;
mod shared;
mod stat;
#[cfg(any(not(loom), test))]
pub mod sync;
mod sys;
mod value;

pub use access::{Access, ReadOnly, ReadWrite, Readable, Writable, WriteOnly};
pub use array::TextError;
pub use atomic::{Atomic, Integer};
pub use attached::Attached;
pub use error::{Error, ErrorKind};
pub use key::Key;
pub use options::Options;
pub use schema::{ParseError, Schema};
pub use segment::{RemoveOnDrop, Segment, SharedSegment};
pub use shareable::{AlwaysValid, Shareable};
pub use shared::Shared;
pub use shm_derive::{Shareable, SharedSegment};
pub use stat::{Permissions, Stat};
pub use value::InvalidValue;

/// What the derives' output names. Not part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::bulk::Direction;
    pub use crate::info::{FieldInfo, Scalar, TypeInfo, assert_twin};
    pub use crate::key::{ftok_key, name_key};
    pub use crate::segment::Settings;
    pub use crate::shareable::{If, Opaque};
}
