//! What `shm-runtime` is made of, but for its derives: use it from there.
//!
//! A package of its own, so that it is compiled beside the derives and what they depend on, and not after them.

#[cfg(not(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64")))]
compile_error!(
    "shm-runtime needs 64-bit Linux with glibc: it relies on its System V calls and their structs, and on scalars of up to \
     8 bytes that are naturally aligned and read atomically from read-only pages"
);

mod access;
mod admission;
// Public for the compiler alone: its notes then say `shm_runtime::array`, and not `shm_runtime_core::array`.
#[doc(hidden)]
pub mod array;
mod atomic;
mod attached;
mod bulk;
mod diagnose;
mod diff;
mod error;
mod existing;
mod hash;
mod identity;
mod info;
mod key;
mod lookup;
mod mapping;
mod members;
mod observed;
mod options;
mod place;
mod process;
mod reclaim;
mod remove_on_drop;
mod schema;
mod seal;
mod segment;
mod shareable;
mod shared;
mod shared_segment;
mod stat;
#[cfg(any(not(loom), test))]
pub mod sync;
mod sys;
mod text;
mod trusted;
mod value;

pub mod msg;
pub mod sem;

pub use access::{Access, ReadOnly, ReadWrite, Readable, Writable, WriteOnly};
pub use array::TextError;
pub use atomic::{Atomic, Integer};
pub use attached::Attached;
pub use error::{Error, ErrorKind};
pub use existing::Existing;
pub use key::Key;
pub use options::Options;
pub use remove_on_drop::{Removable, RemoveOnDrop};
pub use schema::{ParseError, Schema};
pub use segment::Segment;
pub use shareable::{AlwaysValid, Plain, Shareable};
pub use shared::Shared;
pub use shared_segment::SharedSegment;
pub use stat::{Permissions, Stat};
pub use value::InvalidValue;

/// What the derives' output names. Not part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::bulk::Direction;
    // By way of here, because another crate may be called `core` where the derive's output stands, and in edition 2015
    // `::core` is not the crate.
    pub use core;

    pub use crate::info::{
        Declared, Scalar, assert_can_be_placed, assert_layout, assert_segment, assert_struct, type_name,
        variants,
    };
    pub use crate::key::{ftok_key, name_key};
    pub use crate::members::{Fields, Member, offsets};
    pub use crate::shareable::{If, Opaque};
    pub use crate::shared_segment::{Settings, Trust};
}
