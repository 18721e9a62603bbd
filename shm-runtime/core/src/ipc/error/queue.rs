//! Errors of message queues.

use core::fmt;

use super::words::name_of;
use crate::ipc::identity::Identity;
use crate::ipc::raw_message::RawMessage;
use crate::memory::validity::InvalidValue;

/// Still in the queue.
pub(super) fn too_large(expected: usize, identity: &Identity, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let type_name = name_of(identity);
    write!(
        f,
        "the next message is larger than the {expected} bytes of a {type_name}: the sender was built from \
         another definition, or the queue belongs to something else. It is still in the queue; \
         `try_receive_raw` takes it"
    )
}

/// Taken from the queue, or looked at.
pub(super) fn wrong(
    message: &RawMessage,
    in_queue: bool,
    expected: usize,
    invalid: Option<&InvalidValue>,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let type_name = name_of(identity);
    let (mtype, found) = (message.mtype, message.bytes.len());
    match invalid {
        Some(invalid) => write!(f, "a message of type {mtype} is not a {type_name}: {invalid}")?,
        // Of a queue of `[T]`: one of `T` leaves what is larger.
        None if found > expected => write!(
            f,
            "a message of type {mtype} has {found} bytes, which is not a multiple of the {expected} of a {type_name}: the \
             sender was built from another definition, or the queue belongs to something else"
        )?,
        None => write!(
            f,
            "a message of type {mtype} has {found} bytes, and a {type_name} has {expected}: the sender was \
                 built from another definition, or the queue belongs to something else"
        )?,
    }
    f.write_str(match in_queue {
        true => ". It is still in the queue, and a copy of it in this error: see `ErrorKind::WrongMessage`",
        false => ". It was taken from the queue, and is in this error: see `ErrorKind::WrongMessage`",
    })
}
