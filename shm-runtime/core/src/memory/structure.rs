//! The layout of a Rust type, held against the type itself: of arrays, structs and enums, and what the derives assert of them.

use crate::memory::access::ReadWrite;
use crate::memory::carry::Hold;
use crate::memory::fingerprint::Hash;
use crate::memory::layout::{Carried, Field, Kind, Layout, MAX_DEPTH, MAX_EMPTY, Scalar};
use crate::memory::region::Region;
use crate::memory::shareable::Shareable;
use crate::memory::validity::integer;

/// The layout that a type declares. It is believed only by way of `of`, which holds it against the type.
#[derive(Debug)]
pub struct Declared(Layout);

impl Declared {
    /// The layout of `T`: of the size and alignment that the compiler gives it, or `T` cannot be used. There is no other way to
    /// the layout of a type, so that none is used unchecked.
    pub(crate) const fn of<T: Shareable>() -> &'static Layout {
        const {
            let Self(layout) = &T::__LAYOUT;
            assert!(
                layout.size == size_of::<T>() && layout.align == align_of::<T>(),
                "the type has another size or alignment than its layout says: an attribute that the derive did not see \
                 changed it, or an `unsafe impl` is wrong"
            );
            assert!(
                size_of::<T::__Parts<ReadWrite>>() <= layout.size
                    && align_of::<T::__Parts<ReadWrite>>() <= layout.align,
                "the type's parts are larger than the type, or more aligned"
            );
            layout
        }
    }

    pub(crate) const fn scalar(scalar: Scalar) -> Self {
        Self(Layout::one(scalar, Kind::Scalar(scalar), !matches!(scalar, Scalar::Char), Hash::of("scalar")))
    }

    /// An integer that is not 0. In a schema, it is the integer.
    pub(crate) const fn non_zero(scalar: Scalar) -> Self {
        Self(Layout::one(scalar, Kind::Scalar(scalar), false, Hash::of("scalar")))
    }

    /// A value without padding, whose fields are not known: integers that are as wide as it is aligned, up to 64 bits.
    #[cfg(any(feature = "bytemuck", feature = "zerocopy"))]
    pub(crate) const fn units<T>() -> Self {
        let (size, align) = (size_of::<T>(), align_of::<T>());
        let units = const { &Self::array_of_units::<T>().0 };
        let fields =
            const { &[Field { name: "units", was: "", offset: 0, layout: &Self::array_of_units::<T>().0 }] };
        let hash = Hash::of("builtin").text("Pod").number(size as u64).number(align as u64);
        Self(Layout {
            size,
            align,
            scalar_bytes: size,
            verbatim: true,
            always_valid: true,
            thread_ids: false,
            carried: Carried::Verbatim,
            kind: Kind::Struct { name: "Pod", builtin: true, fields },
            depth: units.depth + 1,
            fingerprint: hash.number(units.fingerprint).finish(),
        })
    }

    #[cfg(any(feature = "bytemuck", feature = "zerocopy"))]
    const fn array_of_units<T>() -> Self {
        let size = size_of::<T>();
        match align_of::<T>() {
            1 => Self::array::<u8>(size),
            2 => Self::array::<u16>(size / 2),
            4 => Self::array::<u32>(size / 4),
            _ => Self::array::<u64>(size / 8),
        }
    }

    pub(crate) const fn atomic(scalar: Scalar) -> Self {
        Self(Layout::one(scalar, Kind::Atomic(scalar), true, Hash::of("atomic")))
    }

    /// A fieldless enum of `repr`, with its variants and their [values](variants).
    pub const fn enumeration(
        name: &'static str,
        repr: Scalar,
        variants: &'static [(&'static str, i128)],
    ) -> Self {
        let mut hash = Hash::of("enum").text(name);
        let mut i = 0;
        while i < variants.len() {
            let (name, value) = variants[i];
            hash = hash.text(name).bytes(&value.to_le_bytes());
            i += 1;
        }
        Self(Layout::one(repr, Kind::Enum { name, repr, variants }, false, hash))
    }

    /// `N` values of `T`.
    pub(crate) const fn array<T: Shareable>(len: usize) -> Self {
        let of = Self::of::<T>();
        assert!(
            of.size > 0 || len <= MAX_EMPTY,
            "an array of so many elements needs elements that have a size"
        );
        assert!(of.depth + 1 < MAX_DEPTH, "types in shared memory may nest 64 deep");
        Self(Layout {
            size: of.size * len,
            align: of.align,
            scalar_bytes: of.scalar_bytes * len,
            verbatim: of.verbatim,
            always_valid: of.always_valid,
            thread_ids: of.thread_ids,
            carried: Carried::Verbatim,
            kind: Kind::Array { of, len },
            depth: of.depth + 1,
            fingerprint: Hash::of("array").number(len as u64).number(of.fingerprint).finish(),
        })
    }

    /// Any number of values of `T`, at the end of a struct.
    pub(crate) const fn tail<T: Shareable>() -> Self {
        let of = Self::of::<T>();
        assert!(of.depth + 1 < MAX_DEPTH, "types in shared memory may nest 64 deep");
        Self(Layout {
            size: 0,
            align: of.align,
            scalar_bytes: 0,
            verbatim: of.verbatim,
            always_valid: true,
            thread_ids: of.thread_ids,
            carried: Carried::Verbatim,
            kind: Kind::Tail { of },
            depth: of.depth + 1,
            fingerprint: Hash::of("tail").number(of.fingerprint).finish(),
        })
    }

    /// The `#[repr(C)]` struct `T` of `N` fields.
    ///
    /// # Panics
    ///
    /// At compile time, if it nests too deep, or its size is not the one that C would give it.
    pub const fn structure<T: Shareable, const N: usize>(name: &'static str) -> Self {
        Self::fields_of::<T, N>(name, false)
    }

    /// The same of a type of this crate, whose fields are the state of a protocol: a schema tells it from a struct of its name.
    pub(crate) const fn builtin<T: Shareable, const N: usize>(name: &'static str) -> Self {
        Self::fields_of::<T, N>(name, true)
    }

    const fn fields_of<T: Shareable, const N: usize>(name: &'static str, builtin: bool) -> Self {
        assert_struct::<T>();
        let (size, align, fields) = (size_of::<T>(), align_of::<T>(), const { &fields::<T, N>() });
        let (mut scalar_bytes, mut verbatim, mut always_valid, mut depth, mut end) = (0, true, true, 0, 0);
        let mut thread_ids = false;
        let mut hash = Hash::of(if builtin { "builtin" } else { "struct" })
            .text(name)
            .number(size as u64)
            .number(align as u64);
        let mut i = 0;
        while i < fields.len() {
            let Field { name, offset, layout, .. } = fields[i];
            scalar_bytes += layout.scalar_bytes;
            verbatim &= layout.verbatim;
            always_valid &= layout.always_valid;
            thread_ids |= layout.thread_ids;
            if layout.depth + 1 > depth {
                depth = layout.depth + 1;
            }
            hash = hash.text(name).number(offset as u64).number(layout.fingerprint);
            end = offset + layout.size;
            i += 1;
        }
        assert!(depth < MAX_DEPTH, "types in shared memory may nest 64 deep");
        assert!(
            end.next_multiple_of(align) == size,
            "the compiler gives the struct another size than C does"
        );
        let (kind, fingerprint) = (Kind::Struct { name, builtin, fields }, hash.finish());
        Self(Layout {
            size,
            align,
            kind,
            scalar_bytes,
            verbatim,
            always_valid,
            thread_ids,
            carried: Carried::Verbatim,
            depth,
            fingerprint,
        })
    }

    /// The same, of a lock, which keeps thread ids.
    pub(crate) const fn lock(self) -> Self {
        let Self(layout) = self;
        Self(Layout { thread_ids: true, carried: Carried::Unlocked, ..layout })
    }

    /// The same, of something that belongs to processes, which begins anew in another segment.
    pub(crate) const fn transient(self) -> Self {
        let Self(layout) = self;
        Self(Layout { carried: Carried::Nothing, ..layout })
    }

    /// The same, of something whose fields belong together.
    pub(crate) const fn together(self) -> Self {
        let Self(layout) = self;
        Self(Layout { carried: Carried::Still, ..layout })
    }

    /// The same, of a queue with one sender and one receiver.
    pub(crate) const fn passed(self) -> Self {
        let Self(layout) = self;
        Self(Layout { carried: Carried::Passed, ..layout })
    }

    /// The same, of a queue with a lock.
    pub(crate) const fn held(self, hold: Hold) -> Self {
        let Self(layout) = self;
        Self(Layout { carried: Carried::Held(hold), ..layout })
    }

    /// The same, of a slot of such a queue, which `give_back` gives back.
    pub(crate) const fn given(self, give_back: fn(Region<'_>, usize)) -> Self {
        let Self(layout) = self;
        Self(Layout { carried: Carried::Given(give_back), ..layout })
    }

    /// The same, of a sequence lock.
    pub(crate) const fn latch(self) -> Self {
        let Self(layout) = self;
        Self(Layout { carried: Carried::Latest, ..layout })
    }
}

/// The fields of `T`, of which there are `N`: all that is known of them, put together when it is asked for.
const fn fields<T: Shareable, const N: usize>() -> [Field; N] {
    let mut fields = [Field { name: "", was: "", offset: 0, layout: Declared::of::<u8>() }; N];
    let end = T::__MEMBERS.layouts.fill(&mut fields, 0);
    assert!(end == N && T::__NAMES.len() == N && T::__OFFSETS.len() == N, "all lists are of the same fields");
    let (mut i, mut end) = (0, 0_usize);
    while i < N {
        let Field { layout, .. } = fields[i];
        let offset = T::__OFFSETS[i];
        assert!(
            offset == end.next_multiple_of(layout.align),
            "the fields do not lie where C lays them out in the order that the derive saw: an attribute that stands below the \
             derive changed their order, or the `repr`"
        );
        fields[i] = Field { name: T::__NAMES[i], was: "", offset, layout };
        end = offset + layout.size;
        i += 1;
    }
    let mut i = 0;
    while i < T::__WAS.len() {
        let (field, was) = T::__WAS[i];
        fields[field].was = was;
        i += 1;
    }
    fields
}

/// That any bytes are a `T`: asked of the layout where a plain `T` is returned, so that it does not hang on the trait
/// [`AlwaysValid`](crate::AlwaysValid) only.
///
/// # Panics
///
/// At compile time, if it is not so.
pub(crate) const fn assert_always_valid<T: Shareable>() {
    assert!(
        Declared::of::<T>().always_valid,
        "the type says that any bytes are a value of it, and its layout that they are not"
    );
}

/// The variants of a fieldless enum: their names, and the numbers that the compiler has for them. Those are read from the values
/// themselves, whatever an attribute says of the enum.
///
/// # Panics
///
/// At compile time, if a value of the enum is not one integer of `repr`.
pub const fn variants<T, const N: usize>(
    repr: Scalar,
    variants: [(&'static str, &'static T); N],
) -> [(&'static str, i128); N] {
    assert!(
        size_of::<T>() == repr.size() && align_of::<T>() == repr.size(),
        "the enum is not one integer of its `repr`"
    );
    let mut numbers = [("", 0); N];
    let mut i = 0;
    while i < N {
        let (name, value) = variants[i];
        // SAFETY: a value of the enum, which has the size and alignment of the integer. It has no byte that is not
        // initialised: reading one would stop the compiler, which does this.
        numbers[i] = (name, unsafe { integer(repr, core::ptr::from_ref(value).cast()) });
        i += 1;
    }
    numbers
}

/// The compile-time check of a derive: the struct `T` has a size, and its generated twin has the same, and the same
/// alignment.
///
/// # Panics
///
/// At compile time, if it is not so.
#[track_caller]
pub const fn assert_struct<T: Shareable>() {
    let (size, align) = (size_of::<T::__Parts<ReadWrite>>(), align_of::<T::__Parts<ReadWrite>>());
    assert!(size_of::<T>() > 0, "a struct without a size cannot be shared");
    assert!(size_of::<T>() == size, "the struct and its generated fields differ in size");
    assert!(align_of::<T>() == align, "the struct and its generated fields differ in alignment");
}

/// The same for a whole segment.
///
/// # Panics
///
/// At compile time, if it is not so, or `T` is aligned to more than a page.
#[track_caller]
pub const fn assert_segment<T: Shareable>() {
    assert_struct::<T>();
    assert!(
        align_of::<T>() <= 4096,
        "a segment begins at a page, and so can be aligned to 4096 bytes at most"
    );
}

/// That the elements `T` of a slice at the end of a struct have a size.
///
/// # Panics
///
/// At compile time, if they have none.
#[track_caller]
pub const fn assert_elements<T>() {
    assert!(
        size_of::<T>() > 0,
        "a slice at the end of a struct needs elements that have a size, or its length cannot be counted"
    );
}

/// For a struct with parts that are structs: its layout is found now, and so it is known when that of a struct around it is. To the
/// compiler, each layout that it has to find first is some levels of recursion, of which it allows 128.
///
/// # Panics
///
/// At compile time, if it is not laid out as C does it.
#[track_caller]
pub const fn assert_layout<T: Shareable>() {
    _ = Declared::of::<T>();
}

/// The compiler finds the offsets of the fields of `T` with room for one, in memory of its own.
///
/// # Panics
///
/// At compile time, if it would not have that.
pub const fn assert_can_be_placed<T>() {
    assert!(
        size_of::<T>() <= 1 << 45,
        "a struct of more than 32 TiB is more than the compiler can lay out: make its arrays shorter"
    );
}

/// A type's name that is a constant.
///
/// # Panics
///
/// At compile time, if a schema cannot have it for a name.
pub const fn type_name(name: &'static str) -> &'static str {
    let bytes = name.as_bytes();
    assert!(!bytes.is_empty(), "a type name is not empty");
    let mut i = 0;
    while i < bytes.len() {
        assert!(
            matches!(bytes[i], b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_'),
            "a type name is a text of letters, digits and `_`"
        );
        i += 1;
    }
    name
}
