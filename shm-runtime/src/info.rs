//! The layout of a type as a constant: what the derive generates, and what everything else here reads.

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
#[derive(Debug)]
pub struct FieldInfo {
    /// Its name, without `r#`.
    pub name: &'static str,
    /// Bytes from the struct's start.
    pub offset: usize,
    /// The layout of its type.
    pub info: &'static TypeInfo,
}

impl FieldInfo {
    /// A field, at `offset` in the struct and at `twin` in the struct that the derive generated for it.
    ///
    /// # Panics
    ///
    /// At compile time, if the two offsets differ.
    pub const fn new(name: &'static str, info: &'static TypeInfo, offset: usize, twin: usize) -> Self {
        assert!(offset == twin, "the struct and its generated fields differ in an offset");
        Self { name, offset, info }
    }
}

impl TypeInfo {
    pub(crate) const fn scalar(scalar: Scalar) -> Self {
        Self::one(scalar, Kind::Scalar(scalar), !matches!(scalar, Scalar::Char))
    }

    pub(crate) const fn atomic(scalar: Scalar) -> Self {
        Self::one(scalar, Kind::Atomic(scalar), true)
    }

    /// A fieldless enum of `repr`, with its variants and their discriminants.
    pub const fn enumeration(
        name: &'static str,
        repr: Scalar,
        variants: &'static [(&'static str, i128)],
    ) -> Self {
        Self::one(repr, Kind::Enum { name, repr, variants }, false)
    }

    /// The Rust name, if it is one word.
    pub(crate) const fn name(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Scalar(scalar) => Some(scalar.name()),
            Kind::Struct { name, .. } | Kind::Enum { name, .. } => Some(name),
            Kind::Atomic(_) | Kind::Array { .. } => None,
        }
    }

    const fn one(scalar: Scalar, kind: Kind, always_valid: bool) -> Self {
        let size = scalar.size();
        let verbatim = !matches!(scalar, Scalar::Bool);
        Self { size, align: size, kind, scalar_bytes: size, verbatim, always_valid, depth: 0 }
    }

    pub(crate) const fn array(of: &'static Self, len: usize) -> Self {
        assert!(of.size > 0 || len == 0, "an array in shared memory needs elements that have a size");
        assert!(of.depth + 1 < MAX_DEPTH, "types in shared memory may nest 64 deep");
        Self {
            size: of.size * len,
            align: of.align,
            scalar_bytes: of.scalar_bytes * len,
            verbatim: of.verbatim,
            always_valid: of.always_valid,
            kind: Kind::Array { of, len },
            depth: of.depth + 1,
        }
    }

    /// A `#[repr(C)]` struct.
    ///
    /// # Panics
    ///
    /// At compile time, if it nests too deep.
    pub const fn structure(
        name: &'static str,
        size: usize,
        align: usize,
        fields: &'static [FieldInfo],
    ) -> Self {
        let (mut scalar_bytes, mut verbatim, mut always_valid, mut depth) = (0, true, true, 0);
        let mut i = 0;
        while i < fields.len() {
            let field = fields[i].info;
            scalar_bytes += field.scalar_bytes;
            verbatim &= field.verbatim;
            always_valid &= field.always_valid;
            if field.depth + 1 > depth {
                depth = field.depth + 1;
            }
            i += 1;
        }
        assert!(depth < MAX_DEPTH, "types in shared memory may nest 64 deep");
        Self { size, align, kind: Kind::Struct { name, fields }, scalar_bytes, verbatim, always_valid, depth }
    }
}

/// The compile-time check of a derive: the struct `T` and its generated twin `F` agree in size and in alignment;
/// in every field's offset by [`FieldInfo::new`].
///
/// # Panics
///
/// At compile time, if they do not.
pub const fn assert_twin<T, F>() {
    assert!(size_of::<T>() == size_of::<F>(), "the struct and its generated fields differ in size");
    assert!(align_of::<T>() == align_of::<F>(), "the struct and its generated fields differ in alignment");
}
