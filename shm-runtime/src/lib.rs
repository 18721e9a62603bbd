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
//! # // A key of this run's own, so that the example disturbs nobody who uses the name.
//! # impl Station {
//! #     fn options() -> shm_runtime::Options<Self> {
//! #         let mut options = <Self as SharedSegment>::options();
//! #         options.key(shm_runtime::Key::name(format!("org.example.weather.{}", std::process::id())));
//! #         options
//! #     }
//! #     fn create() -> Result<shm_runtime::Segment<Self>, shm_runtime::Error> { Self::options().create() }
//! #     fn open() -> Result<shm_runtime::Segment<Self>, shm_runtime::Error> { Self::options().open() }
//! #     fn remove() -> Result<(), shm_runtime::Error> { Self::options().remove() }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
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
//! - [`sem::Semaphore`] and [`msg::Queue`]: the other two System V means, under the same kind of [`Key`].
//! - [`Shareable`]: what may be in a segment, and what to use instead of what may not.
//! - [`sync`]: locks, snapshots and announcements in a segment.
//!
//! # Platforms
//!
//! Linux with 64-bit pointers and glibc. Elsewhere the crate does not compile.

#[cfg(not(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64")))]
compile_error!(
    "shm-runtime needs 64-bit Linux with glibc: it relies on its System V calls and their structs, and on scalars of up to \
     8 bytes that are naturally aligned and read atomically from read-only pages"
);

mod access;
mod admission;
mod array;
mod atomic;
mod attached;
mod bulk;
mod diagnose;
mod diff;
mod error;
mod existing;
mod hash;
mod identity;
mod info;
mod key;
mod lookup;
mod mapping;
mod members;
mod options;
mod process;
mod reclaim;
mod remove_on_drop;
mod schema;
mod seal;
mod segment;
mod shareable;
mod shared;
mod shared_segment;
mod stat;
#[cfg(any(not(loom), test))]
pub mod sync;
mod sys;
mod text;
mod value;

pub mod msg;
pub mod sem;

pub use access::{Access, ReadOnly, ReadWrite, Readable, Writable, WriteOnly};
pub use array::TextError;
pub use atomic::{Atomic, Integer};
pub use attached::Attached;
pub use error::{Error, ErrorKind};
pub use existing::Existing;
pub use key::Key;
pub use options::Options;
pub use remove_on_drop::{Removable, RemoveOnDrop};
pub use schema::{ParseError, Schema};
pub use segment::Segment;
pub use shareable::{AlwaysValid, Plain, Shareable};
pub use shared::Shared;
pub use shared_segment::SharedSegment;
pub use shm_derive::{Shareable, SharedSegment};
pub use stat::{Permissions, Stat};
pub use value::InvalidValue;

/// What the derives' output names. Not part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::bulk::Direction;
    pub use crate::info::{Scalar, TypeInfo, assert_segment, assert_struct};
    pub use crate::key::{ftok_key, name_key};
    pub use crate::members::{Fields, Member, offsets};
    pub use crate::shareable::{If, Opaque};
    pub use crate::shared_segment::{Settings, Trust};
}

/// Compiles the README's examples, and sees that those fail that should.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
