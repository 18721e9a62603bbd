//! System V semaphores: semget(2), semop(2), semctl(2).
//!
//! A [`Semaphore`] holds a number of units. A process that acquires one while there is none waits; the kernel gives back what
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
//! - [Setting](SemaphoreSet::set_values) a value forgets, for all processes, what was to be undone.
//!
//! # Whose it is
//!
//! A set is opened if its owner and creator are this process's user, root, or a user who was named
//! ([`Options::trust_owner`]), by the rule of segments. The kernel keeps nothing else of it that tells what it is for: the
//! sets of two programs whose keys are the same by accident are not told apart (see [`Key`](crate::Key#collisions)). A
//! segment's [companion](crate::SharedSegment::semaphore) is: the segment's seal speaks for both.
//!
//! # What can happen while a set is created
//!
//! semget(2) makes a set whose values are 0, and the creator then gives it all its initial values at once, by a semop(2)
//! from which those who open it see that it is ready.
//!
//! | | |
//! | --- | --- |
//! | a set is opened between the two | opening waits until it is ready, one second by default ([`Options::wait`]) |
//! | the creator dies between the two | after that time, [`Options::open_or_create`] replaces the set, by its id; [`Options::open`] is an [error](crate::ErrorKind::Uninitialised) that names the id |
//! | the creator is stopped between the two | as it may go on, nothing is replaced: an error that says so. No initial value is given twice |
//! | the creator is a C program, and does nothing for that time | it cannot be told from a dead one: the set is replaced, if no value was set and no process waits at it. If the program lives, its next call is EINVAL or EIDRM |
//! | a C program gives the values by SETVAL | never replaced, unless all are 0 and it is in a pid namespace that this process does not see (its pid reads as 0, as if there were none); to be opened before its first semop(2), it takes [`Options::allow_unused`] |
//! | the set belongs to another user | it is refused, unless that user is trusted; and only its owner, its creator and root can replace it: an error |
//! | its mode keeps the creator from giving the values | creating is an error, and nothing is left |
//! | there is no /proc | nothing is replaced, as it cannot be told whether the creator lives: an error |
//! | another process replaces a set while this one waits for it | opening goes on with its successor |
//! | a process waits at a set that is not ready (in C, or with `allow_unused`) with SEM_UNDO, and ends | to the kernel, its end is an operation: the set counts as ready from then on, with zeros |

mod creation;
mod diagnose;
mod op;
mod options;
mod permit;
mod semaphore;
mod set;
mod values;

pub use crate::ipc::stat::semaphore::{Stat, State};
pub use op::Op;
pub use options::Options;
pub use permit::Permit;
pub use semaphore::Semaphore;
pub use set::SemaphoreSet;
