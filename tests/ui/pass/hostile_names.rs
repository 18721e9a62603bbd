//! Beside items of the user's with the names that generated code could stumble over.

#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs)]
#![allow(non_camel_case_types, dead_code, unused_macros)]

use ::shm_runtime::{Shareable, SharedSegment};

macro_rules! assert {
    ($($any:tt)*) => { this_is_not_an_expression! };
}
macro_rules! panic {
    ($($any:tt)*) => { this_is_not_an_expression! };
}

macro_rules! unit {
    ($($name:ident)*) => { $(struct $name;)* };
}
unit! {
    Result Some None Ok Err Shared Vec Box Sized Copy Send Sync Clone Default Drop Fn Deref Access
    ReadWrite ReadOnly WriteOnly Segment Attached Key Settings Layout Field If Opaque Direction AlwaysValid
    u32 i32 u16 i128 usize str Self_ A_ D_ place base from to offset
}
mod core {}
mod std {}
mod alloc {}
mod shm_runtime {}
mod shm_derive {}
fn size_of() {}
fn align_of() {}
fn offset_of() {}

/// A type of the user's, by the name of one that cannot be shared.
#[derive(Shareable)]
#[repr(C)]
pub struct Option<T> {
    value: T,
    present: bool,
}

/// Another one.
#[derive(Shareable)]
#[repr(C)]
pub struct String {
    bytes: [u8; 8],
}

/// And an enum.
#[derive(Shareable)]
#[repr(u16)]
pub enum Ordering {
    /// A variant by the name of what is out of scope.
    None,
    /// Another.
    Some = 7,
}

/// The whole.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(ftok(path = "/etc/hostname", project = 'W'), mode = MODE)]
pub struct Station {
    /// Its documentation.
    pub celsius: f64,
    /// Of a type of the user's.
    pub text: self::String,
    /// Of a type of the user's.
    pub maybe: self::Option<u8>,
    order: Ordering,
}

/// Its name is that of a standard type, too.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(name = NAME)]
pub struct Vec_ {
    from: u8,
    to: u8,
    copy: u8,
    info: u8,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(key = __KEY)]
struct Fixed {
    get: f64,
    set: f64,
    deref: u64,
    atomic: u64,
}

const MODE: ::core::primitive::u32 = 0o640;
const NAME: &::core::primitive::str = "org.example";
const __KEY: ::core::primitive::i32 = 3;

fn main() {}
