//! A message in memory, and on its way: `struct { long mtype; T value; }`.

use core::ffi::{c_long, c_void};
use core::mem::{MaybeUninit, offset_of};
use std::io;

use crate::ipc::error::ErrorKind;
use crate::ipc::raw_message::RawMessage;
use crate::memory::bulk;
use crate::memory::direction::{Load, Store};
use crate::memory::shareable::Shareable;
use crate::memory::structure::Declared;
use crate::memory::validity::{self, InvalidValue};
use crate::sys;

/// A message: a value, and the type of message that its sender gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message<T> {
    /// The type of message, 1 or more (`mtype`).
    pub mtype: i64,
    /// The value.
    pub value: T,
}

/// Which message to receive, by its type: `msgtyp` of msgrcv(2). Of those that are meant, the first that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// The first of all.
    Any,
    /// The first of this type.
    Equal(i64),
    /// The first of the lowest type that is this one or less: types are priorities then.
    UpTo(i64),
    /// The first of any other type (MSG_EXCEPT).
    Except(i64),
}

impl Select {
    /// `msgtyp` and the flags.
    pub(crate) fn as_msgrcv(self) -> Result<(c_long, i32), ErrorKind> {
        match self {
            Self::Any => Ok((0, 0)),
            Self::Equal(mtype) => Ok((checked(mtype)?, 0)),
            Self::UpTo(mtype) => Ok((-checked(mtype)?, 0)),
            Self::Except(mtype) => Ok((checked(mtype)?, sys::ipc::MSG_EXCEPT)),
        }
    }
}

/// The type of message, if it is one.
pub(crate) fn checked(mtype: i64) -> Result<c_long, ErrorKind> {
    let reason = "a message's type is 1 or more";
    match mtype {
        1.. => Ok(mtype),
        _ => Err(ErrorKind::InvalidInput { reason }),
    }
}

/// What msgsnd(2) reads and msgrcv(2) writes: the type, and `size_of::<T>()` bytes after it.
#[repr(C)]
pub(crate) struct Envelope<T> {
    mtype: c_long,
    value: MaybeUninit<T>,
}

impl<T: Shareable + Copy> Envelope<T> {
    /// The kernel puts the bytes right after the type, with no padding between.
    const ALIGNED: () = assert!(
        offset_of!(Self, value) == size_of::<c_long>() && size_of::<T>() > 0,
        "a message begins with a `long`, and its value at 8 bytes: nothing that is aligned to more, or has no size, can \
         be sent"
    );

    /// Sends the value.
    pub(crate) fn send(id: i32, mtype: c_long, value: &T, flags: i32) -> io::Result<()> {
        const { Self::ALIGNED };
        let mut envelope = MaybeUninit::<Self>::uninit();
        let at = envelope.as_mut_ptr();
        // SAFETY: `envelope` has room for itself. It is written where it is and not moved after: a move need not keep
        // the zeros in the padding of `T`.
        unsafe { at.write_bytes(0, 1) };
        // SAFETY: a field of `envelope`, initialised above.
        unsafe { (*at).mtype = mtype };
        // SAFETY: the place of a field of `envelope`.
        let to = unsafe { &raw mut (*at).value }.cast::<T>();
        // SAFETY: `value` is a valid `T`; `to` has room for one, is aligned, and no other code accesses it.
        unsafe { T::__copy::<Store>(value, to) };
        // SAFETY: after the type, by `ALIGNED`, are the `size_of::<T>()` bytes of the value: its scalars, copied just
        // now, and zeros between them.
        unsafe { sys::ipc::msgsnd(id, at.cast_const().cast::<c_void>(), size_of::<T>(), flags) }
    }

    /// Receives a message that is no larger than a `T`: the value, or the message as it is, which may be too small or
    /// no value.
    pub(crate) fn receive(id: i32, select: c_long, flags: i32) -> io::Result<Received<T>> {
        const { Self::ALIGNED };
        let mut envelope = MaybeUninit::<Self>::uninit();
        let at = envelope.as_mut_ptr();
        // SAFETY: after the type, by `ALIGNED`, there is room for `size_of::<T>()` bytes.
        let len = unsafe { sys::ipc::msgrcv(id, at.cast::<c_void>(), size_of::<T>(), select, flags) }?;
        // SAFETY: the call succeeded, and so wrote the type.
        let mtype = unsafe { (*at).mtype };
        // SAFETY: the place of a field of `envelope`.
        let from = unsafe { &raw const (*at).value }.cast::<T>();
        let raw = || {
            // SAFETY: the call wrote `len` bytes after the type, `size_of::<T>()` at most.
            let bytes = unsafe { core::slice::from_raw_parts(from.cast::<u8>(), len) }.to_vec();
            RawMessage { mtype, bytes }
        };
        if len != size_of::<T>() {
            return Ok(Received::Other(raw(), None));
        }
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: all bytes of a `T` were written to `from`, which is aligned; `value` has room for one; nobody else
        // accesses either.
        unsafe { T::__copy::<Load>(from, value.as_mut_ptr()) };
        // SAFETY: every scalar of this private `T` was just copied.
        if let Err(invalid) = unsafe { validity::check(Declared::of::<T>(), value.as_ptr().cast()) } {
            return Ok(Received::Other(raw(), Some(invalid)));
        }
        // SAFETY: initialised, and checked to be a valid `T`.
        let value = unsafe { value.assume_init() };
        Ok(Received::Value(Message { mtype, value }))
    }
}

/// What came out of the queue.
#[derive(Debug)]
pub enum Received<T> {
    /// A value.
    Value(Message<T>),
    /// It is too small for a `T`, not a whole number of them, or no value of it.
    Other(RawMessage, Option<InvalidValue>),
}

/// Sends values, one after the other.
pub(crate) fn send_slice<T: Shareable + Copy>(
    id: i32,
    mtype: c_long,
    values: &[T],
    flags: i32,
) -> io::Result<()> {
    const { Envelope::<T>::ALIGNED };
    let size = size_of_val(values);
    // Words, for the alignment of the type and of the values; zeros, for what is padding.
    let mut words = vec![0_u64; 1 + size.div_ceil(8)];
    words[0] = u64::from_ne_bytes(mtype.to_ne_bytes());
    // SAFETY: there is a word for the type, so this is within the words or at their end.
    let to = unsafe { words.as_mut_ptr().add(1) }.cast::<T>();
    // SAFETY: as many valid values as there is room for after the type, where no other code accesses anything; both sides
    // are aligned, the words to 8 bytes, which by `ALIGNED` is enough.
    unsafe { bulk::copy_slice::<T, Store>(values.as_ptr(), to, values.len()) };
    // SAFETY: after the type are `size` bytes: the values' scalars, and zeros between them.
    unsafe { sys::ipc::msgsnd(id, words.as_ptr().cast(), size, flags) }
}

/// Receives a message of any number of values into the vector, whose values it replaces; the vector is empty if the message
/// is another one.
pub(crate) fn receive_slice<T: Shareable + Copy>(
    id: i32,
    select: c_long,
    flags: i32,
    values: &mut Vec<T>,
) -> io::Result<Received<()>> {
    const { Envelope::<T>::ALIGNED };
    values.clear();
    let bytes = Bytes::receive(id, select, flags)?;
    if bytes.len % size_of::<T>() != 0 {
        return Ok(Received::Other(bytes.into_raw(), None));
    }
    let len = bytes.len / size_of::<T>();
    values.reserve(len);
    let from = bytes.start().cast::<T>();
    // SAFETY: `len` values' bytes were written to `from`, which is aligned to 8 bytes, by `ALIGNED` enough; the vector has
    // room for as many; nobody else accesses either.
    unsafe { bulk::copy_slice::<T, Load>(from, values.as_mut_ptr(), len) };
    // SAFETY: every scalar of these private values was just copied.
    let checked = unsafe { validity::check_slice(Declared::of::<T>(), values.as_ptr().cast(), len) };
    if let Err(invalid) = checked {
        return Ok(Received::Other(bytes.into_raw(), Some(invalid)));
    }
    // SAFETY: initialised, and checked to be valid.
    unsafe { values.set_len(len) };
    Ok(Received::Value(Message { mtype: bytes.mtype(), value: () }))
}

/// A message of any size: its type, a word, and the bytes after it.
pub(crate) struct Bytes {
    words: Vec<u64>,
    len: usize,
}

impl Bytes {
    /// Receives one, however large it is.
    pub(crate) fn receive(id: i32, select: c_long, flags: i32) -> io::Result<Self> {
        // What is the system's limit by default. It is no more than a first guess: messages may also be larger than can be
        // sent now, as the limit may have been lowered.
        let mut room = 8192_usize;
        loop {
            // Words, for the alignment of the type and of values.
            let mut words = Vec::<u64>::with_capacity(1 + room.div_ceil(8));
            // SAFETY: there is room for the type, one word, and `room` bytes after it.
            match unsafe { sys::ipc::msgrcv(id, words.as_mut_ptr().cast(), room, select, flags) } {
                Ok(len) => {
                    // SAFETY: the place after the message's bytes, within the words that hold it or at their end.
                    let end = unsafe { words.as_mut_ptr().add(1).cast::<u8>().add(len) };
                    // SAFETY: what is left of the last of these words.
                    unsafe { end.write_bytes(0, len.next_multiple_of(8) - len) };
                    // SAFETY: the call wrote the type and `len` bytes, and the last word was filled up.
                    unsafe { words.set_len(1 + len.div_ceil(8)) };
                    return Ok(Self { words, len });
                }
                // It is still in the queue.
                Err(error) if error.raw_os_error() == Some(sys::ipc::E2BIG) => room *= 2,
                Err(error) => return Err(error),
            }
        }
    }

    fn mtype(&self) -> i64 {
        i64::from_ne_bytes(self.words[0].to_ne_bytes())
    }

    /// Where the bytes are, aligned to 8.
    fn start(&self) -> *const u8 {
        self.words[1..].as_ptr().cast()
    }

    pub(crate) fn into_raw(self) -> RawMessage {
        // SAFETY: the words after the first hold `len` bytes, all initialised.
        let bytes = unsafe { core::slice::from_raw_parts(self.start(), self.len) };
        RawMessage { mtype: self.mtype(), bytes: bytes.to_vec() }
    }
}
