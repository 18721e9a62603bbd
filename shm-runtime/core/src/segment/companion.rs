//! The companion of a segment, a semaphore under the same key: whether it is of the same program.

use crate::ipc::error::ErrorKind;
use crate::ipc::identity::Identity;
use crate::ipc::trusted::Trusted;
use crate::seal::admission::{ExpectedKey, companion_of};
use crate::seal::footer::Seal;
use crate::segment::mapping::Mapping;
use crate::sys;

/// That the segment with this key, if there is one, is that of this program's struct. Of one that was not made yet, nothing
/// tells how its key was derived.
pub(super) fn check(identity: &Identity, trusted: &Trusted) -> Result<(), ErrorKind> {
    let Some((key, name)) = ExpectedKey::of(identity).zip(identity.type_name) else {
        return Ok(());
    };
    let segment = match key.value {
        sys::IPC_PRIVATE => None,
        value => sys::shmget(value, 0, 0).ok(),
    };
    let Some(mapping) = segment.and_then(|id| Mapping::new(id, false, false).ok()) else {
        return Ok(());
    };
    let users = mapping.observed().users;
    match users.is_some_and(|users| trusted.check(users.owner, users.creator).is_ok()) {
        true => companion_of(Seal::of(mapping.region()), &key, name),
        // What a stranger's segment says is no reason for anything.
        false => Ok(()),
    }
}
