//! The fields of a struct as one type: a tuple of a stand-in for each field's type. To the compiler that is far less work than code
//! for each field.

use core::marker::PhantomData;

use crate::memory::access::{ReadOnly, ReadWrite, WriteOnly};
use crate::memory::direction::{Direction, Load, Store};
use crate::memory::layout::{Field, Layout};
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::memory::structure::Declared;

/// A [`Member`], or a tuple of up to sixteen of them or of such tuples, in the order of the fields.
///
/// # Safety
///
/// Implemented here only: `copy` copies all that `LAYOUTS` lists, and nothing else.
pub unsafe trait Members: Typed {
    #[doc(hidden)]
    const LAYOUTS: Layouts;

    /// Copies the fields, as [`Shareable::__copy`] does, of a struct that begins at `from` and `to`. The first field lies
    /// where C lays it if the one before it ends at `end`; returns where the last one ends.
    ///
    /// # Safety
    ///
    /// As for [`Direction`], for the struct on each side; it is laid out as C does it.
    #[doc(hidden)]
    unsafe fn copy<D: Direction>(from: *const u8, to: *mut u8, end: usize) -> usize;
}

/// The types that `Members` stand for, whether they can be shared or not: that is asked elsewhere, and once.
pub trait Typed {
    /// The types of the fields, in such tuples.
    #[doc(hidden)]
    type Types;

    /// The types of the same fields in a segment that can be read and written, ...
    #[doc(hidden)]
    type Both;

    /// ... only read, ...
    #[doc(hidden)]
    type Read;

    /// ... and only written.
    #[doc(hidden)]
    type Write;
}

/// The layouts of the fields, as they are nested in tuples.
#[derive(Clone, Copy)]
pub enum Layouts {
    One(&'static Layout),
    Many(&'static [Self]),
}

/// Stands for a field of type `T`.
pub struct Member<T>(PhantomData<T>);

impl<T> Typed for Member<T> {
    type Types = T;
    type Both = Shared<T, ReadWrite>;
    type Read = Shared<T, ReadOnly>;
    type Write = Shared<T, WriteOnly>;
}

// SAFETY: one field, and its own `copy`.
unsafe impl<T: Shareable> Members for Member<T> {
    const LAYOUTS: Layouts = Layouts::One(Declared::of::<T>());

    #[inline(always)]
    unsafe fn copy<D: Direction>(from: *const u8, to: *mut u8, end: usize) -> usize {
        let offset = end.next_multiple_of(align_of::<T>());
        // SAFETY: the field begins at `offset`, the next multiple of its alignment after `end` (Reference, "Type
        // layout", "The C representation"), so it lies within the struct, which is readable or writable by the
        // caller, and is aligned. It is initialised and private as the struct is.
        unsafe { T::__copy::<D>(from.add(offset).cast(), to.add(offset).cast()) };
        offset + size_of::<T>()
    }
}

macro_rules! tuples {
    () => {};
    ($first:ident $($rest:ident)*) => {
        impl<$first: Typed, $($rest: Typed),*> Typed for ($first, $($rest,)*) {
            type Types = ($first::Types, $($rest::Types,)*);
            type Both = ($first::Both, $($rest::Both,)*);
            type Read = ($first::Read, $($rest::Read,)*);
            type Write = ($first::Write, $($rest::Write,)*);
        }

        // SAFETY: one after the other, each by its own `copy`.
        unsafe impl<$first: Members, $($rest: Members),*> Members for ($first, $($rest,)*) {

            const LAYOUTS: Layouts = Layouts::Many(&[$first::LAYOUTS, $($rest::LAYOUTS),*]);

            #[inline(always)]
            unsafe fn copy<D: Direction>(from: *const u8, to: *mut u8, end: usize) -> usize {
                // SAFETY: the same struct on each side, readable or writable, aligned, initialised and private as the
                // caller says; the first of these fields follows `end` by the caller too.
                let end = unsafe { $first::copy::<D>(from, to, end) };
                // SAFETY: the same struct again; `end` is where the field before these ends, as `copy` returned.
                $(let end = unsafe { $rest::copy::<D>(from, to, end) };)*
                end
            }
        }

        tuples! { $($rest)* }
    };
}
tuples! { M1 M2 M3 M4 M5 M6 M7 M8 M9 M10 M11 M12 M13 M14 M15 M16 }

impl Typed for () {
    type Types = ();
    type Both = ();
    type Read = ();
    type Write = ();
}

// SAFETY: of no fields.
unsafe impl Members for () {
    const LAYOUTS: Layouts = Layouts::Many(&[]);

    #[inline(always)]
    unsafe fn copy<D: Direction>(_: *const u8, _: *mut u8, end: usize) -> usize {
        end
    }
}

/// What `Members` say, without their type.
pub struct Fields {
    pub(super) layouts: Layouts,
    pub(crate) load: unsafe fn(*const u8, *mut u8),
    pub(crate) store: unsafe fn(*const u8, *mut u8),
}

impl Fields {
    /// A type without fields.
    pub(crate) const NONE: Self = Self::listed::<()>();

    /// The fields of a struct of this crate, in order.
    pub(crate) const fn listed<M: Members>() -> Self {
        Self { layouts: M::LAYOUTS, load: copy::<M, Load>, store: copy::<M, Store> }
    }

    /// The struct as the compiler has it now.
    pub const fn now<T, Types>(_: fn(Types) -> T) -> Now<T, Types> {
        Now(PhantomData)
    }
}

/// The struct `T`, which can be made of values of `Types`, one for each field. (It never is.)
pub struct Now<T, Types>(PhantomData<fn(Types) -> T>);

impl<T: Shareable, Types> Now<T, Types> {
    /// The fields of the struct, in order, as the derive listed them. The compiler holds the list against those it has.
    pub const fn are<M: Members>(self) -> Fields
    where
        Types: AsSeen<M::Types>,
    {
        Fields::listed::<M>()
    }

    /// Its twin too, for each access.
    pub const fn with_twin<Both, Read, Write>(
        self,
        _: fn(Both) -> T::__Parts<ReadWrite>,
        _: fn(Read) -> T::__Parts<ReadOnly>,
        _: fn(Write) -> T::__Parts<WriteOnly>,
    ) -> NowWithTwin<Types, Both, Read, Write> {
        NowWithTwin(PhantomData)
    }
}

/// A struct, which can be made of values of `Types`, and its twin, of those of the others.
pub struct NowWithTwin<Types, Both, Read, Write>(PhantomData<fn(Types, Both, Read, Write)>);

impl<Types, Both, Read, Write> NowWithTwin<Types, Both, Read, Write> {
    /// As [`Now::are`], for the twin too.
    pub const fn are<M: Members>(self) -> Fields
    where
        Types: AsSeen<M::Types>,
        Both: AsSeen<M::Both>,
        Read: AsSeen<M::Read>,
        Write: AsSeen<M::Write>,
    {
        Fields::listed::<M>()
    }
}

/// The types of the fields that a struct has now, which are those that the derive saw: each type is itself, and no other.
#[diagnostic::on_unimplemented(
    message = "the fields of this struct are not of the types that the derive saw",
    label = "now they are `{Self}`, and the derive saw `{Seen}`",
    note = "an attribute macro that stands below the derive changes the struct after the derive has seen it: put the derive below \
            that attribute",
    note = "a macro that is a field's type has to be the same type each time it is written out"
)]
pub trait AsSeen<Seen> {}

impl<T> AsSeen<T> for T {}

/// What no struct has. With one impl only, the compiler would take it for granted that the types are the same, and then say of
/// others that they are not equal, instead of what is said above.
pub struct Unseen<T>(PhantomData<T>);

impl<T> AsSeen<Unseen<T>> for T {}

impl Layouts {
    /// Writes the layouts into `fields`, from field `i` on; returns the next one's number.
    pub(super) const fn fill(self, fields: &mut [Field], mut i: usize) -> usize {
        match self {
            Self::One(layout) => {
                fields[i].layout = layout;
                i + 1
            }
            Self::Many(layouts) => {
                let mut at = 0;
                while at < layouts.len() {
                    i = layouts[at].fill(fields, i);
                    at += 1;
                }
                i
            }
        }
    }
}

/// The offsets of the fields of a struct that begins at `base`, from where they are. (Each `offset_of` would be to the
/// compiler a constant of its own, which it has to compile.)
///
/// # Safety
///
/// All of `fields` are in the place of one struct, which begins at `base`.
pub const unsafe fn offsets<T, const N: usize>(base: *const T, fields: [*const u8; N]) -> [usize; N] {
    let mut offsets = [0; N];
    let mut i = 0;
    while i < N {
        // SAFETY: by the caller, both pointers are into the place of one struct, so one allocation, and the distance,
        // in bytes, is that of a field from the start: not negative, as no field is in front of its struct.
        offsets[i] = unsafe { fields[i].offset_from(base.cast()) }.unsigned_abs();
        i += 1;
    }
    offsets
}

/// Copies the fields of a struct.
///
/// # Safety
///
/// As for [`Members::copy`].
#[inline]
unsafe fn copy<M: Members, D: Direction>(from: *const u8, to: *mut u8) {
    // SAFETY: the struct is the caller's on each side, laid out as C does it; nothing is before its first field,
    // which therefore follows 0.
    unsafe { M::copy::<D>(from, to, 0) };
}
