//! The time between semget(2), which makes a set, and the semop(2) that gives it its initial values: whether a process is
//! in it, and what is done with a set whose creator died in it.
//!
//! The kernel does not record which process created a set. So a creator holds a lock from before semget until after
//! semop, and the kernel releases it if the creator dies: a lock on one byte, that of the key, in the file of the IPC
//! namespace itself (/proc/thread-self/ns/ipc). That is the same file for all processes in the namespace, whatever their
//! user, their pid namespace and their mounts, and for no others; and as no process can write to it, no process can lock
//! another out. Where a set exists, its byte is not locked, and no semop was done on the set, its creator is dead.
//!
//! Such a set is removed, by its id, and created anew. It is not initialised in place: a creator that takes no such lock,
//! in C, may be alive after all, only slow, and would add its values to ours when it goes on. As it is, its next call
//! finds that the set was removed. (Where the initial values are zeros, which the values are already, nothing can be added
//! twice, and the set stays.)
//!
//! What cannot be known:
//! - Whether a creator in C is dead. It is given the waiting time, and a set with which anything was done
//!   ([`reason_to_keep`]) is left alone.
//! - Whether a process that this one does not see, in another pid namespace, has set a value to 0 by SETVAL: the pid that the
//!   kernel noted down reads as 0, as if there were none.
//! - Of a creator that died, whether a child that another of its threads forked in that very moment is the creator: it has
//!   the open file too, and with it the lock, until it ends or calls exec(3).
//! - Whether a set was initialised with zeros or not at all, once a process has ended that tried a semop with SEM_UNDO
//!   on it before it was ready: undoing, the kernel sets the time of the last semop. Here, only those with `allow_unused`
//!   do that.

use core::time::Duration;
use std::fs::File;
use std::io;
use std::thread;
use std::time::Instant;

use crate::ipc::diagnose::refused;
use crate::ipc::error::Error;
use crate::sem::op::Wait;
use crate::sem::{Op, SemaphoreSet, Stat, State};
use crate::sys::{self, lock, process::Maker, refused::Call};

/// Held by a process that creates a set, from before it makes the set until the set has its initial values.
///
/// Without /proc there is no lock, and the set is created as a C program creates it: should this process be so slow that
/// another one replaces the set, its semop finds that the set was removed.
pub(crate) struct Creating {
    namespace: Option<File>,
    at: u32,
    maker: Maker,
}

impl Creating {
    /// A set that will have this key.
    pub(crate) fn begin(key: i32) -> Self {
        let (at, maker) = (byte_of(key), Maker::this());
        let namespace = namespace().ok().filter(|file| lock::share(file, at).is_ok());
        Self { namespace, at, maker }
    }
}

impl Drop for Creating {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread forked meanwhile has the open file too.
        if let Some(namespace) = self.namespace.as_ref().filter(|_| self.maker.is_this_process()) {
            let _ = lock::release(namespace, self.at);
        }
    }
}

/// The IPC namespace of this thread: others may be in other ones.
fn namespace() -> io::Result<File> {
    File::open("/proc/thread-self/ns/ipc")
}

fn byte_of(key: i32) -> u32 {
    u32::from_ne_bytes(key.to_ne_bytes())
}

/// What came of replacing a set.
pub(crate) enum Outcome {
    /// It is gone, or it has its initial values: by this process or by another.
    LookAgain,
    /// It stays, for this reason.
    Kept(&'static str),
}

/// Removes a set that has waited in vain for its initial values; or gives it `initial`, if those are zeros.
pub(crate) fn replace<const N: usize>(set: &SemaphoreSet<N>, initial: &[u16; N]) -> Result<Outcome, Error> {
    match is_being_created(set.key()) {
        Ok(false) => {}
        Ok(true) => return Ok(Outcome::Kept("its creator is alive, and stopped or slow")),
        Err(_) => return Ok(Outcome::Kept("without /proc, it cannot be told whether its creator is alive")),
    }
    let zeros = *initial == [0; N];
    let done = match blocked::<N>(set.id(), zeros) {
        Ok(Some(outcome)) => return Ok(outcome),
        Ok(None) if zeros => {
            set.operate("open", [Op::WaitForZero { index: 0 }], Wait::No)?;
            Ok(())
        }
        Ok(None) => sys::ipc::sem_remove(set.id()),
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => Ok(Outcome::LookAgain),
        Err(error) => match error.raw_os_error() {
            Some(sys::EINVAL | sys::EIDRM) => Ok(Outcome::LookAgain),
            Some(sys::EPERM) if refused(Call::Semctl, &error).is_none() => {
                Ok(Outcome::Kept("only its owner, its creator and root may remove it"))
            }
            _ => set.look(Err(error)),
        },
    }
}

/// Whether a process creates a set with this key, for longer than it takes to find that there is one.
fn is_being_created(key: i32) -> io::Result<bool> {
    const PATIENCE: Duration = Duration::from_millis(100);
    let (start, namespace) = (Instant::now(), namespace()?);
    while lock::is_locked(&namespace, byte_of(key))? {
        if start.elapsed() >= PATIENCE {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(false)
}

/// What there is to say of the set instead of replacing it.
fn blocked<const N: usize>(id: i32, zeros: bool) -> io::Result<Option<Outcome>> {
    let mut reason = None;
    for index in 0..N {
        // Below 65,536, as `Options::new` asserts.
        let state = State::of(id, u16::try_from(index).unwrap_or(u16::MAX))?;
        reason = reason.or_else(|| reason_to_keep(state, zeros));
    }
    // After looking for its creator, which may have been done just before: then the values that were found are the initial
    // ones. And last, so that little can come between this and the removal.
    Ok(match Stat::of(id)?.operated_at {
        Some(_) => Some(Outcome::LookAgain),
        None => reason.map(Outcome::Kept),
    })
}

/// What another process would miss if a set with this semaphore were removed.
fn reason_to_keep(semaphore: State, zeros: bool) -> Option<&'static str> {
    // SETVAL notes its process since Linux 4.6.
    if semaphore.value != 0 || semaphore.last_pid != 0 {
        return Some("a program has set a value by SETVAL or SETALL");
    }
    if !zeros && (semaphore.waiting != 0 || semaphore.waiting_for_zero != 0) {
        return Some("a process waits at it, and would get an error");
    }
    None
}
