//! Working together in a segment: locks, consistent snapshots, and announcements between processes.
//!
//! - [`Mutex<T>`]: one thread at a time uses the value. The death of its holder is noticed and reported.
//! - [`SeqLock<T>`]: one process writes, any number read whole values, and none waits for another.
//! - [`Latest<T>`]: a `SeqLock` that knows when it was written, and for which readers can wait.
//! - [`Ring<T, N>`]: one process writes, any number of others see every value, if they are fast enough.
//! - [`SpscQueue<T, N>`]: values from one sender to one receiver.
//! - [`Queue<T, N>`]: values from any number of senders, each to one of any number of receivers. What a receiver had that was
//!   killed is given to another.
//! - [`ByteRing<N>`], [`ByteQueue<N>`]: what `Ring` and `SpscQueue` are, for messages of any length.
//! - [`RingHead`], [`SpscHead`], [`QueueHead`], [`ByteRingHead`], [`ByteQueueHead`]: the same, with the slice at the end of the
//!   segment's struct for slots, so that the capacity is chosen at run time.
//! - [`Event`]: wait until another process announces a change.
//!
//! All are plain fields of a segment's struct, by themselves, in arrays and in nested structs. A new segment is
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
//! station.totals.lock().map_err(sync::LockError::release)?.readings.update(|readings| readings + 1);
//! station.frames[2].writer()?.write(&[7; 64])?;
//! station.changed.notify_all();
//! # Ok(())
//! # }
//! ```
//!
//! # How the protocols are checked
//!
//! Loom (`.ci/loom`) runs the source that ships, and tries every interleaving of two threads, most of three, and
//! whatever each relaxed load may return. It cannot check the kernel, which is replaced by models; that a dead thread's
//! writes are seen, which the kernel sees to; and how values are copied. Those the tests with real processes check.
//!
//! That a dead holder's lock goes to one thread only is tried in each of the three ways: by loom; in a simulated kernel
//! that gives ids to new threads at once, with a thread stopped at every system call while others do everything that
//! they can; and with real processes, stopped by ptrace(2) in each of theirs, and real ids that are used again.

#![cfg_attr(loom, allow(dead_code))] // the models need not all of it

mod atomic;
mod kernel;
mod protocol;

#[cfg(not(loom))]
mod builtin;
#[cfg(not(loom))]
mod byte_queue;
#[cfg(not(loom))]
mod byte_ring;
#[cfg(not(loom))]
mod circle;
#[cfg(not(loom))]
mod ends;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod event;
#[cfg(not(loom))]
mod latest;
#[cfg(not(loom))]
mod mutex;
#[cfg(not(loom))]
pub(crate) mod peek;
#[cfg(not(loom))]
mod queue;
#[cfg(not(loom))]
mod queue_view;
#[cfg(not(loom))]
mod ring;
#[cfg(not(loom))]
mod role;
#[cfg(not(loom))]
mod seqlock;
#[cfg(not(loom))]
mod spsc;
#[cfg(not(loom))]
mod thread;

#[cfg(not(loom))]
pub use self::{
    byte_queue::{ByteQueue, ByteQueueHead, ByteReceiver, ByteSender},
    byte_ring::{ByteRing, ByteRingHead, ByteRingReader, ByteRingWriter},
    error::{LockError, QueueError, ReadError, RingError, Role, WriterError},
    event::{Event, Listener},
    latest::{Latest, LatestWriter, Reading},
    mutex::{Mutex, MutexGuard, OwnerDied},
    queue::{Queue, Received},
    queue_view::{QueueHead, QueueSlot, QueueView},
    ring::{Ring, RingHead, RingReader, RingWriter},
    seqlock::{SeqLock, SeqWriter, WriterInfo},
    spsc::{Receiver, Sender, SpscHead, SpscQueue},
};
