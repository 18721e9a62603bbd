//! Typed System V shared memory.
//!
//! Annotate a plain `#[repr(C)]` struct, and every process that knows it can create, open, attach, use, detach
//! and remove it as a System V shared memory segment: without `unsafe`, without undefined behaviour
//! whatever another process does to the memory, as fast as a raw pointer.
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
//! - [`guide`]: the seal, working together, guarantees, soundness, costs, and what each C call is here.
//! - [`SharedSegment`], the derive: the `#[shm(...)]` attribute and what compiles.
//! - [`SharedSegment`], the trait: `create`, `open` and their like.
//! - [`Segment`]: the kernel's object. [`Attached`]: one mapping of it.
//! - [`Shared`]: a value in shared memory, with `get` and `set`.
//! - [`sem::Semaphore`] and [`msg::Queue`]: the other two System V mechanisms, under the same kind of [`Key`].
//! - [`Shareable`]: what may be in a segment, and what to use instead of what may not.
//! - [`inspect`]: segments without their Rust type, for tools.
//! - [`sync`]: locks, snapshots and announcements in a segment.
//! - The folder `examples` of the repository: programs to run, each of which shows one thing.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `serde`: `Serialize` for what is in a segment and what the kernel knows of it, and the way back.
//! - `bytemuck`: `Pod`, for a field of a type of another crate that is `bytemuck::Pod`.
//! - `zerocopy`: `ZeroCopy`, for a field of a type of another crate that has the traits of `zerocopy`.
//!
//! # Platforms
//!
//! Linux with 64-bit pointers, and glibc or musl. Elsewhere the crate does not compile: see [`guide::platforms`].

// For docs.rs, by its nightly compiler: what needs a feature says so.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use shm_derive::{Shareable, SharedSegment};
#[doc(inline)]
pub use shm_runtime_core::*;

pub mod guide;

/// Compiles the README's examples, and sees that those fail that should.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
