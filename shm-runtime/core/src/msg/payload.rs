//! What a queue's messages hold.

use core::ffi::c_long;
use std::io;

use crate::memory::layout::Layout;
use crate::memory::shareable::Shareable;
use crate::memory::structure::Declared;
use crate::msg::message::{Envelope, Message, Received, receive_slice, send_slice};

/// What the messages of a [`Queue`](crate::msg::Queue) hold: a `T`, or a `[T]`, which is any number of them. Implemented for
/// every `T` that is [`Shareable`] and `Copy`, and for nothing else.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be in a message queue",
    label = "not a value, nor a slice of values, that can be sent",
    note = "a struct or fieldless enum of your own: add `#[derive(Clone, Copy, shm_runtime::Shareable)]` and `#[repr(C)]` (or \
            `#[repr(u8)]` .. `#[repr(i64)]` for an enum)",
    note = "text of any length: `Queue<[u8]>`, and `text.as_bytes()`; a list of any length: `Queue<[T]>`"
)]
pub trait Payload: private::Sealed {
    /// What is received: a `T`, or a `Vec<T>`.
    type Owned;

    /// The layout of one `T`.
    #[doc(hidden)]
    fn __layout() -> &'static Layout;

    /// msgsnd(2).
    #[doc(hidden)]
    fn __send(&self, id: i32, mtype: c_long, flags: i32) -> io::Result<()>;

    /// msgrcv(2). A message that is too large stays in the queue (E2BIG), and one that is no value comes out as it is.
    #[doc(hidden)]
    fn __receive(id: i32, select: c_long, flags: i32) -> io::Result<Received<Self::Owned>>;
}

// Not recommended, so that the message is that of `Payload`.
#[diagnostic::do_not_recommend]
impl<T: Shareable + Copy> Payload for T {
    type Owned = T;

    fn __layout() -> &'static Layout {
        Declared::of::<T>()
    }

    fn __send(&self, id: i32, mtype: c_long, flags: i32) -> io::Result<()> {
        Envelope::send(id, mtype, self, flags)
    }

    fn __receive(id: i32, select: c_long, flags: i32) -> io::Result<Received<T>> {
        Envelope::receive(id, select, flags)
    }
}

// Not recommended, so that the message is that of `Payload`.
#[diagnostic::do_not_recommend]
impl<T: Shareable + Copy> Payload for [T] {
    type Owned = Vec<T>;

    fn __layout() -> &'static Layout {
        Declared::of::<T>()
    }

    fn __send(&self, id: i32, mtype: c_long, flags: i32) -> io::Result<()> {
        send_slice(id, mtype, self, flags)
    }

    fn __receive(id: i32, select: c_long, flags: i32) -> io::Result<Received<Vec<T>>> {
        let mut values = Vec::new();
        Ok(match receive_slice(id, select, flags, &mut values)? {
            Received::Value(Message { mtype, .. }) => Received::Value(Message { mtype, value: values }),
            Received::Other(message, invalid) => Received::Other(message, invalid),
        })
    }
}

mod private {
    pub trait Sealed {}
    impl<T: super::Shareable + Copy> Sealed for T {}
    impl<T: super::Shareable + Copy> Sealed for [T] {}
}
