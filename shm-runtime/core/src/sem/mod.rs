//! System V semaphores: semget(2), semop(2), semctl(2).
//!
//! A [`Semaphore`] holds a number of units. Whoever acquires one while there is none waits; the kernel gives back what
//! a process held when it ended, even by `kill -9` (SEM_UNDO). With one unit, a semaphore is a lock.
//!
//! ```
//! use shm_runtime::Key;
//! use shm_runtime::sem::Semaphore;
//!
//! let key = Key::name(format!("org.example.printers.{}", std::process::id()));
//! let printers = Semaphore::create(key.clone(), 2)?.remove_on_drop();
//!
//! // Another process:
//! let printers_too = Semaphore::open(key)?;
//! let one = printers_too.acquire()?;
//! assert_eq!(printers.value()?, 1);
//! let other = printers.acquire()?;
//! assert!(printers.try_acquire()?.is_none());
//! drop(one);
//! assert!(printers.try_acquire()?.is_some());
//! # Ok::<(), shm_runtime::Error>(())
//! ```
//!
//! A [`SemaphoreSet`] has several, on which operations are done [all at once or not at all](SemaphoreSet::perform).
//!
//! # What SEM_UNDO does, and does not
//!
//! The kernel keeps, for each process, a sum of what it did to each semaphore, and undoes that when the process ends.
//! - It counts for the process, not for the thread: a thread that ends gives nothing back.
//! - A child of fork(2) begins with nothing to undo; exec(3) changes nothing.
//! - Where one process acquires and another one releases, both are undone, each when its process ends. There, turn
//!   it [off](Options::undo).
//! - A value that undoing would bring below 0 becomes 0.

mod op;
mod options;
mod permit;
mod semaphore;
mod set;
mod stat;

pub use op::Op;
pub use options::Options;
pub use permit::Permit;
pub use semaphore::Semaphore;
pub use set::SemaphoreSet;
pub use stat::{Stat, State};
