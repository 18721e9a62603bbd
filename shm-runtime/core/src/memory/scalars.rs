//! The scalars: numbers, `bool`, `char`, the standard atomics of these, and the standard types around an integer. And
//! `PhantomData`, which has none.

use core::marker::PhantomData;
use core::num::{NonZero, Saturating, Wrapping};
use core::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32,
    AtomicU64, AtomicUsize,
};

use static_assertions::{assert_impl_all, const_assert};

use crate::memory::access::Access;
use crate::memory::atomic::Atom;
use crate::memory::direction::Direction;
use crate::memory::fields::Member;
use crate::memory::integer::Integer;
use crate::memory::layout::Scalar;
use crate::memory::shareable::{AlwaysValid, Opaque, Shareable};
use crate::memory::structure::Declared;

macro_rules! plain {
    ($($type:ty: $width:ident, $scalar:ident;)*) => {$(
        // SAFETY: one scalar, copied by its own width, and `Opaque` is empty.
        unsafe impl Shareable for $type {
            type __Parts<A: Access> = Opaque;
            type __Member = Member<Self>;
            const __LAYOUT: Declared = Declared::scalar(Scalar::$scalar);

            #[inline(always)]
            unsafe fn __copy<D: Direction>(from: *const Self, to: *mut Self) {
                // SAFETY: the width is the scalar's size, and so (asserted below) its alignment: both sides are
                // readable or writable, and aligned, for that width. Which side is private and initialised stays the
                // same.
                unsafe { D::$width(from.cast(), to.cast()) }
            }
        }
        const_assert!(size_of::<$type>() == align_of::<$type>());
    )*};
}
plain! {
    u8: copy_8, U8; u16: copy_16, U16; u32: copy_32, U32; u64: copy_64, U64; usize: copy_64, Usize;
    i8: copy_8, I8; i16: copy_16, I16; i32: copy_32, I32; i64: copy_64, I64; isize: copy_64, Isize;
    f32: copy_32, F32; f64: copy_64, F64; bool: copy_bool, Bool; char: copy_32, Char;
}

macro_rules! always_valid {
    ($($type:ty)*) => {$(
        // SAFETY: a number, of which any bytes are one; and `copy_bool` leaves nothing but 0 and 1.
        unsafe impl AlwaysValid for $type {}
    )*};
}
always_valid! {
    u8 u16 u32 u64 usize i8 i16 i32 i64 isize f32 f64 bool
    AtomicU8 AtomicU16 AtomicU32 AtomicU64 AtomicUsize AtomicI8 AtomicI16 AtomicI32 AtomicI64 AtomicIsize AtomicBool
}

macro_rules! atomic {
    ($($type:ty: $width:ident, $scalar:ident;)*) => {$(
        // SAFETY: one scalar, copied by its own width; the parts are the atomic's cell, and never more of its
        // operations than the access allows.
        unsafe impl Shareable for $type {
            type __Parts<A: Access> = A::Atomic<$type>;
            type __Member = Member<Self>;
            const __LAYOUT: Declared = Declared::atomic(Scalar::$scalar);

            #[inline(always)]
            unsafe fn __copy<D: Direction>(from: *const Self, to: *mut Self) {
                // SAFETY: the width is the atomic's size, and so (asserted below) its alignment: both sides are
                // readable or writable, and aligned, for that width. An atomic has the representation of its number
                // (`core::sync::atomic`); which side is private and initialised stays the same.
                unsafe { D::$width(from.cast(), to.cast()) }
            }
        }
        const_assert!(size_of::<$type>() == align_of::<$type>());
        const_assert!(size_of::<<$type as Atom>::Cell>() == size_of::<$type>());
        assert_impl_all!(<$type as Atom>::Full: Sync);
    )*};
}
atomic! {
    AtomicU8: copy_8, U8; AtomicU16: copy_16, U16; AtomicU32: copy_32, U32; AtomicU64: copy_64, U64;
    AtomicUsize: copy_64, Usize; AtomicI8: copy_8, I8; AtomicI16: copy_16, I16; AtomicI32: copy_32, I32;
    AtomicI64: copy_64, I64; AtomicIsize: copy_64, Isize; AtomicBool: copy_bool, Bool;
}

macro_rules! around {
    ($($type:ident)*) => {$(
        // SAFETY: `#[repr(transparent)]` (its documentation): the one scalar that `T` is, described and copied by `T`. `Opaque` is empty.
        unsafe impl<T: Integer> Shareable for $type<T> {
            type __Parts<A: Access> = Opaque;
            type __Member = Member<Self>;
            const __LAYOUT: Declared = T::__LAYOUT;

            #[inline(always)]
            unsafe fn __copy<D: Direction>(from: *const Self, to: *mut Self) {
                // SAFETY: both have the size and alignment of a `T`: readable or writable, private and initialised as the
                // caller says.
                unsafe { T::__copy::<D>(from.cast(), to.cast()) }
            }
        }

        // SAFETY: any bytes are one if they are a `T`, and any bytes are an integer.
        unsafe impl<T: Integer> AlwaysValid for $type<T> {}
    )*};
}
around! { Wrapping Saturating }

macro_rules! non_zero {
    ($($int:ty: $scalar:ident;)*) => {$(
        // SAFETY: of the size and alignment of the integer (`NonZero`, "Layout"), which copies it. Its layout says that not any bytes
        // are one. `Opaque` is empty.
        unsafe impl Shareable for NonZero<$int> {
            type __Parts<A: Access> = Opaque;
            type __Member = Member<Self>;
            const __LAYOUT: Declared = Declared::non_zero(Scalar::$scalar);

            #[inline(always)]
            unsafe fn __copy<D: Direction>(from: *const Self, to: *mut Self) {
                // SAFETY: both have the size and alignment of the integer: readable or writable, private and initialised as
                // the caller says.
                unsafe { <$int>::__copy::<D>(from.cast(), to.cast()) }
            }
        }

        // SAFETY: of the size, alignment and values of the integer, and 0 is `None` (`NonZero`, "Layout": it may be transmuted). So it is
        // described and copied as the integer. `Opaque` is empty.
        unsafe impl Shareable for Option<NonZero<$int>> {
            type __Parts<A: Access> = Opaque;
            type __Member = Member<Self>;
            const __LAYOUT: Declared = Declared::scalar(Scalar::$scalar);

            #[inline(always)]
            unsafe fn __copy<D: Direction>(from: *const Self, to: *mut Self) {
                // SAFETY: both have the size and alignment of the integer: readable or writable, private and initialised as
                // the caller says.
                unsafe { <$int>::__copy::<D>(from.cast(), to.cast()) }
            }
        }

        // SAFETY: 0 is `None`, and all else a number that is not 0.
        unsafe impl AlwaysValid for Option<NonZero<$int>> {}
    )*};
}
non_zero! {
    u8: U8; u16: U16; u32: U32; u64: U64; usize: Usize;
    i8: I8; i16: I16; i32: I32; i64: I64; isize: Isize;
}

// SAFETY: no bytes, so nothing to describe and nothing to copy.
unsafe impl<T: 'static> Shareable for PhantomData<T> {
    type __Parts<A: Access> = Opaque;
    type __Member = Member<Self>;
    const __LAYOUT: Declared = Declared::array::<u8>(0);

    #[inline(always)]
    unsafe fn __copy<D: Direction>(_: *const Self, _: *mut Self) {}
}

// SAFETY: there are no bytes.
unsafe impl<T> AlwaysValid for PhantomData<T> {}
