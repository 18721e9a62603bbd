//! What each kind of error says, and the way out.

use core::fmt;

use super::ErrorKind;
use super::words::{Ago, Count, Pid, Shown};
use crate::ipc::identity::{Identity, ObjectKind};

impl ErrorKind {
    /// Why, and the way out.
    pub(super) fn explain(&self, identity: &Identity, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
                            ObjectKind::Segment => "`#[shm(mode = 0o660)]`",
                            ObjectKind::Semaphore | ObjectKind::Queue => "`options(..).mode(0o660)`",
                        }
                    ),
                    None => Ok(()),
                }
            }
            Self::SizeDiffers { found, expected } if object == ObjectKind::Semaphore => write!(
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
                 `{type_name}::open_or_create()` replaces it, and {} removes it. (A program that \
                 does not seal its segments leaves the same; if it was one, write `#[shm(bare)]`.)",
                Pid(*creator_pid),
                Ago(*created_at),
                Removal(identity)
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
            Self::Untrusted { owner, creator, uid, unidentified: Some(reason) } => write!(
                f,
                "it cannot be told whose the {noun} is: it shows owner uid {owner} and creator uid {creator}, and {reason}. \
                 This process is uid {uid}. Run it as a user who has a number of its own, with those whose {noun}s it opens \
                 (`unshare --map-users`, newuidmap(1), /etc/subuid); trusting that number would trust all those users, which `{}` says plainly",
                identity.option("trust_anybody()")
            ),
            Self::Untrusted { owner, creator, uid, unidentified: None } => {
                write!(
                    f,
                    "the {noun} belongs to uid {owner} and was created by uid {creator}, and this process, uid {uid}, \
                     trusts itself and root: anybody can create a {noun} under a key that is not in use. If that user \
                     may, say so with "
                )?;
                let user = if [0, *uid].contains(owner) { creator } else { owner };
                if identity.has_struct() {
                    write!(f, "`#[shm(trust = {user})]` or ")?;
                }
                write!(f, "`{}`", identity.option(&format!("trust_owner({user})")))
            }
            Self::UnknownUser { name, source } => {
                write!(f, "the user {name:?}, who is trusted by name, ")?;
                match source {
                    Some(source) => write!(f, "cannot be looked up: {source}")?,
                    None => f.write_str("does not exist on this machine (getpwnam(3), `getent passwd`)")?,
                }
                write!(
                    f,
                    ", and the {noun} does not belong to this process's user, to root, or to another user who is trusted. \
                     Create the user, or name another one with `{}`",
                    identity.option("trust_owner_named(...)")
                )
            }
            Self::Removed => write!(
                f,
                "the {noun} was removed (by IPC_RMID: `remove()`, ipcrm, or systemd-logind's RemoveIPC when its user \
                 logged out). Create it anew, or open its successor with `{}`",
                identity.call("open")
            ),
            Self::HugePages => write!(
                f,
                "any process that may write to a segment of huge pages can take them away, by MADV_REMOVE: then the next \
                 access kills this process by SIGBUS. If every process is trusted that its mode lets write to it, say so \
                 with `{type_name}::options().trust_writers()`; if not, create it without huge pages"
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
            Self::Uninitialised { existing, waited, kept } => {
                write!(
                    f,
                    "after {} ms of waiting, nobody has given it its initial values",
                    waited.as_millis()
                )?;
                if let Some(existing) = existing {
                    write!(f, ": it is {}", Shown(existing, identity.id))?;
                }
                match kept {
                    None => write!(
                        f,
                        ". If its creator died, `{}` replaces it, and {} removes it",
                        identity.call("open_or_create"),
                        Removal(identity)
                    )?,
                    Some(reason) => write!(
                        f,
                        ". It was not replaced, because {reason}. If its creator died, remove it with {}",
                        Removal(identity)
                    )?,
                }
                f.write_str(
                    ". If it is a C program's, which set the values by SETVAL, and nobody used it since, open it with \
                     `allow_unused(true)`",
                )
            }
            Self::NotHolder { holder_pid, ended, undo } => {
                write!(
                    f,
                    "{} acquired the units, and this process, which was forked from it, does not hold them. ",
                    Pid(*holder_pid)
                )?;
                f.write_str(match (ended, undo) {
                    (true, true) => {
                        "The kernel released them when that process ended (SEM_UNDO belongs to a process), and others may \
                         have acquired them since: acquire in the process that does the work, after fork or daemonizing"
                    }
                    (true, false) => {
                        "That process ended and released nothing, as `undo` is off. To give them back, perform \
                         `Op::Release` (`release` on a semaphore); better, acquire in the process that does the work, after \
                         fork or daemonizing"
                    }
                    (false, _) => {
                        "That process releases them, or the kernel does when it ends, unless `undo` is off. A process \
                         that needs some of its own acquires them itself, after fork or daemonizing"
                    }
                })
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

/// How to remove this object and no successor of it: by its id, which no other object gets soon. Only if that is not known,
/// by its key.
struct Removal<'a>(&'a Identity);

impl fmt::Display for Removal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.id {
            Some(id) => write!(f, "`ipcrm -{} {id}`", self.0.object.flag()),
            None => write!(f, "`{}`", self.0.call("remove")),
        }
    }
}

/// The place of a semaphore limit in its sysctl, which holds four.
fn semaphore_limit(name: &str) -> String {
    let names = ["SEMMSL", "SEMMNS", "SEMOPM", "SEMMNI"];
    let place = names.map(|other| if other == name { "..." } else { other });
    format!("it with `sysctl -w kernel.sem=\"{}\"`", place.join(" "))
}
