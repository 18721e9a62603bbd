//! What can go wrong at run time.

use core::fmt;
use core::time::Duration;
use std::io;
use std::time::SystemTime;

use crate::existing::Existing;
use crate::identity::{Identity, Object};
use crate::msg::RawMessage;
use crate::schema::Schema;
use crate::stat::Stat;
use crate::value::InvalidValue;

/// A failed operation: what was tried, on which object, why it failed and the way out.
///
/// `Display` says all of it in one paragraph; [`kind`](Self::kind) is for programs that react to it.
///
/// ```
/// use shm_runtime::{ErrorKind, SharedSegment};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(name = "org.example.nobody-created-this")]
/// struct Nothing { count: u64 }
///
/// let error = Nothing::open().unwrap_err();
/// assert!(matches!(error.kind(), ErrorKind::NotFound));
/// let text = error.to_string();
/// assert!(text.contains("Nothing") && text.contains("org.example.nobody-created-this"));
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    operation: &'static str,
    identity: Identity,
    kind: ErrorKind,
}

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
        existing: Option<Box<Existing>>,
    },
    /// There is no segment (semaphore set, message queue) under this key.
    NotFound,
    /// The owner and mode of the object do not allow it.
    #[non_exhaustive]
    Permission {
        /// What the kernel knows of it, unless it was removed meanwhile.
        existing: Option<Box<Existing>>,
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
    /// The segment is still being initialised, and the waiting time is over.
    #[non_exhaustive]
    NotReady {
        /// The process that created it, or that does not finish removing it as stale.
        creator_pid: i32,
        /// How long this process waited.
        waited: Duration,
    },
    /// The segment was never initialised to the end: its creator died or panicked over it.
    #[non_exhaustive]
    Abandoned {
        /// The process that created it.
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
    /// Two different derivations gave the same key: the segment belongs to something else.
    #[non_exhaustive]
    KeyCollision {
        /// How the creator derived the key, and the struct it is for.
        theirs: String,
        /// The same of this program.
        ours: String,
    },
    /// The segment belongs to somebody whom this process was not told to trust, and who could have created it to
    /// be found here.
    #[non_exhaustive]
    Untrusted {
        /// The owner's user.
        owner: u32,
        /// The creator's user.
        creator: u32,
        /// The user of this process (effective).
        uid: u32,
    },
    /// The segment was removed.
    Removed,
    /// A limit of the system is reached.
    #[non_exhaustive]
    Limit {
        /// The limit's name: as sysctl(8) has it (`kernel.shmmni`), as setrlimit(2) has it (`RLIMIT_MEMLOCK`), of
        /// semaphores as semget(2) and semop(2) have it (`SEMMNI`), or `msg_qbytes` of one queue.
        name: &'static str,
        /// Its value, if it could be read.
        value: Option<u64>,
    },
    /// There is not enough memory, or not enough room in this process's address space.
    #[non_exhaustive]
    NoMemory {
        /// The bytes asked for.
        size: usize,
        /// Whether huge pages were asked for, of which the system keeps a fixed number.
        huge_pages: bool,
    },
    /// Only the owner, the creator and root may do it.
    #[non_exhaustive]
    NotOwner {
        /// What the kernel knows of it, unless it was removed meanwhile.
        existing: Option<Box<Existing>>,
        /// The user of this process (effective).
        uid: u32,
    },
    /// The address for `attach_at` is not a multiple of the page size, or the segment does not fit there.
    #[non_exhaustive]
    Address {
        /// The address.
        address: usize,
    },
    /// The semaphores were created, but nobody has given them their initial values, and the waiting time is over.
    #[non_exhaustive]
    Uninitialised {
        /// What the kernel knows of the set, unless it was removed meanwhile.
        existing: Option<Box<Existing>>,
        /// How long this process waited.
        waited: Duration,
    },
    /// The message is no `T`. Nothing of it is lost.
    #[non_exhaustive]
    WrongMessage {
        /// The message, which was taken from the queue; `None` if it is larger than a `T`: then it is still there.
        message: Option<Box<RawMessage>>,
        /// The bytes of a `T`.
        expected: usize,
        /// If it has that many: what in it is no value of its type.
        invalid: Option<InvalidValue>,
    },
    /// Anything else that the kernel says.
    #[non_exhaustive]
    Os {
        /// The `errno`.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn new(operation: &'static str, identity: Identity, kind: ErrorKind) -> Self {
        Self(Box::new(Inner { operation, identity, kind }))
    }

    /// Why it failed.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What was tried: `"create"`, `"attach"`.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The `key_t` of the object, if it was known.
    pub fn key(&self) -> Option<i32> {
        self.0.identity.value
    }

    /// The shmid, semid or msqid of the object, if it was known.
    pub fn id(&self) -> Option<i32> {
        self.0.identity.id
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { operation, identity, kind } = &*self.0;
        write!(f, "cannot {operation} {identity}: ")?;
        kind.explain(identity, f)
    }
}

/// As `Display`: `unwrap` and `fn main() -> Result` show this one.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self.kind() {
            ErrorKind::KeyFile { source } | ErrorKind::Os { source } => Some(source),
            ErrorKind::WrongMessage { invalid: Some(invalid), .. } => Some(invalid),
            _ => None,
        }
    }
}

impl ErrorKind {
    /// Why, and the way out.
    fn explain(&self, identity: &Identity, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let type_name = identity.type_name.unwrap_or("T");
        let (object, noun) = (identity.object, identity.object.noun());
        match self {
            Self::KeyFile { source } => write!(
                f,
                "the key comes from a file that cannot be looked at: {source}. ftok(3) needs an existing file and \
                 search permission on the directories above it; create it once, or use a `name`, which needs no file"
            ),
            Self::InvalidInput { reason } => f.write_str(reason),
            Self::AlreadyExists { existing } => {
                write!(f, "a {noun} with this key already exists")?;
                match existing {
                    Some(existing) => {
                        write!(
                            f,
                            ": {}. Open it with `{}`, or, if nobody needs it, remove it with `{}`",
                            Shown(existing, identity.id),
                            identity.call("open"),
                            identity.call("remove")
                        )?;
                        let flag = object.flag();
                        identity.id.map_or(Ok(()), |id| write!(f, " or `ipcrm -{flag} {id}`"))
                    }
                    None => f.write_str("; it was removed meanwhile, so trying again may help"),
                }
            }
            Self::NotFound => {
                write!(f, "no {noun} has this key. Create it first, with `{}`", identity.call("create"))?;
                match identity.inode {
                    Some(inode) => write!(
                        f,
                        "; and if it was created already, see whether the file was replaced since: the key comes from \
                         its inode, now {inode}, and a replaced file has another"
                    ),
                    None => Ok(()),
                }
            }
            Self::Permission { existing, uid, gid } => {
                write!(f, "permission denied to uid {uid}, gid {gid}")?;
                match existing {
                    Some(existing) => write!(
                        f,
                        ": the {noun} is {}. Its owner can let this user in with `set_permissions`, by group or mode \
                         (for a new one, {})",
                        Shown(existing, identity.id),
                        match object {
                            Object::Segment => "`#[shm(mode = 0o660)]`",
                            Object::Semaphore | Object::Queue => "`options(..).mode(0o660)`",
                        }
                    ),
                    None => Ok(()),
                }
            }
            Self::SizeDiffers { found, expected } if object == Object::Semaphore => write!(
                f,
                "the set has {}, and this program expects {expected}: it was created for something else, or by another \
                 version. Let both agree, or remove the set and create it anew",
                Count(*found, "semaphore")
            ),
            Self::SizeDiffers { found, expected } => write!(
                f,
                "the segment has {found} bytes, and this program's {type_name} has {expected}: they were built from \
                 different definitions, or the key belongs to something else. Rebuild both from one definition, or \
                 remove the segment and create it anew"
            ),
            Self::NotReady { creator_pid, waited } => write!(
                f,
                "after {} ms of waiting, {} has not finished initialising it. Wait longer, with \
                 `{type_name}::options().wait(...)`, or see what keeps that process",
                waited.as_millis(),
                Pid(*creator_pid)
            ),
            Self::Abandoned { creator_pid, created_at } => write!(
                f,
                "it was never initialised to the end: its creator, {}, died or panicked over it{}. \
                 `{type_name}::open_or_create()` replaces it, and `{type_name}::remove()` removes it. (A program that \
                 does not seal its segments leaves the same; if it was one, write `#[shm(bare)]`.)",
                Pid(*creator_pid),
                Ago(*created_at)
            ),
            Self::NotSealed { found, expected } => write!(
                f,
                "the segment ({found} bytes) has no seal, so a program that does not seal created it, in C or with \
                 `#[shm(bare)]`. To use it, write `#[shm(bare)]` on {type_name} ({expected} bytes); nothing is checked then \
                 but the size"
            ),
            Self::Sealed { found, expected } => write!(
                f,
                "the segment ({found} bytes) is sealed, and {type_name} ({expected} bytes) is `#[shm(bare)]`. Remove \
                 `bare`, or, to leave the seal unchecked, open with `{type_name}::options().allow_larger(true)`"
            ),
            Self::BadSeal { reason } => write!(
                f,
                "{reason}: another process overwrote it. Nothing in the segment can be relied on; remove it and create it \
                 anew"
            ),
            Self::LayoutDiffers { theirs, ours } => write!(
                f,
                "the segment was created with another layout (-) than this program's {type_name} has (+):\n{}Rebuild \
                 both from one definition, or remove the segment and create it anew; if it only gained fields at its \
                 end, `{type_name}::open_compatible()` takes it",
                theirs.difference(ours)
            ),
            Self::KeyCollision { theirs, ours } => write!(
                f,
                "the key is taken by something else: the segment is {theirs}, and this program looks for {ours}. Give one \
                 of them another key"
            ),
            Self::Untrusted { owner, creator, uid } => write!(
                f,
                "the segment belongs to uid {owner} and was created by uid {creator}, and this process, uid {uid}, trusts \
                 itself and root: anybody can create a segment under a key that is not in use. If that user may, say so \
                 with `#[shm(trust = {owner})]` or `{type_name}::options().trust_owner({owner})`"
            ),
            Self::Removed => write!(
                f,
                "the {noun} was removed (by IPC_RMID: `remove()`, ipcrm, or systemd-logind's RemoveIPC when its user \
                 logged out). Create it anew, or open its successor with `{}`",
                identity.call("open")
            ),
            Self::Limit { name, value } => {
                write!(f, "the limit {name} is reached")?;
                if let Some(value) = value {
                    write!(f, ", which is {value}")?;
                }
                match *name {
                    "SEMVMX" => f.write_str(
                        ": no semaphore counts beyond it, nor what SEM_UNDO notes down for one process. See whether \
                         more is released than acquired",
                    ),
                    "SEMMSL" | "SEMOPM" => write!(f, ". Use fewer at once, or raise {}", semaphore_limit(name)),
                    "SEMMNS" | "SEMMNI" => write!(
                        f,
                        ". Remove semaphore sets that nobody needs (`ipcs -s`), or raise {}",
                        semaphore_limit(name)
                    ),
                    "kernel.msgmax" => write!(
                        f,
                        " bytes a message. Send less at once, or raise it with `sysctl -w {name}=...`"
                    ),
                    "msg_qbytes" => f.write_str(
                        " bytes in this queue: a message that is larger would never fit. Raise it with `set_limit`",
                    ),
                    "kernel.msgmnb" => write!(
                        f,
                        ": without CAP_SYS_RESOURCE no queue gets a higher limit. Ask for less, or raise it with \
                         `sysctl -w {name}=...`"
                    ),
                    _ if name.starts_with("RLIMIT") => {
                        f.write_str(". Raise it with `ulimit` or in limits.conf(5)")
                    }
                    _ => write!(
                        f,
                        ". Remove {noun}s that nobody needs (`ipcs -{}`), or raise it with `sysctl -w {name}=...`",
                        object.flag()
                    ),
                }
            }
            Self::NoMemory { size, huge_pages: true } => write!(
                f,
                "{size} bytes in huge pages are not to be had: the pool (`sysctl vm.nr_hugepages`) is too small. \
                 Enlarge it, or create the segment without huge pages"
            ),
            Self::NoMemory { size, huge_pages: false } => {
                write!(f, "{size} bytes of memory, or of address space (RLIMIT_AS), are not to be had")
            }
            Self::NotOwner { existing, uid } => {
                write!(f, "only the owner, the creator and root may do this, and this process is uid {uid}")?;
                match existing {
                    Some(existing) => write!(f, ": the {noun} is {}", Shown(existing, identity.id)),
                    None => Ok(()),
                }
            }
            Self::Address { address } => write!(
                f,
                "nothing can be attached at {address:#x}: the address has to be a multiple of the page size, with \
                 room for the segment behind it"
            ),
            Self::Uninitialised { existing, waited } => {
                write!(
                    f,
                    "after {} ms of waiting, nobody has given it its initial values",
                    waited.as_millis()
                )?;
                if let Some(existing) = existing {
                    write!(f, ": it is {}", Shown(existing, identity.id))?;
                }
                write!(
                    f,
                    ". If its creator died over it, remove it with `{}`. If it is a C program's, which set the values by \
                     SETVAL, and nobody used it since, open it with `allow_unused(true)`",
                    identity.call("remove")
                )
            }
            Self::WrongMessage { message: None, expected, .. } => write!(
                f,
                "the next message is larger than the {expected} bytes of a {type_name}: the sender was built from \
                 another definition, or the queue belongs to something else. It is still in the queue; \
                 `try_receive_raw` takes it"
            ),
            Self::WrongMessage { message: Some(message), expected, invalid } => {
                let (mtype, found) = (message.mtype, message.bytes.len());
                match invalid {
                    Some(invalid) => write!(f, "a message of type {mtype} is no {type_name}: {invalid}")?,
                    None => write!(
                        f,
                        "a message of type {mtype} has {found} bytes, and a {type_name} has {expected}: the sender was \
                         built from another definition, or the queue belongs to something else"
                    )?,
                }
                f.write_str(
                    ". It was taken from the queue, and is in this error: see `ErrorKind::WrongMessage`",
                )
            }
            Self::Os { source } => write!(f, "{source}"),
        }
    }
}

/// The place of a semaphore limit in its sysctl, which holds four.
fn semaphore_limit(name: &str) -> String {
    let names = ["SEMMSL", "SEMMNS", "SEMOPM", "SEMMNI"];
    let place = names.map(|other| if other == name { "..." } else { other });
    format!("it with `sysctl -w kernel.sem=\"{}\"`", place.join(" "))
}

/// A number of things in words.
struct Count<N>(N, &'static str);

impl<N: fmt::Display + PartialEq + From<bool>> fmt::Display for Count<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == N::from(true) { "" } else { "s" };
        write!(f, "{} {}{plural}", self.0, self.1)
    }
}

/// An object in words.
struct Shown<'a>(&'a Existing, Option<i32>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(existing, id) = *self;
        let (object, uid, gid, mode) = match existing {
            Existing::Segment(stat) => return Described(stat, id).fmt(f),
            Existing::Semaphore(stat) => (Object::Semaphore, stat.uid, stat.gid, stat.mode),
            Existing::Queue(stat) => (Object::Queue, stat.uid, stat.gid, stat.mode),
        };
        if let Some(id) = id {
            write!(f, "{} {id}, ", object.id_name())?;
        }
        write!(f, "owner uid {uid} gid {gid}, mode {mode:04o}, ")?;
        match existing {
            Existing::Segment(_) => Ok(()),
            Existing::Semaphore(stat) => write!(
                f,
                "{}, created by uid {}, last changed{}",
                Count(stat.semaphores, "semaphore"),
                stat.creator_uid,
                Ago(stat.changed_at)
            ),
            Existing::Queue(stat) => write!(
                f,
                "{} of {} bytes in all, created by uid {}, last changed{}",
                Count(stat.messages, "message"),
                stat.bytes,
                stat.creator_uid,
                Ago(stat.changed_at)
            ),
        }
    }
}

/// A segment in words: `shmid 5, owner uid 0, mode 0600, created by pid 17 (weatherd) 12 s ago, 3 attached`.
struct Described<'a>(&'a Stat, Option<i32>);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(stat, id) = *self;
        if let Some(id) = id {
            write!(f, "shmid {id}, ")?;
        }
        write!(f, "owner uid {} gid {}, mode {:04o}, {} bytes, ", stat.uid, stat.gid, stat.mode, stat.size)?;
        write!(f, "created by {}{}, {} attached", Pid(stat.creator_pid), Ago(stat.changed_at), stat.attached)
    }
}

/// A process in words: `pid 17 (weatherd)`.
struct Pid(i32);

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::fs::read_to_string(format!("/proc/{}/comm", self.0)) {
            Ok(comm) => write!(f, "pid {} ({})", self.0, comm.trim_end().escape_debug()),
            Err(_) => write!(f, "pid {} (which is gone)", self.0),
        }
    }
}

/// A time in words, if it is known: ` 12 s ago`.
struct Ago(Option<SystemTime>);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.and_then(|at| SystemTime::now().duration_since(at).ok()) {
            Some(age) => write!(f, " {} s ago", age.as_secs()),
            None => Ok(()),
        }
    }
}
