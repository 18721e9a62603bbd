//! Errors about users and what they may do.

use core::fmt;

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

/// Of a user whom this process does not trust.
pub(super) fn untrusted(
    owner: u32,
    creator: u32,
    uid: u32,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let type_name = name_of(identity);
    write!(
        f,
        "the segment belongs to uid {owner} and was created by uid {creator}, and this process, uid {uid}, trusts \
         itself and root: anybody can create a segment under a key that is not in use. If that user may, say so \
         with `#[shm(trust = {owner})]` or `{type_name}::options().trust_owner({owner})`"
    )
}
