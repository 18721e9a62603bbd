//! Structs that end in a slice, with all that a struct can have besides.

#![deny(warnings, missing_docs, unsafe_code, unused_qualifications)]
#![allow(clippy::all)]

use shm_runtime::{ReadWrite, Shareable, SharedSegment, TailedSegment};

/// An element, with the names that the derive could take.
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct A {
    /// A number.
    pub value: u64,
}

/// Of a macro.
macro_rules! byte {
    () => {
        u8
    };
}

/// With parameters, settings, and fields of every kind.
#[derive(SharedSegment)]
#[repr(C, align(16))]
#[shm(name = "org.example.tails", mode = 0o640, trust = any, type_name = "Tails", fields = View)]
pub struct Log<T: Copy, const N: usize>
where
    T: Shareable,
{
    /// Of a macro.
    pub byte: byte!(),
    /// An array.
    pub array: [u16; N],
    #[allow(dead_code)]
    #[shm(was = "elements")]
    r#type: [T],
}

/// With what is known of its layout.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(key = 0x5748_0099, bare, size = 16, align = 8)]
pub struct Bare {
    /// A number.
    pub first: u64,
    /// A number.
    pub second: u8,
    /// After it.
    #[shm(offset = 9)]
    pub tail: [byte!()],
}

/// It refers to itself, by a constant.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Own {
    /// An array.
    pub array: [u8; Self::N],
    /// Rows.
    pub rows: [[u8; Self::N]],
}

impl Own {
    const N: usize = 3;
}

/// Of any such struct.
pub fn length<T: TailedSegment + ?Sized>(len: usize) -> usize {
    let segment = T::options().key(shm_runtime::Key::private()).len(len).create().unwrap().remove_on_drop();
    segment.size()
}

fn main() {
    let segment = Own::options().len(2).create().unwrap().remove_on_drop();
    let own = segment.attach().unwrap();
    own.rows[1].set([1, 2, 3]);
    let view: &OwnFields<ReadWrite> = &own;
    assert_eq!(view.rows[1].get(), [1, 2, 3]);

    let segment = Log::<A, 2>::options().key(shm_runtime::Key::private()).len(3).create().unwrap().remove_on_drop();
    let log = segment.attach().unwrap();
    log.r#type[2].value.set(5);
    log.byte.set(1);
    let view: &View<A, 2> = &log;
    assert_eq!(format!("{view:?}"), "Tails { byte: 1, array: [0, 0], type: [A { value: 0 }, A { value: 0 }, A { value: 5 }] }");
    assert!(length::<Log<u8, 1>>(100) > length::<Log<u8, 1>>(1));
    assert_eq!(length::<Bare>(5), 16 + 5);
}
