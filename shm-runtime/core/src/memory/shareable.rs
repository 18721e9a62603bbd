//! What may live in a segment: the trait `Shareable`, and those that say what can be done with its values.

use core::marker::PhantomData;

use crate::memory::access::{Access, ReadOnly, ReadWrite, WriteOnly};
use crate::memory::direction::Direction;
use crate::memory::fields::{Fields, Members, Typed};
use crate::memory::shared::Shared;
use crate::memory::structure::Declared;

/// A type whose values can live in memory that other processes write.
///
/// Fixed-width integers, `usize` and `isize`, `f32` and `f64`, `bool`, `char`, the standard atomics of these,
/// arrays, [`Text`](crate::Text), [`List`](crate::List) and this crate's [`sync`](crate::sync) types are shareable. Structs and
/// fieldless enums become so with `#[derive(Shareable)]` (for parts) or `#[derive(SharedSegment)]` (for the whole).
///
/// A struct is `#[repr(C)]`, with named fields or as a tuple struct, whose fields are `.0` and so on; a newtype may be
/// `#[repr(transparent)]`, too. Of integers there are also `Wrapping`, `Saturating`, `NonZero` and `Option<NonZero>`, each in the
/// place of the integer: of the last, 0 is `None`; a `NonZero` is read by [`try_get`](Shared::try_get), since another process may
/// have written 0. `PhantomData` takes no place.
///
/// Whatever holds an address is not: it has a meaning in one process only. What to use instead:
///
/// | instead of | use |
/// | --- | --- |
/// | `String`, `&str` | [`Text<N>`](crate::Text); where C reads text up to a NUL, `[u8; N]` with [`set_str`](Shared::set_str) and [`to_string_lossy`](Shared::to_string_lossy), and with [`CText`](crate::CText) in a plain value |
/// | `Vec<T>`, `&[T]`, `Box<[T]>` | [`List<T, N>`](crate::List), or `[T; N]`; or `[T]`, as the last field of a [whole segment](crate::TailedSegment) |
/// | `Box<T>`, `&T` | `T` itself |
/// | `Option<T>` | `Option<NonZero<u32>>`; a `bool` and a `T`; an agreed value that means none; a `List<T, 1>` |
/// | `Duration` | a `u64` of nanoseconds: `Duration::from_nanos` and `as_nanos` |
/// | `Instant` | a `u64` of nanoseconds of CLOCK_MONOTONIC, which all processes of the machine and time namespace share |
/// | `SystemTime` | two `i64`, seconds since 1970 and nanoseconds: in C, a `struct timespec` |
/// | a type of another crate | `Pod<T>` with the feature `bytemuck`, `ZeroCopy<T>` with the feature `zerocopy`; a struct of your own with its fields |
/// | a tuple | a `#[repr(C)]` struct: the order of a tuple's fields is not defined |
/// | `u128`, `i128` | `[u64; 2]`: no processor reads 128 bits untorn everywhere |
/// | `std::sync::Mutex` | [`sync::Mutex`](crate::sync::Mutex) |
///
/// # Safety
///
/// Implemented by the derives; there is no need to do it by hand. An implementation promises that
/// - `__LAYOUT` describes the type: every scalar in it at its offset (its size and alignment are compared with the compiler's);
/// - `__Parts<A>` is valid with any bytes, has interior mutability in every byte that is not padding, and offers no access that
///   `A` does not have (that it is no larger and no more aligned than `Self` is checked);
/// - `__Member` is `Member<Self>`;
/// - `__copy` copies every scalar of `__LAYOUT`, each by `D`, and nothing else (as it does for the `__MEMBERS` of a `#[repr(C)]`
///   struct, if it is not written anew);
/// - the type has no drop glue and no lifetime.
///
/// The hidden items begin with `__`, so that they clash with no item of another trait that a type implements.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot live in shared memory",
    label = "not shareable",
    note = "a struct or fieldless enum of your own: add `#[derive(shm_runtime::Shareable)]` and `#[repr(C)]` (or \
            `#[repr(u8)]` .. `#[repr(i64)]` for an enum)",
    note = "pointers, references and what holds them (`String`, `Vec`, `Box`, `Rc`, `Arc`) mean something in one \
            process only: use `Text<N>` for text, `List<T, N>` for lists (or `[T]` as the last field of a segment, whose \
            length is chosen when it is created), the value itself for a box",
    note = "`std::sync` locks work within one process: use those of `shm_runtime::sync`",
    note = "`Option`: use `Option<NonZero<..>>`, a `bool` beside the value, or an agreed value that means none; a map: an array \
            of a struct of key and value; a type of another crate: `Pod<T>` (feature `bytemuck`), `ZeroCopy<T>` (feature \
            `zerocopy`), or a struct of your own with its fields"
)]
pub unsafe trait Shareable: Sized + 'static {
    /// What a `Shared<Self, A>` derefs to.
    #[doc(hidden)]
    type __Parts<A: Access>;

    /// The types of a struct's fields, in order.
    #[doc(hidden)]
    const __MEMBERS: Fields = Fields::NONE;

    /// Their names.
    #[doc(hidden)]
    const __NAMES: &'static [&'static str] = &[];

    /// The fields that had another name before, by their numbers, and those names.
    #[doc(hidden)]
    const __WAS: &'static [(usize, &'static str)] = &[];

    /// Their offsets, as the compiler has them.
    #[doc(hidden)]
    const __OFFSETS: &'static [usize] = &[];

    /// The layout, down to the scalars.
    #[doc(hidden)]
    const __LAYOUT: Declared;

    /// `Member<Self>`: what [`Members`] are made of. By this name, because a type that is not shareable has none: then the
    /// compiler has one thing to say of it, and not two.
    #[doc(hidden)]
    type __Member: Members
        + Typed<
            Types = Self,
            Both = Shared<Self, ReadWrite>,
            Read = Shared<Self, ReadOnly>,
            Write = Shared<Self, WriteOnly>,
        >;

    /// Copies between the segment and private memory, scalar by scalar: of a struct, field by field.
    ///
    /// # Safety
    ///
    /// As for [`Direction`]: one side is in a segment, the other is private; both are aligned and
    /// large enough; the side that is read is initialised.
    #[doc(hidden)]
    #[inline(always)]
    unsafe fn __copy<D: Direction>(from: *const Self, to: *mut Self) {
        const { _ = Declared::of::<Self>() };
        let copy = if D::LOADS { Self::__MEMBERS.load } else { Self::__MEMBERS.store };
        // SAFETY: both sides are readable or writable for a `Self`, aligned, initialised and private as the caller
        // says. It is laid out as C does it: `__LAYOUT` asserts that, for these fields, when it is made, which is
        // done above at the latest.
        unsafe { copy(from.cast(), to.cast()) }
    }
}

/// A type of which any bytes are a value, so that [`Shared::get`] can return it.
///
/// `bool` is one here: a byte other than 0 reads as `true`. A `char` and an enum are not, nor is a struct or an
/// array that contains one: those have [`Shared::try_get`].
///
/// # Safety
///
/// Implemented by the derives. After `Shareable::copy` from a segment with any bytes in it, the
/// destination is a valid `Self`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` may hold bytes that are not a value of it, because another process wrote them",
    label = "not every byte pattern is a `{Self}`",
    note = "use `try_get()`, which checks and returns a `Result`; of a `SeqLock`, `read()` or `read_into_uninit()`"
)]
pub unsafe trait AlwaysValid {}

/// A type whose values can be copied out of a segment and into it: whatever is `Copy`.
///
/// Atomics and locks are not: they are used in place.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be copied out of shared memory or into it: it is not `Copy`",
    label = "not `Copy`",
    note = "a struct or enum of your own: add `#[derive(Clone, Copy)]`, or use its fields one by one",
    note = "an atomic is used in place: `load`, `store`, `fetch_add`"
)]
pub trait Plain: Shareable + Copy {}

// Not recommended, so that the message is the one above and not of `Copy`, which says nothing of atomics.
#[diagnostic::do_not_recommend]
impl<T: Shareable + Copy> Plain for T {}

/// What the derives name for a field's type, to have said of it what has to be said if it has no size.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "there is no value of it")]
pub struct OfOneSize<T: HasOneSize + ?Sized>(PhantomData<T>);

/// A type that can be a field or an element: whatever has a size.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no size of its own, so it cannot be a field or an element of an array or slice",
    label = "no size that is always the same",
    note = "a struct that ends in a slice is a whole segment, whose length is chosen when it is created: as a part of another one, use a \
            struct that has an array `[T; N]` or a `List<T, N>` in place of the slice; or move the slice to the end of the whole"
)]
#[doc(hidden)]
pub trait HasOneSize {}

// Not recommended, so that the message is the one above and not of `Sized`.
#[diagnostic::do_not_recommend]
impl<T> HasOneSize for T {}

/// `AlwaysValid` if all types in the tuple `T` are. The lifetime makes the bound depend on something, so that the compiler
/// takes `where If<'a, (F,)>: AlwaysValid` as a condition of the impl and not as an error by itself.
#[doc(hidden)]
pub struct If<'a, T>(PhantomData<(&'a (), T)>);

macro_rules! all {
    () => {};
    ($first:ident $($rest:ident)*) => {
        // SAFETY: there is no value of it; the derived impls only ask whether this holds, and it does where it
        // does for all of their fields.
        unsafe impl<$first: AlwaysValid, $($rest: AlwaysValid),*> AlwaysValid for If<'_, ($first, $($rest,)*)> {}
        all! { $($rest)* }
    };
}
all! { F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 F11 F12 F13 F14 F15 F16 }

/// What a scalar derefs to: nothing that could be called or compared by accident.
#[doc(hidden)]
pub struct Opaque(());
