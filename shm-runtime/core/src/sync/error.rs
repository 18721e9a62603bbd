//! What the types of this module can answer instead.

use core::fmt;
use std::io;

use super::kernel::{OWNER_DIED, TID, WAITERS};
use crate::memory::validity::InvalidValue;
use crate::sys::futex::{ENOSYS, EPERM};
use crate::sys::{liveness, process};

/// Why [`Mutex::lock`](super::Mutex::lock) and its like returned no guard.
///
/// `D` is what [`OwnerDied`](Self::OwnerDied) carries: the guard, or nothing in an error that
/// [`repair`](Self::repair) or [`release`](Self::release) returned, which borrows nothing and goes through `?` into any
/// error type.
#[derive(Debug)]
#[non_exhaustive]
pub enum LockError<D = ()> {
    /// The last holder died or panicked, and the value may be half-changed. With the guard in it, the lock is held now.
    OwnerDied(D),
    /// This thread holds the lock already, and would have waited for itself.
    AlreadyHeld,
    /// The holder waits for a lock that this thread holds, directly or through others.
    #[non_exhaustive]
    Deadlock {
        /// The holder's thread id.
        holder: u32,
    },
    /// The lock was held all the time, at the end by a thread that lives.
    #[non_exhaustive]
    TimedOut {
        /// The holder's thread id at the end; 0 if it was given up just then.
        holder: u32,
    },
    /// The lock is held.
    #[non_exhaustive]
    WouldBlock {
        /// The holder's thread id; 0 if it was given up just then.
        holder: u32,
    },
    /// Another process overwrote the lock's word with something that is none.
    #[non_exhaustive]
    Corrupted {
        /// The word.
        word: u32,
    },
    /// Anything else that the kernel says: no memory for those who wait (ENOMEM), no such futexes (ENOSYS), or
    /// a filter of system calls that refuses them (EPERM, ENOSYS).
    #[non_exhaustive]
    Os {
        /// The `errno`.
        source: io::Error,
    },
}

impl<D> LockError<D> {
    /// The error without the guard. If it carried the guard, the lock is released, and the next one to lock is told of the death
    /// again: for `mutex.lock().map_err(LockError::release)?`.
    pub fn release(self) -> LockError {
        self.into_died().map_or_else(|other| other, |_| LockError::OwnerDied(()))
    }

    /// What `OwnerDied` carries, or the error if it is another.
    pub(super) fn into_died(self) -> Result<D, LockError> {
        Err(match self {
            Self::OwnerDied(died) => return Ok(died),
            Self::AlreadyHeld => LockError::AlreadyHeld,
            Self::Deadlock { holder } => LockError::Deadlock { holder },
            Self::TimedOut { holder } => LockError::TimedOut { holder },
            Self::WouldBlock { holder } => LockError::WouldBlock { holder },
            Self::Corrupted { word } => LockError::Corrupted { word },
            Self::Os { source } => LockError::Os { source },
        })
    }
}

impl<D> fmt::Display for LockError<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnerDied(_) => f.write_str(
                "the last holder of the lock died or panicked, and may have left the value half-changed. Repair it with \
                 `repair`, or take the guard with `into_guard`",
            ),
            Self::AlreadyHeld => f.write_str(
                "this thread holds the lock already: drop the first guard before locking again",
            ),
            Self::Deadlock { holder } => write!(
                f,
                "thread {holder} holds the lock and waits for one that this thread holds: take locks in the same order \
                 everywhere"
            ),
            Self::TimedOut { holder } => write!(f, "the lock was held all the time, at the end by {}", Named("thread", *holder)),
            Self::WouldBlock { holder } => write!(f, "the lock is held by {}", Named("thread", *holder)),
            Self::Corrupted { word } => write!(
                f,
                "the lock's word is {word:#010x} (thread {}{}{}), which no lock can be: another process overwrote it. \
                 If no thread holds the lock, `reset` it",
                word & TID,
                if word & WAITERS != 0 { ", waited for" } else { "" },
                if word & OWNER_DIED != 0 { ", dead" } else { "" },
            ),
            Self::Os { source } => {
                write!(f, "{source}")?;
                match source.raw_os_error() {
                    Some(EPERM | ENOSYS) => f.write_str(
                        ": futex(2) is refused to this process for locks (FUTEX_LOCK_PI), by a filter of system calls \
                         (seccomp), as a container or a sandbox has, or by a kernel without CONFIG_FUTEX_PI. Allow it in \
                         the filter",
                    ),
                    _ => Ok(()),
                }
            }
        }
    }
}

impl<D: WithoutGuard> core::error::Error for LockError<D> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Os { source } => Some(source),
            _ => None,
        }
    }
}

/// What an error can carry into any error type: it borrows nothing, and goes to other threads. A guard is bound to its mutex and
/// to its thread, and the error that carries it is one only without it.
// After `?`, the compiler shows the label, and neither message nor notes.
#[diagnostic::on_unimplemented(
    message = "this error carries the guard of a `Mutex`, and goes into no other error type with it",
    label = "this error carries the guard: write `.map_err(LockError::release)?` to pass it on without, or \
             `.or_else(|error| error.repair(|value| ..))?` to go on with a repaired value"
)]
pub trait WithoutGuard: fmt::Debug {}

impl WithoutGuard for () {}

/// `thread 1234 (weatherd)`.
struct Named(&'static str, u32);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(what, id) = *self;
        write!(f, "{what} {id}")?;
        liveness::name_of(id).map_or(Ok(()), |name| write!(f, " ({name})"))
    }
}

/// A role that one process has at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// The writer of a [`SeqLock`](super::SeqLock), a [`Latest`](super::Latest) or a [`Ring`](super::Ring).
    Writer,
    /// The sender of a [`SpscQueue`](super::SpscQueue).
    Sender,
    /// The receiver of a [`SpscQueue`](super::SpscQueue).
    Receiver,
    /// That of a value of a [`Queue`](super::Queue), until it is [`done`](super::Received::done).
    Value,
}

/// As the method is named that claims it, and, after `reset_`, the one that takes it away; a value has neither.
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Writer => "writer",
            Self::Sender => "sender",
            Self::Receiver => "receiver",
            Self::Value => "value",
        })
    }
}

/// Why a [`Role`] was not claimed, or what only the process that has it may do was refused: by
/// [`SeqLock::writer`](super::SeqLock::writer), [`SpscQueue::sender`](super::SpscQueue::sender) and their like, and by what they
/// return.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriterError {
    /// A process has the role, and is not known to be dead.
    #[non_exhaustive]
    Held {
        /// The role.
        role: Role,
        /// Its process.
        pid: u32,
    },
    /// A process of another pid namespace has the role. Whether it lives cannot be told here, so it counts as alive.
    #[non_exhaustive]
    HeldElsewhere {
        /// The role.
        role: Role,
        /// The inode of that namespace, as /proc/self/ns/pid shows it there.
        pid_namespace: u32,
    },
    /// The role was taken away, by [`reset_writer`](super::SeqLock::reset_writer) or the method of its name in this process
    /// or another, or this is a forked child, and its parent has the role.
    #[non_exhaustive]
    Lost {
        /// The role.
        role: Role,
        /// The process that has the role now. It can be this one, by another claim. 0 if none has it, or one of another pid
        /// namespace.
        pid: u32,
    },
    /// The message is longer than a [`ByteRing`](super::ByteRing) of this size can have.
    #[non_exhaustive]
    TooLong {
        /// Bytes of the message.
        len: usize,
        /// Bytes that a message can have.
        max: usize,
    },
    /// The slice that was passed to the head, as its slots or bytes, is too short.
    #[non_exhaustive]
    TooFew {
        /// The role.
        role: Role,
        /// How long the slice is.
        len: usize,
        /// How long it has to be, at the least.
        min: usize,
    },
}

/// Whether a slice is long enough for this role.
pub(super) fn at_least(min: usize, len: usize, role: Role) -> Result<(), WriterError> {
    if len < min { Err(WriterError::TooFew { role, len, min }) } else { Ok(()) }
}

/// That a message is too long.
struct TooLong {
    of: &'static str,
    len: usize,
    max: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, len, max } = self;
        write!(
            f,
            "a message of {len} bytes is too long for this {of}, in which one has {max} at most: give the {of} more bytes, or \
             send the message in parts"
        )
    }
}

impl fmt::Display for WriterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::HeldElsewhere { role, pid_namespace } => write!(
                f,
                "a process of another pid namespace, pid:[{pid_namespace}], is the {role}, and there is only one. Whether it \
                 lives can be told in that namespace only: let it end or drop its {role}, or claim the role there; if it is known \
                 to be dead, `reset_{role}`"
            ),
            Self::Held { role, pid } if pid == process::id().unsigned_abs() => {
                write!(f, "this process is the {role} already, and there is only one: use what its call of `{role}` returned")
            }
            Self::Held { role, pid } => write!(
                f,
                "{} is the {role}, and there is only one. Let it end or drop its {role}; if it only looks like the {role}, \
                 `reset_{role}`",
                Named("process", pid)
            ),
            Self::Lost { role: Role::Value, .. } => f.write_str(
                "this value is not this process's any more: the queue was cleared, or this is a forked child of the one that \
                 received it",
            ),
            Self::Lost { role, pid: 0 } => {
                write!(f, "the {role}'s role was taken away by `reset_{role}`; claim it again with `{role}`")
            }
            Self::Lost { role, pid } if pid == process::id().unsigned_abs() => write!(
                f,
                "the {role}'s role was taken away by `reset_{role}`, and another {role} of this process has it now"
            ),
            Self::Lost { role, pid } => write!(
                f,
                "{} is the {role} now, and this one is not: it forked from it, or the role was taken away",
                Named("process", pid)
            ),
            Self::TooLong { len, max } => fmt::Display::fmt(&TooLong { of: "ring", len, max }, f),
            Self::TooFew { role, len, min } => write!(
                f,
                "the slice has length {len}, and a {role} needs one of {min} at least: create the segment with a longer one, by \
                 `options().len({min})` or more"
            ),
        }
    }
}

impl core::error::Error for WriterError {}

/// Why [`SeqLock::read`](super::SeqLock::read) returned no value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// Each time the value was being copied, the writer published another.
    #[non_exhaustive]
    Overtaken {
        /// How often it was tried.
        attempts: u32,
    },
    /// Nothing was ever written, and zeros are not a value of the type. (Where they are, a read gives that value, and
    /// [`version`](super::SeqLock::version) is 0.)
    NeverWritten,
    /// Another process wrote bytes that are not a value of the type.
    Invalid(InvalidValue),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overtaken { attempts } => write!(
                f,
                "the writer published another value each of the {attempts} times that this one was being copied. Let it \
                 write less often than a copy takes"
            ),
            Self::NeverWritten => f.write_str(
                "nothing was written yet: read it when `version` is not 0 any more, or let the segment's creator write a \
                 first value in `create_with`",
            ),
            Self::Invalid(invalid) => fmt::Display::fmt(invalid, f),
        }
    }
}

impl core::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Overtaken { .. } | Self::NeverWritten => None,
            Self::Invalid(invalid) => Some(invalid),
        }
    }
}

/// Why a value was not sent or received, by a [`SpscQueue`](super::SpscQueue) or a [`Queue`](super::Queue), or a message by a
/// [`ByteQueue`](super::ByteQueue).
#[derive(Debug)]
#[non_exhaustive]
pub enum QueueError {
    /// There is no room, and was none all the time that it was waited for.
    Full,
    /// There is no value, and was none all the time that it was waited for.
    Empty,
    /// The segment was upgraded: the values of the [`Queue`](super::Queue) are in another segment under the key, which is to be opened.
    Upgraded,
    /// This end of the queue is not this one's any more; of a [`Queue`](super::Queue), the value.
    Lost(WriterError),
    /// The bytes of the value are not one of its type: another process wrote them.
    Invalid(InvalidValue),
    /// The lock of the queue was not acquired: held all the time, or overwritten by another process.
    Lock(LockError),
    /// Another process overwrote the counts of the queue.
    #[non_exhaustive]
    Corrupted {
        /// How many values were sent, as it says.
        sent: u64,
        /// How many values were received, as it says; of a [`ByteQueue`](super::ByteQueue), both are bytes.
        received: u64,
    },
    /// The message is longer than a [`ByteQueue`](super::ByteQueue) of this size can have.
    #[non_exhaustive]
    TooLong {
        /// Bytes of the message.
        len: usize,
        /// Bytes that a message can have.
        max: usize,
    },
    /// Another process overwrote the length of a message, or the counts.
    #[non_exhaustive]
    BadLength {
        /// Bytes of the message, as its length says.
        len: u32,
        /// Bytes that there are.
        left: u64,
    },
}

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str(
                "the queue is full: values are not received, or not done, as fast as they are sent",
            ),
            Self::Empty => f.write_str("the queue is empty: nothing was sent"),
            Self::Upgraded => f.write_str(
                "the values of the queue were carried to another segment, by an upgrade: open and attach the one that has the key \
                 now. If there is none, or a half-made one, the program that upgraded it was killed: start it again",
            ),
            Self::Lost(error) => fmt::Display::fmt(error, f),
            Self::Lock(error) => write!(f, "the lock of the queue: {error}"),
            Self::Invalid(invalid) => fmt::Display::fmt(invalid, f),
            Self::Corrupted { sent, received } => write!(
                f,
                "the queue says that {sent} values were sent and {received} received, which cannot be: another process \
                 overwrote the counts. To begin anew, throw away what is in it: `skip` of a receiver, `clear` of a `Queue`"
            ),
            &Self::TooLong { len, max } => fmt::Display::fmt(&TooLong { of: "queue", len, max }, f),
            Self::BadLength { len, left } => write!(
                f,
                "the queue says that the next message has {len} bytes, of which there are {left}: another process overwrote it, \
                 or the counts. To begin anew, throw away what is in it: `skip` of the receiver"
            ),
        }
    }
}

impl core::error::Error for QueueError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Full
            | Self::Empty
            | Self::Upgraded
            | Self::Corrupted { .. }
            | Self::TooLong { .. }
            | Self::BadLength { .. } => None,
            Self::Lost(error) => Some(error),
            Self::Lock(error) => Some(error),
            Self::Invalid(invalid) => Some(invalid),
        }
    }
}

/// Why a reader of a [`Ring`](super::Ring) returned no value, or one of a [`ByteRing`](super::ByteRing) no message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RingError {
    /// There is no value that was not read yet, and was none all the time that it was waited for.
    NothingNew,
    /// So many values were overwritten before this reader has read them. It goes on after them.
    Missed(u64),
    /// The bytes of the value are not one of its type: another process wrote them.
    Invalid(InvalidValue),
    /// What is in the place of the next message of a [`ByteRing`](super::ByteRing) has another number, or a length that cannot be:
    /// another process overwrote it. The reader goes on with what is written from now on.
    #[non_exhaustive]
    Corrupted {
        /// The number of the message.
        number: u64,
    },
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingNew => f.write_str("nothing new was written to the ring"),
            Self::Missed(missed) => write!(
                f,
                "{missed} values of the ring were overwritten before they were read. Read more often, several at a time, or \
                 give the ring more slots"
            ),
            Self::Invalid(invalid) => fmt::Display::fmt(invalid, f),
            Self::Corrupted { number } => write!(
                f,
                "what is in the place of message {number} of the ring is not that message: another process overwrote it. What is \
                 written from now on is read next"
            ),
        }
    }
}

impl core::error::Error for RingError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::NothingNew | Self::Missed(_) | Self::Corrupted { .. } => None,
            Self::Invalid(invalid) => Some(invalid),
        }
    }
}
