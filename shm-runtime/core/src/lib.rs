//! What `shm-runtime` is made of, but for its derives: use it from there.
//!
//! A package of its own, so that it is compiled beside the derives and what they depend on, and not after them.

// For docs.rs, by its nightly compiler: what needs a feature says so.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(all(
    target_os = "linux",
    any(target_env = "gnu", target_env = "musl"),
    target_pointer_width = "64"
)))]
compile_error!(
    "shm-runtime needs 64-bit Linux with glibc or musl: it relies on its System V calls and their structs, and on scalars of up to \
     8 bytes that are naturally aligned and read atomically from read-only pages"
);

pub mod inspect;
mod ipc;
mod memory;
pub mod msg;
mod schema;
mod seal;
mod segment;
pub mod sem;
#[cfg(any(not(loom), test))]
pub mod sync;
mod sys;
#[cfg(test)]
mod walls;

pub use ipc::error::{Error, ErrorKind};
pub use ipc::key::Key;
pub use ipc::kind::ObjectKind;
pub use ipc::object::Object;
pub use ipc::permissions::Permissions;
pub use ipc::record::Record;
pub use ipc::remove_on_drop::{Removable, RemoveOnDrop};
pub use ipc::stat::segment::Stat;
pub use memory::access::{Access, ReadOnly, ReadWrite, Readable, Writable, WriteOnly};
// Public for the compiler only: its notes then say `shm_runtime::array`, and not `shm_runtime_core::memory::array`.
pub use memory::atomic::Atomic;
pub use memory::integer::Integer;
pub use memory::list::{CapacityError, List};
pub use memory::part::Part;
#[cfg(feature = "bytemuck")]
pub use memory::pod::Pod;
#[cfg(feature = "zerocopy")]
pub use memory::pod::ZeroCopy;
pub use memory::shareable::{AlwaysValid, Plain, Shareable};
pub use memory::shared::Shared;
pub use memory::slice::SharedSlice;
pub use memory::tail::Whole;
pub use memory::text::{CText, TextError};
pub use memory::utf8::Text;
pub use memory::validity::InvalidValue;
#[doc(hidden)]
pub use memory::{array, text};
pub use schema::{ParseError, Schema};
pub use segment::Segment;
pub use segment::attached::Attached;
pub use segment::options::Options;
pub use segment::shared_segment::SharedSegment;
pub use segment::tailed_segment::TailedSegment;

/// What the derives' output names. Not part of the interface.
#[doc(hidden)]
pub mod __private {
    // By way of here, because another crate may be called `core` where the derive's output stands, and in edition 2015
    // `::core` is not the crate.
    pub use core;

    pub use crate::ipc::key::ftok_key;
    pub use crate::ipc::trusted::Trust;
    pub use crate::memory::direction::Direction;
    pub use crate::memory::fields::{Fields, Member, Typed, offsets};
    pub use crate::memory::layout::Scalar;
    pub use crate::memory::shareable::{HasOneSize, If, OfOneSize, Opaque};
    pub use crate::memory::structure::{
        Declared, assert_can_be_placed, assert_elements, assert_layout, assert_segment, assert_struct,
        type_name, variants,
    };
    pub use crate::memory::tail::{Tail, same, same_elements};
    pub use crate::schema::view::debug_tailed;
    pub use crate::segment::settings::Settings;
    pub use crate::segment::shared_segment::name_key;
    pub use crate::segment::tailed_segment::name_key_of_tailed;
}
