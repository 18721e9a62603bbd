//! What can go wrong at run time.

use core::fmt;
use core::time::Duration;
use std::io;
use std::time::SystemTime;

use crate::identity::Identity;
use crate::schema::Schema;
use crate::stat::Stat;

/// A failed operation: what was tried, on which segment, why it failed and the way out.
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
    /// There is a segment under this key already.
    #[non_exhaustive]
    AlreadyExists {
        /// What the kernel knows of it, unless it was removed meanwhile.
        existing: Option<Box<Stat>>,
    },
    /// There is no segment under this key.
    NotFound,
    /// The owner and mode of the segment do not allow it.
    #[non_exhaustive]
    Permission {
        /// What the kernel knows of the segment, unless it was removed meanwhile.
        existing: Option<Box<Stat>>,
        /// The user of this process (effective).
        uid: u32,
        /// The group of this process (effective).
        gid: u32,
    },
    /// The segment has another size than the struct.
    #[non_exhaustive]
    SizeDiffers {
        /// The segment's bytes.
        found: usize,
        /// The bytes that this program's struct needs.
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
        /// The limit's name, as sysctl(8) has it (`kernel.shmmni`), or as setrlimit(2) has it (`RLIMIT_MEMLOCK`).
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
        /// What the kernel knows of the segment, unless it was removed meanwhile.
        existing: Option<Box<Stat>>,
        /// The user of this process (effective).
        uid: u32,
    },
    /// The address for `attach_at` is not a multiple of the page size, or the segment does not fit there.
    #[non_exhaustive]
    Address {
        /// The address.
        address: usize,
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
        Self(Box::new(Inner {
            operation,
            identity,
            kind,
        }))
    }

    /// Why it failed.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What was tried: `"create"`, `"attach"`.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The `key_t` of the segment, if it was known.
    pub fn key(&self) -> Option<i32> {
        self.0.identity.value
    }

    /// The shmid of the segment, if it was known.
    pub fn id(&self) -> Option<i32> {
        self.0.identity.id
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            operation,
            identity,
            kind,
        } = &*self.0;
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
            _ => None,
        }
    }
}

impl ErrorKind {
    /// Why, and the way out.
    fn explain(&self, identity: &Identity, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let type_name = identity.type_name.unwrap_or("T");
        match self {
            Self::KeyFile { source } => write!(
                f,
                "the key comes from a file that cannot be looked at: {source}. ftok(3) needs an existing file and \
                 search permission on the directories above it; create it once, or use a `name`, which needs no file"
            ),
            Self::InvalidInput { reason } => f.write_str(reason),
            Self::AlreadyExists { existing } => {
                f.write_str("a segment with this key already exists")?;
                match existing {
                    Some(stat) => {
                        write!(
                            f,
                            ": {}. Open it with `{type_name}::open()`, or, ",
                            Described(stat, identity.id)
                        )?;
                        write!(f, "if nobody needs it, remove it with `{type_name}::remove()`")?;
                        identity.id.map_or(Ok(()), |id| write!(f, " or `ipcrm -m {id}`"))
                    }
                    None => f.write_str("; it was removed meanwhile, so trying again may help"),
                }
            }
            Self::NotFound => {
                write!(
                    f,
                    "no segment has this key. Create it first, with `{type_name}::create()`"
                )?;
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
                    Some(stat) => write!(
                        f,
                        ": the segment is {}. Its owner can let this user in with `set_permissions`, by group or mode \
                         (for a new one, `#[shm(mode = 0o660)]`)",
                        Described(stat, identity.id)
                    ),
                    None => Ok(()),
                }
            }
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
            Self::Abandoned {
                creator_pid,
                created_at,
            } => write!(
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
                "the segment was removed (by IPC_RMID: `remove()`, ipcrm, or systemd-logind's RemoveIPC when its user \
                 logged out). Create it anew, or open its successor with `{type_name}::open()`"
            ),
            Self::Limit { name, value } => {
                write!(f, "the limit {name} is reached")?;
                if let Some(value) = value {
                    write!(f, ", which is {value}")?;
                }
                if name.starts_with("RLIMIT") {
                    f.write_str(". Raise it with `ulimit` or in limits.conf(5)")
                } else {
                    write!(
                        f,
                        ". Remove segments that nobody needs (`ipcs -m`), or raise it with `sysctl -w {name}=...`"
                    )
                }
            }
            Self::NoMemory {
                size,
                huge_pages: true,
            } => write!(
                f,
                "{size} bytes in huge pages are not to be had: the pool (`sysctl vm.nr_hugepages`) is too small. \
                 Enlarge it, or create the segment without huge pages"
            ),
            Self::NoMemory {
                size,
                huge_pages: false,
            } => {
                write!(
                    f,
                    "{size} bytes of memory, or of address space (RLIMIT_AS), are not to be had"
                )
            }
            Self::NotOwner { existing, uid } => {
                write!(
                    f,
                    "only the owner, the creator and root may do this, and this process is uid {uid}"
                )?;
                match existing {
                    Some(stat) => write!(f, ": the segment is {}", Described(stat, identity.id)),
                    None => Ok(()),
                }
            }
            Self::Address { address } => write!(
                f,
                "nothing can be attached at {address:#x}: the address has to be a multiple of the page size, with \
                 room for the segment behind it"
            ),
            Self::Os { source } => write!(f, "{source}"),
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
        write!(
            f,
            "owner uid {} gid {}, mode {:04o}, {} bytes, ",
            stat.uid, stat.gid, stat.mode, stat.size
        )?;
        write!(
            f,
            "created by {}{}, {} attached",
            Pid(stat.creator_pid),
            Ago(stat.changed_at),
            stat.attached
        )
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
