//! The layout of a type as a constant: what the derive generates, and what everything else here reads.

use crate::access::ReadWrite;
use crate::hash::Hash;
use crate::members::Named;
use crate::shareable::Shareable;
use crate::value::integer;

/// A scalar, by its Rust name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // hidden: the derive names these
pub enum Scalar {
    U8,
    U16,
    U32,
    U64,
    Usize,
    I8,
    I16,
    I32,
    I64,
    Isize,
    F32,
    F64,
    Bool,
    Char,
}

impl Scalar {
    /// Every scalar.
    pub(crate) const ALL: [Self; 14] = [
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::Usize,
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::Isize,
        Self::F32,
        Self::F64,
        Self::Bool,
        Self::Char,
    ];

    /// The Rust name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::Usize => "usize",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::Isize => "isize",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Bool => "bool",
            Self::Char => "char",
        }
    }

    /// Bytes, which is the alignment too: on the targets this crate builds for, scalars are naturally aligned.
    pub(crate) const fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 | Self::Char => 4,
            Self::U64 | Self::I64 | Self::F64 | Self::Usize | Self::Isize => 8,
        }
    }
}

/// How many elements without a size an array may have: what is in it is printed one by one.
pub(crate) const MAX_EMPTY: usize = 1 << 16;

/// How deep structs and arrays may nest. Real ones are far below; text from another process need not be.
pub(crate) const MAX_DEPTH: usize = 64;

/// The layout of a [`Shareable`](crate::Shareable) type, down to the scalars.
#[derive(Debug)]
pub struct TypeInfo {
    pub(crate) size: usize,
    pub(crate) align: usize,
    pub(crate) kind: Kind,
    /// Bytes that belong to scalars; the rest of `size` is padding.
    pub(crate) scalar_bytes: usize,
    /// A byte copy of a value is the value: no `bool`, whose bytes are brought to 0 and 1 when they are read.
    pub(crate) verbatim: bool,
    /// There is nothing to check: no `char` and no enum.
    pub(crate) always_valid: bool,
    /// How many arrays and structs are around the innermost scalar.
    depth: usize,
    /// A hash of names, types and offsets, down to the scalars.
    pub(crate) fingerprint: u64,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Scalar(Scalar),
    Atomic(Scalar),
    Array { of: &'static TypeInfo, len: usize },
    Struct { name: &'static str, fields: &'static [FieldInfo] },
    Enum { name: &'static str, repr: Scalar, variants: &'static [(&'static str, i128)] },
}

/// One field of a struct.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldInfo {
    /// Its name, without `r#`.
    pub(crate) name: &'static str,
    /// Bytes from the struct's start.
    pub(crate) offset: usize,
    /// The layout of its type.
    pub(crate) info: &'static TypeInfo,
}

/// The layout that a type declares. It is believed only by way of `of`, which holds it against the type.
#[derive(Debug)]
pub struct Declared(TypeInfo);

impl Declared {
    /// The layout of `T`: of the size and alignment that the compiler gives it, or `T` cannot be used. There is no other way to
    /// the layout of a type, so that none is used unchecked.
    pub(crate) const fn of<T: Shareable>() -> &'static TypeInfo {
        const {
            let Self(info) = &T::__INFO;
            assert!(
                info.size == size_of::<T>() && info.align == align_of::<T>(),
                "the type has another size or alignment than its layout says: an attribute that the derive did not see \
                 changed it, or an `unsafe impl` is wrong"
            );
            assert!(
                size_of::<T::__Parts<ReadWrite>>() <= info.size
                    && align_of::<T::__Parts<ReadWrite>>() <= info.align,
                "the type's parts are larger than the type, or more aligned"
            );
            info
        }
    }

    pub(crate) const fn scalar(scalar: Scalar) -> Self {
        Self(TypeInfo::one(scalar, Kind::Scalar(scalar), !matches!(scalar, Scalar::Char), Hash::of("scalar")))
    }

    pub(crate) const fn atomic(scalar: Scalar) -> Self {
        Self(TypeInfo::one(scalar, Kind::Atomic(scalar), true, Hash::of("atomic")))
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
        Self(TypeInfo::one(repr, Kind::Enum { name, repr, variants }, false, hash))
    }

    /// `N` values of `T`.
    pub(crate) const fn array<T: Shareable>(len: usize) -> Self {
        let of = Self::of::<T>();
        assert!(
            of.size > 0 || len <= MAX_EMPTY,
            "an array of so many elements needs elements that have a size"
        );
        assert!(of.depth + 1 < MAX_DEPTH, "types in shared memory may nest 64 deep");
        Self(TypeInfo {
            size: of.size * len,
            align: of.align,
            scalar_bytes: of.scalar_bytes * len,
            verbatim: of.verbatim,
            always_valid: of.always_valid,
            kind: Kind::Array { of, len },
            depth: of.depth + 1,
            fingerprint: Hash::of("array").number(len as u64).number(of.fingerprint).finish(),
        })
    }

    /// The `#[repr(C)]` struct `T` of `N` fields.
    ///
    /// # Panics
    ///
    /// At compile time, if it nests too deep, or its size is not the one that C would give it.
    pub const fn structure<T: Shareable, const N: usize>(name: &'static str) -> Self {
        assert_struct::<T>();
        let (size, align, fields) = (size_of::<T>(), align_of::<T>(), Named::<T, N>::FIELDS);
        let (mut scalar_bytes, mut verbatim, mut always_valid, mut depth, mut end) = (0, true, true, 0, 0);
        let mut hash = Hash::of("struct").text(name).number(size as u64).number(align as u64);
        let mut i = 0;
        while i < fields.len() {
            let FieldInfo { name, offset, info } = fields[i];
            scalar_bytes += info.scalar_bytes;
            verbatim &= info.verbatim;
            always_valid &= info.always_valid;
            if info.depth + 1 > depth {
                depth = info.depth + 1;
            }
            hash = hash.text(name).number(offset as u64).number(info.fingerprint);
            end = offset + info.size;
            i += 1;
        }
        assert!(depth < MAX_DEPTH, "types in shared memory may nest 64 deep");
        assert!(
            end.next_multiple_of(align) == size,
            "the compiler gives the struct another size than C does"
        );
        let (kind, fingerprint) = (Kind::Struct { name, fields }, hash.finish());
        Self(TypeInfo { size, align, kind, scalar_bytes, verbatim, always_valid, depth, fingerprint })
    }
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

impl TypeInfo {
    /// The Rust name, if it is one word.
    pub(crate) const fn name(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Scalar(scalar) => Some(scalar.name()),
            Kind::Struct { name, .. } | Kind::Enum { name, .. } => Some(name),
            Kind::Atomic(_) | Kind::Array { .. } => None,
        }
    }

    const fn one(scalar: Scalar, kind: Kind, always_valid: bool, hash: Hash) -> Self {
        let size = scalar.size();
        let verbatim = !matches!(scalar, Scalar::Bool);
        let fingerprint = hash.text(scalar.name()).finish();
        Self { size, align: size, kind, scalar_bytes: size, verbatim, always_valid, depth: 0, fingerprint }
    }
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
