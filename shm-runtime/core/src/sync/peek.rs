//! The sync types, looked at by a program that does not know the type in them.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::error::ReadError;
use super::kernel::{Kernel, Linux};
use super::protocol::mutex::holder;
use super::protocol::seqlock::{self as latch, Words};
use super::seqlock::process;
use crate::sys::liveness::Process;

/// The thread id of a mutex's holder; `None` if it is free.
pub(crate) fn mutex_holder(word: &AtomicU32) -> Option<u32> {
    holder(word.load(Relaxed))
}

/// Whether this thread, of this process's pid namespace, lives; `None` if that cannot be known.
pub(crate) fn thread_lives(tid: u32) -> Option<bool> {
    Linux.is_dead(tid).ok().map(|dead| !dead)
}

/// The last complete value of a sequence lock: `load` reads the copy it is told.
pub(crate) fn seqlock_read<R>(sequence: &AtomicU64, load: impl FnMut(usize) -> R) -> Result<R, ReadError> {
    let read = latch::read(sequence, load);
    read.map(|(_, value)| value).ok_or(ReadError::Overtaken { attempts: latch::ATTEMPTS })
}

/// The writer of a sequence lock by its words `sequence`, `writer`, `process`, `namespace` and `writing`; `None` if no process
/// has the role.
pub(crate) fn seqlock_writer([sequence, writer, first, second, writing]: [&AtomicU64; 5]) -> Option<Process> {
    let words = Words { sequence, writer, marks: [first, second], writing };
    let (role, identity) = words.current()?;
    let unknown = Process { pid: i32::from_ne_bytes(latch::pid(role).to_ne_bytes()), ..Process::UNKNOWN };
    Some(identity.map_or(unknown, process))
}
