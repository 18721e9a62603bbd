//! Why, and the way out: each kind of error in words, by what it is about.

use core::fmt;

use super::{ErrorKind, key, limits, memory, permission, queue, refused, seal, semaphore};
use crate::ipc::identity::Identity;
use crate::ipc::kind::ObjectKind;

impl ErrorKind {
    /// Why, and the way out.
    pub(super) fn explain(
        &self,
        operation: &str,
        about: &Identity,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        match self {
            Self::InvalidInput { reason } => f.write_str(reason),
            Self::Os { source } => write!(f, "{source}"),

            Self::KeyFile { source } => key::file(source, f),
            Self::AlreadyExists { existing } => key::already_exists(existing.as_deref(), about, f),
            Self::NotFound if operation == "remove" => key::nothing_to_remove(about, f),
            Self::NotFound => key::not_found(about, f),
            Self::KeyCollision { theirs, ours } => key::collision(theirs, ours, f),
            Self::Removed => key::removed(about, f),
            &Self::NoSuchId { ipc_namespace, successor } => {
                key::no_such_id(ipc_namespace, successor, about, f)
            }
            Self::CallRefused { call, filtered, source } => refused::call(call, *filtered, source, f),

            Self::Permission { existing, uid, gid } => {
                permission::denied(existing.as_deref(), *uid, *gid, about, f)
            }
            &Self::NoSuchUser { uid, gid } => permission::no_such_user(uid, gid, f),
            Self::NotOwner { existing, uid } => permission::not_owner(existing.as_deref(), *uid, about, f),
            Self::Untrusted { owner, creator, uid, unidentified: Some(reason) } => {
                permission::unidentified(*owner, *creator, *uid, reason, about, f)
            }
            &Self::Untrusted { owner, creator, uid, unidentified: None } => {
                permission::untrusted(owner, creator, uid, about, f)
            }
            Self::UnknownUser { name, source } => permission::unknown_user(name, source.as_ref(), about, f),

            &Self::OtherPidNamespace { creator, this } => {
                permission::other_pid_namespace(creator, this, about, f)
            }

            &Self::SizeDiffers { found, expected } if about.object == ObjectKind::Semaphore => {
                semaphore::size_differs(found, expected, f)
            }
            &Self::SizeDiffers { found, expected } => seal::size_differs(found, expected, about, f),
            &Self::LengthDiffers { found, expected } => seal::length_differs(found, expected, about, f),
            &Self::NotReady { creator_pid, waited } => seal::not_ready(creator_pid, waited, about, f),
            &Self::QueueHeld { holder, waited } => seal::queue_held(holder, waited, f),
            &Self::Abandoned { creator_pid, created_at } => {
                seal::abandoned(creator_pid, created_at, about, f)
            }
            &Self::NotSealed { found, expected } => seal::not_sealed(found, expected, about, f),
            &Self::Sealed { found, expected } => seal::sealed(found, expected, about, f),
            Self::BadSeal { reason } => seal::bad(reason, f),
            Self::LayoutDiffers { theirs, ours } => seal::layout_differs(theirs, ours, about, f),

            &Self::Limit { name, value, asked, used } => {
                limits::limit(name, limits::Numbers { value, asked, used }, about, f)
            }

            Self::HugePages => memory::huge_pages(about, f),
            &Self::NoMemory { size, huge_pages: true } => memory::none_left_huge(size, f),
            &Self::NoMemory { size, huge_pages: false } => memory::none_left(size, about, f),
            Self::HugePagesDenied { group, uid, groups } => permission::huge_pages(*group, *uid, groups, f),
            &Self::NotAttached { address } => memory::not_attached(address, f),
            &Self::Address { address, page_size, size } => memory::address(address, page_size, size, f),

            Self::Uninitialised { existing, waited, kept } => {
                semaphore::uninitialised(existing.as_deref(), *waited, *kept, about, f)
            }
            &Self::NotHolder { holder_pid, ended, undo } => semaphore::not_holder(holder_pid, ended, undo, f),

            Self::WrongMessage { message: None, expected, .. } => queue::too_large(*expected, about, f),
            Self::WrongMessage { message: Some(message), in_queue, expected, invalid } => {
                queue::wrong(message, *in_queue, *expected, invalid.as_ref(), about, f)
            }

            Self::Interrupted => f.write_str(
                "a signal came while it waited, and nothing was done. See what the signal's handler left (a flag, say), \
                 and call again if there is nothing; a handle that was not made by `interruptible` goes on waiting",
            ),
        }
    }
}
