//! Errors about the key, and about what has it.

use core::fmt;
use std::io;

use super::words::Shown;
use crate::ipc::identity::Identity;
use crate::ipc::kind::ObjectKind;
use crate::ipc::record::Record;
use crate::sys::proc::sysctl;

/// The file of an ftok key.
pub(super) fn file(source: &io::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "the key comes from a file that cannot be looked at: {source}. ftok(3) needs an existing file and \
         search permission on the directories above it; create it once, or use a `name`, which needs no file"
    )
}

/// Something has the key.
pub(super) fn already_exists(
    existing: Option<&Record>,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let (object, noun) = (identity.object, identity.object.noun());
    write!(f, "a {noun} with this key already exists")?;
    match existing {
        Some(existing) => {
            write!(
                f,
                ": {}. Open it with `{}`, or, if no process needs it, remove it with `{}`",
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

/// Nothing has the key.
pub(super) fn not_found(identity: &Identity, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let noun = identity.object.noun();
    write!(
        f,
        "no {noun} has this key. Create it first, with `{}`, or wait for another process to, with `{}`",
        identity.call("create"),
        identity.option("wait_for_creation(..)")
    )?;
    replaced_file(identity, f)?;
    forced(identity, f)
}

/// Nothing has the key of what was to be removed.
pub(super) fn nothing_to_remove(identity: &Identity, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (noun, flag) = (identity.object.noun(), identity.object.flag());
    write!(
        f,
        "no {noun} has this key, so there is nothing to remove: it was removed already, or never created. A program that \
         only wants it gone can ignore `ErrorKind::NotFound`; `ipcs -{flag}` lists what is there, and its keys"
    )?;
    replaced_file(identity, f)?;
    forced(identity, f)
}

/// That the file may have been another one when the object was created.
fn replaced_file(identity: &Identity, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match identity.inode {
        Some(inode) => write!(
            f,
            "; and if it was created already, see whether the file was replaced since: the key comes from \
             its inode, now {inode}, and a replaced file has another"
        ),
        None => Ok(()),
    }
}

/// Something else has the key.
pub(super) fn collision(theirs: &str, ours: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "the key is taken by something else: the segment is {theirs}, and this program looks for {ours}. Give one \
         of them another key"
    )
}

/// What had the key is gone.
pub(super) fn removed(identity: &Identity, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let noun = identity.object.noun();
    write!(
        f,
        "the {noun} was removed (by IPC_RMID: `remove()`, ipcrm, or systemd-logind's RemoveIPC when its user \
         logged out). Create it anew, or open its successor with `{}`",
        identity.call("open")
    )?;
    forced(identity, f)
}

/// Nothing has the id.
pub(super) fn no_such_id(
    ipc_namespace: Option<u64>,
    successor: Option<i32>,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let (noun, id_name) = (identity.object.noun(), identity.object.id_name());
    write!(f, "no {noun} has this {id_name} here: it was removed, or it is one of another IPC namespace")?;
    match ipc_namespace {
        Some(inode) => {
            write!(f, " (a container's, for instance) than ipc:[{inode}], in which this process is")?
        }
        None => f.write_str(", such as that of a container")?,
    }
    if let Some(successor) = successor {
        write!(f, ". Its place in the kernel's table has another {noun} now, {id_name} {successor}")?;
    }
    write!(
        f,
        ". Compare `readlink /proc/PID/ns/ipc` of both processes; if they are the same, `ipcs -{}` lists the ids that \
         there are",
        identity.object.flag()
    )?;
    forced(identity, f)
}

/// That segments here go by themselves, if it is so: asked when the error is shown.
fn forced(identity: &Identity, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if identity.object != ObjectKind::Segment || sysctl("kernel/shm_rmid_forced") != Some(1) {
        return Ok(());
    }
    f.write_str(
        ". Here `kernel.shm_rmid_forced` is 1: the kernel removes each segment as soon as no process is attached. Keep it \
         attached by one, or set it with `sysctl -w kernel.shm_rmid_forced=0`",
    )
}
