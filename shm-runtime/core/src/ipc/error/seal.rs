//! Errors about what is in a segment: its seal, and the layout that it names.

use core::fmt;
use core::time::Duration;
use std::time::SystemTime;

use super::words::{Ago, Pid, Removal, name_of};
use crate::ipc::identity::Identity;
use crate::schema::{Relation, Schema};

/// Of a segment.
pub(super) fn size_differs(
    found: usize,
    expected: usize,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    if identity.type_name.is_none() {
        return write!(
            f,
            "there are {found} bytes for the struct in the segment, and the schema is of one of {expected}: it is that of \
             another segment, or of another version of its program"
        );
    }
    let type_name = name_of(identity);
    write!(
        f,
        "the segment has {found} bytes, and this program's {type_name} has {expected}: they were built from \
         different definitions, or the key belongs to something else. Rebuild both from one definition, or \
         remove the segment and create it anew"
    )
}

/// Whether the segment was found by a key, under which another one can be put in its place.
fn is_by_key(identity: &Identity) -> bool {
    identity.key.as_ref().is_some_and(|key| !key.is_private())
}

/// Of the slice at the end.
pub(super) fn length_differs(
    found: usize,
    expected: usize,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let type_name = name_of(identity);
    write!(
        f,
        "the slice at the end of the segment's {type_name} has {found} elements, and this program asks for {expected}: open \
         without `len`, which takes any length"
    )?;
    // By an id, nothing can be put in its place.
    match is_by_key(identity) {
        true => write!(
            f,
            "; or let `{type_name}::options().successor({expected})` make a new one of that length under the key, with the \
             values of this one, which takes a seal"
        ),
        false => Ok(()),
    }
}

/// Still being initialised.
pub(super) fn not_ready(
    creator_pid: i32,
    waited: Duration,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let type_name = name_of(identity);
    write!(
        f,
        "after {} ms of waiting, {} has not finished initialising it. Wait longer, with \
         `{type_name}::options().wait(...)`, or see what keeps that process",
        waited.as_millis(),
        Pid(creator_pid)
    )?;
    match creator_pid {
        1.. => Ok(()),
        _ => write!(
            f,
            ". Whether it lives cannot be told from here; if it is known to be dead, {} removes the segment",
            Removal(identity)
        ),
    }
}

/// A queue that is not to be held still.
pub(super) fn queue_held(holder: u32, waited: Duration, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match holder {
        0 => write!(
            f,
            "the kernel refused the lock of a queue in it, which has to be held while the queue is carried to the new segment: see \
             that futex(2) is allowed"
        ),
        _ => write!(
            f,
            "thread {holder} holds the lock of a queue in it, and did for {waited:?}; it is needed while the queue is carried to the new \
             segment. A thread that is not stopped holds it for as long as a copy takes: let it go on, or end its process. If it is none \
             that uses the queue, another process overwrote the lock: `clear` of the queue frees it, and throws its values away"
        ),
    }
}

/// Never initialised to the end.
pub(super) fn abandoned(
    creator_pid: i32,
    created_at: Option<SystemTime>,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let type_name = name_of(identity);
    write!(
        f,
        "it was never initialised to the end: its creator, {}, died or panicked over it{}. \
         `{type_name}::open_or_create()` replaces it, and {} removes it. (A program that \
         does not seal its segments leaves the same; if it was one, write `#[shm(bare)]`.)",
        Pid(creator_pid),
        Ago(created_at),
        Removal(identity)
    )
}

/// No seal, where one is expected.
pub(super) fn not_sealed(
    found: usize,
    expected: usize,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    if identity.type_name.is_none() {
        return write!(
            f,
            "the segment ({found} bytes) has no seal, so it does not say what is in it: a program that does not seal created \
             it, or one that has not got further. Give its schema, with `with_schema`"
        );
    }
    let type_name = name_of(identity);
    write!(
        f,
        "the segment ({found} bytes) has no seal, so a program that does not seal created it, in C or with \
         `#[shm(bare)]`. To use it, write `#[shm(bare)]` on {type_name} ({expected} bytes); nothing is checked then \
         but the size"
    )
}

/// A seal, where none is expected.
pub(super) fn sealed(
    found: usize,
    expected: usize,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let type_name = name_of(identity);
    write!(
        f,
        "the segment ({found} bytes) is sealed, and {type_name} ({expected} bytes) is `#[shm(bare)]`. Remove \
         `bare`, or, to leave the seal unchecked, open with `{type_name}::options().allow_larger(true)`"
    )
}

/// A seal that says what cannot be.
pub(super) fn bad(reason: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "{reason}: another process overwrote it. Nothing in the segment can be relied on; remove it and create it \
         anew"
    )
}

/// Another layout.
pub(super) fn layout_differs(
    theirs: &Schema,
    ours: &Schema,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let type_name = name_of(identity);
    write!(
        f,
        "the segment was created with another layout (-) than this program's {type_name} has (+):\n{}",
        theirs.difference(ours)
    )?;
    // By an id, a segment can neither be replaced by another one, nor is there a call for this.
    let by_key = is_by_key(identity);
    match theirs.relation(ours) {
        // Refused, so it was not asked for.
        Relation::Newer if by_key => write!(
            f,
            "It only gained fields at its end: `{type_name}::open_compatible()` takes it, and so does \
             `{type_name}::open_or_create_compatible()`"
        ),
        Relation::Older { .. } if by_key => write!(
            f,
            "This program's {type_name} only gained fields at its end: \
             `{type_name}::options().upgrade(|station| ...).open()` makes a new segment under the key, with the values of this \
             one, and gives the new fields theirs"
        ),
        _ => write!(
            f,
            "Rebuild both from one definition, or remove the segment, with {}, and create it anew",
            Removal(identity)
        ),
    }?;
    let (theirs, ours) = (theirs.name(), ours.name());
    match theirs == ours {
        true => Ok(()),
        false => write!(
            f,
            ". The name of the struct counts too: if {ours} is {theirs} with another name, write \
             `#[shm(type_name = \"{theirs}\")]` on it"
        ),
    }
}
