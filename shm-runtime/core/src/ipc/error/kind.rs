//! Why an operation failed.

use core::time::Duration;
use std::io;
use std::time::SystemTime;

use crate::ipc::raw_message::RawMessage;
use crate::ipc::record::Record;
use crate::memory::validity::InvalidValue;
use crate::schema::Schema;

/// Why an operation failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file of an ftok key is missing, or cannot be looked at.
    #[non_exhaustive]
    KeyFile {
        /// What looking at it gave.
        source: io::Error,
    },
    /// What was asked for makes no sense: a key, project or mode out of range, options that exclude each other.
    #[non_exhaustive]
    InvalidInput {
        /// What is wrong with it, and what would be right.
        reason: &'static str,
    },
    /// There is a segment (semaphore set, message queue) under this key already.
    #[non_exhaustive]
    AlreadyExists {
        /// What the kernel knows of it, unless it was removed meanwhile.
        existing: Option<Box<Record>>,
    },
    /// There is no segment (semaphore set, message queue) under this key.
    NotFound,
    /// The owner and mode of the object do not allow it.
    #[non_exhaustive]
    Permission {
        /// What the kernel knows of it, unless it was removed meanwhile.
        existing: Option<Box<Record>>,
        /// The user of this process (effective).
        uid: u32,
        /// The group of this process (effective).
        gid: u32,
    },
    /// The segment has another size than the struct, or the set another number of semaphores.
    #[non_exhaustive]
    SizeDiffers {
        /// The segment's bytes, or the set's semaphores.
        found: usize,
        /// The bytes that this program's struct needs, or the semaphores that it expects.
        expected: usize,
    },
    /// The slice at the end of the segment's struct has another length than this program asked for.
    #[non_exhaustive]
    LengthDiffers {
        /// Its elements.
        found: usize,
        /// The elements that it was to have: [`Options::len`](crate::Options::len).
        expected: usize,
    },
    /// The segment is still being initialised, and the waiting time is over.
    #[non_exhaustive]
    NotReady {
        /// The process that created it, or that does not finish removing it as stale; 0 if it cannot be seen from this
        /// process's pid namespace.
        creator_pid: i32,
        /// How long this process waited.
        waited: Duration,
    },
    /// A [`Queue`](crate::sync::Queue) in the segment cannot be upgraded, because its lock was held, and the waiting time is over.
    #[non_exhaustive]
    QueueHeld {
        /// The thread that holds it, as the lock says; 0 if the kernel refused the lock.
        holder: u32,
        /// How long this process waited.
        waited: Duration,
    },
    /// The segment was never initialised to the end: its creator died or panicked over it.
    #[non_exhaustive]
    Abandoned {
        /// The process that created it; 0 if it cannot be seen from this process's pid namespace.
        creator_pid: i32,
        /// When it did, if that is known.
        created_at: Option<SystemTime>,
    },
    /// The segment has no seal, and this program's struct expects one.
    #[non_exhaustive]
    NotSealed {
        /// The segment's bytes.
        found: usize,
        /// The bytes of this program's struct.
        expected: usize,
    },
    /// The segment has a seal, and this program's struct is `#[shm(bare)]`.
    #[non_exhaustive]
    Sealed {
        /// The segment's bytes.
        found: usize,
        /// The bytes of this program's struct.
        expected: usize,
    },
    /// The seal of the segment makes no sense: another process overwrote it.
    #[non_exhaustive]
    BadSeal {
        /// What is wrong with it.
        reason: String,
    },
    /// The segment was created with another layout than this program's struct has.
    #[non_exhaustive]
    LayoutDiffers {
        /// The layout in the segment's seal.
        theirs: Box<Schema>,
        /// The layout of this program's struct.
        ours: Box<Schema>,
    },
    /// The key belongs to something else: two derivations that name different things gave the same one, or the struct of
    /// another name was found by a number. See [`Key`](crate::Key#collisions).
    #[non_exhaustive]
    KeyCollision {
        /// How the creator derived the key, and the struct it is for.
        theirs: String,
        /// The same of this program.
        ours: String,
    },
    /// The segment (semaphore set, message queue) belongs to a user whom this process was not told to trust, and who could
    /// have created it to be found here.
    #[non_exhaustive]
    Untrusted {
        /// The owner's user.
        owner: u32,
        /// The creator's user.
        creator: u32,
        /// The user of this process (effective).
        uid: u32,
        /// Why one of those numbers does not tell who it is: the overflow uid, in a user namespace where some users have no
        /// number of their own. Then only [`trust_anybody`](crate::Options::trust_anybody) opens it.
        unidentified: Option<String>,
    },
    /// A user who was to be trusted does not exist, or cannot be looked up, and the object belongs to another one than those
    /// that are trusted otherwise.
    #[non_exhaustive]
    UnknownUser {
        /// The name.
        name: String,
        /// What looking it up gave, if there may be one.
        source: Option<io::Error>,
    },
    /// The segment's struct contains a [`Mutex`](crate::sync::Mutex), whose holder is known by its thread id, and this
    /// process is in another pid namespace than the creator, where that id means another thread: see
    /// [`Options::allow_other_pid_namespace`](crate::Options::allow_other_pid_namespace).
    #[non_exhaustive]
    OtherPidNamespace {
        /// The inode of the creator's pid namespace, as its /proc/self/ns/pid shows it; `None` if the seal does not say.
        creator: Option<u32>,
        /// That of this process, if it is known.
        this: Option<u32>,
    },
    /// The segment was removed, or its id means another one by now.
    Removed,
    /// Nothing has the id that was given: it was removed, or the id is one of another IPC namespace, as a container has.
    #[non_exhaustive]
    NoSuchId {
        /// The inode of this thread's IPC namespace, as /proc/self/ns/ipc shows it, if it is known.
        ipc_namespace: Option<u64>,
        /// The id of the object that is at its place in the kernel's table now, if one is.
        successor: Option<i32>,
    },
    /// The system call is refused whatever it is asked, by a filter of system calls (seccomp), as containers have, or
    /// because the kernel does not have it. It has nothing to do with the object's owner and mode.
    #[non_exhaustive]
    CallRefused {
        /// The call's name: `shmget`.
        call: &'static str,
        /// Whether this thread's system calls are filtered; `None` if that is not known.
        filtered: Option<bool>,
        /// The `errno`: the filter's choice, or ENOSYS.
        source: io::Error,
    },
    /// The user or the group to be set has no number in this process's user namespace.
    #[non_exhaustive]
    NoSuchUser {
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
    },
    /// This process may not create segments of huge pages: it has neither CAP_IPC_LOCK nor the group that may.
    #[non_exhaustive]
    HugePagesDenied {
        /// The group that may, `sysctl vm.hugetlb_shm_group`, if it could be read.
        group: Option<u32>,
        /// The user of this process (effective).
        uid: u32,
        /// The groups of this process: the effective one, and the supplementary ones.
        groups: Vec<u32>,
    },
    /// The segment is made of huge pages, or was to be, and the processes that may write to it were not said to be
    /// trusted: see [`Options::trust_writers`](crate::Options::trust_writers).
    HugePages,
    /// A limit of the system is reached.
    #[non_exhaustive]
    Limit {
        /// The limit's name: as sysctl(8) has it (`kernel.shmmni`), as setrlimit(2) has it (`RLIMIT_MEMLOCK`), of
        /// semaphores as semget(2) and semop(2) have it (`SEMMNI`), or `msg_qbytes` of one queue.
        name: &'static str,
        /// Its value, if it could be read: of `kernel.shmall` in pages, of others about memory in bytes.
        value: Option<u64>,
        /// What was asked for, where that is a number: of `kernel.shmall` too, in bytes.
        asked: Option<u64>,
        /// How much of it is in use, where many share it, if that could be asked for.
        used: Option<u64>,
    },
    /// There is not enough memory, or not enough room in this process's address space.
    #[non_exhaustive]
    NoMemory {
        /// The bytes asked for: of a segment or a message. Otherwise 0.
        size: usize,
        /// Whether huge pages were asked for, of which the system keeps a fixed number.
        huge_pages: bool,
    },
    /// Only the owner, the creator and root may do it.
    #[non_exhaustive]
    NotOwner {
        /// What the kernel knows of it, unless it was removed meanwhile.
        existing: Option<Box<Record>>,
        /// The user of this process (effective).
        uid: u32,
    },
    /// The address for `attach_at` is not a multiple of the size of the segment's pages, or the segment does not fit there.
    #[non_exhaustive]
    Address {
        /// The address.
        address: usize,
        /// The bytes of a page of the segment: more than usual if it is made of huge pages.
        page_size: usize,
        /// The bytes of the segment.
        size: usize,
    },
    /// Nothing is attached any more where this attachment was: other code of this process has unmapped it.
    #[non_exhaustive]
    NotAttached {
        /// The address.
        address: usize,
    },
    /// The semaphores were created, but no process has given them their initial values, and the waiting time is over.
    #[non_exhaustive]
    Uninitialised {
        /// What the kernel knows of the set, unless it was removed meanwhile.
        existing: Option<Box<Record>>,
        /// How long this process waited.
        waited: Duration,
        /// Why `open_or_create`, which replaces what a dead creator left, did not; `None` if it was not asked to.
        kept: Option<&'static str>,
    },
    /// The units of a permit are not this process's to release: another process acquired them, and this one, which was
    /// forked from it, has a copy of the permit.
    #[non_exhaustive]
    NotHolder {
        /// The process that acquired them; 0 if it is in another pid namespace.
        holder_pid: i32,
        /// Whether it is known to have ended. `false` also where that cannot be told.
        ended: bool,
        /// Whether the kernel gives them back when it ends (SEM_UNDO).
        undo: bool,
    },
    /// The message is not a `T`, or not a whole number of them where the queue is one of `[T]`. Nothing of it is lost.
    #[non_exhaustive]
    WrongMessage {
        /// The message; `None` if it is larger than a `T`: then it is still in the queue.
        message: Option<Box<RawMessage>>,
        /// Whether it is still in the queue: because it is too large, or was only [looked at](crate::msg::Queue::peek).
        in_queue: bool,
        /// The bytes of a `T`.
        expected: usize,
        /// If it has that many, or a multiple in a queue of `[T]`: what in it is not a value of its type.
        invalid: Option<InvalidValue>,
    },
    /// A signal came while the call waited, on a handle that is to be interrupted by one: nothing was done. See
    /// [`msg::Queue::interruptible`](crate::msg::Queue::interruptible) and
    /// [`sem::SemaphoreSet::interruptible`](crate::sem::SemaphoreSet::interruptible).
    Interrupted,
    /// Anything else that the kernel says.
    #[non_exhaustive]
    Os {
        /// The `errno`.
        source: io::Error,
    },
}
