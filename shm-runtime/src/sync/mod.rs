//! Working together in a segment: locks, consistent snapshots, and announcements between processes.
//!
//! - [`Mutex<T>`]: one thread at a time uses the value. The death of its holder is noticed and reported.
//! - [`SeqLock<T>`]: one process writes, any number read whole values, and nobody waits for anybody.
//! - [`Event`]: wait until somebody announces a change.
//!
//! All three are plain fields of a segment's struct, alone, in arrays and in nested structs. A new segment is
//! zero-filled, which is the free, empty and silent state of each: there is nothing to initialise. None has a pointer
//! in the shared memory, and whatever another process writes over their words is never undefined behaviour here.
//!
//! ```
//! use shm_runtime::{Shareable, SharedSegment, sync};
//!
//! #[derive(SharedSegment)]
//! #[repr(C)]
//! #[shm(private)]
//! struct Station {
//!     totals: sync::Mutex<Totals>,
//!     frames: [sync::SeqLock<[u16; 64]>; 4],
//!     changed: sync::Event,
//! }
//!
//! #[derive(Clone, Copy, Shareable)]
//! #[repr(C)]
//! struct Totals {
//!     readings: u64,
//!     sum: f64,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let segment = Station::create()?.remove_on_drop();
//! let station = segment.attach()?;
//! station.totals.try_lock()?.readings.update(|readings| readings + 1);
//! station.frames[2].writer()?.write(&[7; 64])?;
//! station.changed.notify_all();
//! # Ok(())
//! # }
//! ```
//!
//! # How the protocols are checked
//!
//! Their memory ordering is explored by loom, on the source that ships, with `RUSTFLAGS="--cfg loom" cargo test
//! --release --lib -p shm-runtime sync::`. It tries all interleavings of two or three threads and what each relaxed
//! load may return. What it cannot check is the kernel, which is replaced by a model, the death of processes, and the
//! copying of values: those the tests with real processes do.

mod atomic;
mod count;
mod kernel;
mod latch;
mod lock;

#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod event;
#[cfg(not(loom))]
mod mutex;
#[cfg(not(loom))]
mod seqlock;
#[cfg(not(loom))]
mod thread;

#[cfg(all(loom, test))]
mod model;

#[cfg(not(loom))]
pub use self::{
    error::{LockError, ReadError, WriterError},
    event::{Event, Listener},
    mutex::{Mutex, MutexGuard, OwnerDied},
    seqlock::{SeqLock, SeqWriter},
};
