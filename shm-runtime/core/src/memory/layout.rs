//! The layout of a type as a constant: what the derive generates, and what everything else here reads.

use crate::memory::carry::Hold;
use crate::memory::fingerprint::Hash;
use crate::memory::region::Region;

/// A scalar, by its Rust name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each is the type that it is named after
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
    pub const fn name(self) -> &'static str {
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

    /// The scalar with this Rust name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scalar| scalar.name() == name)
    }

    /// Bytes, which is the alignment too: on the targets this crate builds for, scalars are naturally aligned.
    pub const fn size(self) -> usize {
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
pub struct Layout {
    pub(crate) size: usize,
    pub(crate) align: usize,
    pub(crate) kind: Kind,
    /// Bytes that belong to scalars; the rest of `size` is padding.
    pub(crate) scalar_bytes: usize,
    /// A byte copy of a value is the value: no `bool`, whose bytes are brought to 0 and 1 when they are read.
    pub(crate) verbatim: bool,
    /// There is nothing to check: no `char`, no enum, and no integer that is not 0, which is a scalar in all else.
    pub(crate) always_valid: bool,
    /// There are thread ids in it, by which processes of one pid namespace know each other's threads.
    pub(crate) thread_ids: bool,
    /// How a value is taken over into another segment.
    pub(crate) carried: Carried,
    /// How many arrays and structs are around the innermost scalar.
    pub(super) depth: usize,
    /// A hash of names, types and offsets, down to the scalars.
    pub(crate) fingerprint: u64,
}

/// How a value is taken over into another segment, where no process uses it yet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Carried {
    /// Scalar by scalar.
    Verbatim,
    /// A lock, whose fields are its word, the word that says that the value is left half-changed, and the value: free, and the
    /// value as half-changed if the lock was held.
    Unlocked,
    /// A sequence lock, whose fields begin with the sequence number and the two copies: the current copy whole, and no writer.
    Latest,
    /// Not at all: it is of processes, and zero in the other segment.
    Nothing,
    /// Field by field, all as they were at one moment; or zero if there was none, as they changed all the time.
    Still,
    /// A queue with one sender and one receiver, whose first field begins with what the two write, of which the first is the count: what
    /// was sent and is not received.
    Passed,
    /// A queue with a lock, which is its first field: the lock free, the rest field by field, held still meanwhile.
    Held(Hold),
    /// A slot of such a queue: field by field, and then given back by this function, if a process has the value.
    Given(fn(Region<'_>, usize)),
}

#[derive(Debug)]
pub(crate) enum Kind {
    Scalar(Scalar),
    Atomic(Scalar),
    Array {
        of: &'static Layout,
        len: usize,
    },
    /// The elements of the slice at the end of a struct, as many as the segment has.
    Tail {
        of: &'static Layout,
    },
    /// `builtin`: one of this crate's own, and not of a derive.
    Struct {
        name: &'static str,
        builtin: bool,
        fields: &'static [Field],
    },
    Enum {
        name: &'static str,
        repr: Scalar,
        variants: &'static [(&'static str, i128)],
    },
}

/// One field of a struct.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// Its name, without `r#`.
    pub(crate) name: &'static str,
    /// The name that it had before; empty if it always had this one.
    pub(crate) was: &'static str,
    /// Bytes from the struct's start.
    pub(crate) offset: usize,
    /// The layout of its type.
    pub(crate) layout: &'static Layout,
}

impl Layout {
    /// The Rust name, if it is one word.
    pub(crate) const fn name(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Scalar(scalar) => Some(scalar.name()),
            Kind::Struct { name, .. } | Kind::Enum { name, .. } => Some(name),
            Kind::Atomic(_) | Kind::Array { .. } | Kind::Tail { .. } => None,
        }
    }

    /// Of a struct: its fields.
    pub(crate) const fn fields(&self) -> &'static [Field] {
        match self.kind {
            Kind::Struct { fields, .. } => fields,
            _ => &[],
        }
    }

    /// Of a struct that ends in a slice: its elements.
    pub(crate) const fn tail(&self) -> Option<&'static Self> {
        match self.kind {
            Kind::Struct {
                fields: [.., Field { layout: Self { kind: Kind::Tail { of }, .. }, .. }], ..
            } => Some(of),
            _ => None,
        }
    }

    pub(super) const fn one(scalar: Scalar, kind: Kind, always_valid: bool, hash: Hash) -> Self {
        let size = scalar.size();
        let verbatim = !matches!(scalar, Scalar::Bool);
        let fingerprint = hash.text(scalar.name()).finish();
        Self {
            size,
            align: size,
            kind,
            scalar_bytes: size,
            verbatim,
            always_valid,
            thread_ids: false,
            carried: Carried::Verbatim,
            depth: 0,
            fingerprint,
        }
    }
}
