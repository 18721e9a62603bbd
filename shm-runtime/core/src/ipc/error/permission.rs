//! Errors about users and what they may do.

use core::fmt;
use std::io;

use super::words::{Shown, name_of};
use crate::ipc::identity::Identity;
use crate::ipc::kind::ObjectKind;
use crate::ipc::record::Record;

/// By owner and mode.
pub(super) fn denied(
    existing: Option<&Record>,
    uid: u32,
    gid: u32,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let (object, noun) = (identity.object, identity.object.noun());
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

/// For another user.
pub(super) fn not_owner(
    existing: Option<&Record>,
    uid: u32,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let noun = identity.object.noun();
    write!(f, "only the owner, the creator and root may do this, and this process is uid {uid}")?;
    match existing {
        Some(existing) => write!(f, ": the {noun} is {}", Shown(existing, identity.id)),
        None => Ok(()),
    }
}

/// Where thread ids mean other threads.
pub(super) fn other_pid_namespace(
    creator: Option<u32>,
    this: Option<u32>,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let name = |namespace: Option<u32>| match namespace {
        Some(namespace) => format!("pid:[{namespace}]"),
        None => "one whose number is not known".to_owned(),
    };
    write!(
        f,
        "{type_name} contains a `sync::Mutex`, which knows its holder by a thread id, and that means another thread \
         here: the segment was created in another pid namespace ({}) than this process is in ({}). Let both be in \
         one (a Kubernetes pod: `shareProcessNamespace: true`; Docker: `--pid=container:...`); to read only, \
         `attach_read_only`; or, if no lock in it is used from both, say so with \
         `{type_name}::options().allow_other_pid_namespace()`",
        name(creator),
        name(this),
        type_name = name_of(identity)
    )
}

/// Of a number that stands for many users.
pub(super) fn unidentified(
    owner: u32,
    creator: u32,
    uid: u32,
    reason: &str,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let noun = identity.object.noun();
    write!(
        f,
        "it cannot be told whose the {noun} is: it shows owner uid {owner} and creator uid {creator}, and {reason}. \
         This process is uid {uid}. Run it as a user who has a number of its own, with those whose {noun}s it opens \
         (`unshare --map-users`, newuidmap(1), /etc/subuid); trusting that number would trust all those users, which `{}` \
         says plainly",
        identity.option("trust_anybody()")
    )
}

/// Of a user whom this process does not trust.
pub(super) fn untrusted(
    owner: u32,
    creator: u32,
    uid: u32,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let noun = identity.object.noun();
    write!(
        f,
        "the {noun} belongs to uid {owner} and was created by uid {creator}, and this process, uid {uid}, \
         trusts itself and root: any user can create a {noun} under a key that is not in use. If that user \
         may, say so with "
    )?;
    let user = if [0, uid].contains(&owner) { creator } else { owner };
    if identity.has_struct() {
        write!(f, "`#[shm(trust = {user})]` or ")?;
    }
    write!(f, "`{}`", identity.option(&format!("trust_owner({user})")))
}

/// Of a user who was to be trusted by name.
pub(super) fn unknown_user(
    name: &str,
    source: Option<&io::Error>,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "the user {name:?}, who is trusted by name, ")?;
    match source {
        Some(source) => write!(f, "cannot be looked up: {source}")?,
        None => f.write_str("does not exist on this machine (getpwnam(3), `getent passwd`)")?,
    }
    write!(
        f,
        ", and the {} does not belong to this process's user, to root, or to another user who is trusted. \
         Create the user, or name another one with `{}`",
        identity.object.noun(),
        identity.option("trust_owner_named(...)")
    )
}

/// Of a number that stands for no user here.
pub(super) fn no_such_user(uid: u32, gid: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "uid {uid} or gid {gid} has no number in this process's user namespace, so the kernel cannot record it. Use \
         numbers that /proc/self/uid_map and /proc/self/gid_map have"
    )
}

/// To create segments of huge pages.
pub(super) fn huge_pages(
    group: Option<u32>,
    uid: u32,
    groups: &[u32],
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let gids: Vec<String> = groups.iter().map(u32::to_string).collect();
    f.write_str(
        "only processes with CAP_IPC_LOCK (in the initial user namespace), and those in the group of ",
    )?;
    match group {
        Some(group) => write!(f, "`vm.hugetlb_shm_group`, which is gid {group},")?,
        None => f.write_str("`vm.hugetlb_shm_group`")?,
    }
    write!(
        f,
        " may create segments of huge pages; this process has uid {uid} and gid {}. Set the group to one of its own, with \
         `sysctl -w vm.hugetlb_shm_group={}`, or create the segment without huge pages",
        gids.join(", "),
        groups.first().copied().unwrap_or_default()
    )
}
