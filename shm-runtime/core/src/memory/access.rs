//! What an attachment may do with the memory, as types.

use crate::memory::atomic::{Atom, Atomic};

/// How a piece of shared memory is reached: [`ReadWrite`], [`ReadOnly`] or [`WriteOnly`].
///
/// Sealed: these three are all there are.
pub trait Access: private::Sealed + 'static {
    /// What a `Shared<A, Self>` of a standard atomic derefs to.
    #[doc(hidden)]
    type Atomic<T: Atom>;
    /// Whether the pages are mapped writable.
    #[doc(hidden)]
    const MAPS_WRITABLE: bool = true;
    /// Whether the program may read.
    #[doc(hidden)]
    const READS: bool = true;
}

/// An access through which memory can be read.
#[diagnostic::on_unimplemented(
    message = "this attachment is write-only: nothing can be read through it",
    label = "read here",
    note = "attach with `attach()` to read and write, or with `attach_read_only()` to read"
)]
pub trait Readable: Access {}

/// An access through which memory can be written.
#[diagnostic::on_unimplemented(
    message = "this attachment is read-only: nothing can be written through it",
    label = "written here",
    note = "attach with `attach()` to read and write, or with `attach_write_only()` to write"
)]
pub trait Writable: Access {}

/// Reads and writes, as `attach()` gives it.
#[derive(Debug)]
pub enum ReadWrite {}

/// Reads only, as `attach_read_only()` gives it. The kernel maps the memory read-only too.
#[derive(Debug)]
pub enum ReadOnly {}

/// Writes only, as `attach_write_only()` gives it. System V has no such mapping: the memory is
/// mapped for both, and only the type keeps the program from reading.
#[derive(Debug)]
pub enum WriteOnly {}

impl Access for ReadWrite {
    type Atomic<T: Atom> = T::Full;
}
impl Access for ReadOnly {
    type Atomic<T: Atom> = Atomic<T, ReadOnly>;
    const MAPS_WRITABLE: bool = false;
}
impl Access for WriteOnly {
    type Atomic<T: Atom> = Atomic<T, WriteOnly>;
    const READS: bool = false;
}

#[diagnostic::do_not_recommend]
impl Readable for ReadWrite {}
#[diagnostic::do_not_recommend]
impl Readable for ReadOnly {}
#[diagnostic::do_not_recommend]
impl Writable for ReadWrite {}
#[diagnostic::do_not_recommend]
impl Writable for WriteOnly {}

mod private {
    pub trait Sealed {}
    impl Sealed for super::ReadWrite {}
    impl Sealed for super::ReadOnly {}
    impl Sealed for super::WriteOnly {}
}
