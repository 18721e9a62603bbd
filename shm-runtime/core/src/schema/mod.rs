//! The layout of a struct, read from its text.
//!
//! One line a field, nested structs below their field, two spaces deeper:
//!
//! ```text
//! struct Station size 72 align 8
//!   readings @0 atomic u64
//!   wind @8 struct Wind size 16 align 8
//!     speed @0 f64
//!     degrees @8 u16
//!   name @24 [32] u8
//!   grid @56 [2] [3] u8
//!   mode @62 enum Mode u8 Off=0 On=1
//! ```
//!
//! Offsets are in bytes from the start of the struct that the field is in.

mod live;
mod parse;

use core::fmt;

use self::live::Live;
pub use self::parse::ParseError;
use crate::info::{Declared, Scalar};
use crate::shareable::Shareable;
use crate::text::text;

/// Bytes of paths in front of the lines of a difference: beyond any real struct's, and little memory.
const MOST_PARENTS: usize = 4 << 20;

/// The layout of a struct: its fields with names, types and offsets.
///
/// [`of`](Self::of) gives that of a type, [`parse`](Self::parse) reads the text that `Display` writes.
///
/// ```
/// use shm_runtime::{Schema, SharedSegment};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Point { x: f32, y: f32, label: [u8; 16] }
///
/// let text = "struct Point size 24 align 4\n  x @0 f32\n  y @4 f32\n  label @8 [16] u8\n";
/// assert_eq!(Schema::of::<Point>().to_string(), text);
/// assert_eq!(Schema::parse(text), Ok(Schema::of::<Point>()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    text: String,
    root: Type,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Type {
    pub(crate) size: usize,
    pub(crate) align: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar(Scalar),
    Atomic(Scalar),
    Array { of: Box<Type>, len: usize },
    Struct { name: String, fields: Vec<Field> },
    Enum { name: String, repr: Scalar, variants: Vec<(String, i128)> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) offset: usize,
    pub(crate) ty: Type,
}

impl Schema {
    /// The layout of `T`.
    ///
    /// # Panics
    ///
    /// Never: what is written of a type can be read.
    pub fn of<T: Shareable>() -> Self {
        let text = text(Declared::of::<T>());
        let parsed = Self::parse(&text);
        parsed.unwrap_or_else(|error| unreachable!("{error} in what was written of a type:\n{text}"))
    }

    /// A hash of the layout of `T`, its names, types and offsets down to the scalars: 64 bits, known at compile time. Two
    /// programs with the same layout have the same.
    pub const fn fingerprint<T: Shareable>() -> u64 {
        Declared::of::<T>().fingerprint
    }

    /// The name of the struct.
    pub(crate) fn name(&self) -> &str {
        match &self.root.kind {
            Kind::Struct { name, .. } => name,
            _ => "",
        }
    }

    /// The size of the whole in bytes.
    pub fn size(&self) -> usize {
        self.root.size
    }

    /// Reads what `Display` writes. Any text gives a schema that is consistent in itself (every field within its
    /// struct, none over another), or an error.
    ///
    /// # Errors
    ///
    /// [`ParseError`] names the line and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::parse(text)
    }

    /// Whether this has all fields of `older`, at the same places and of the same types, and none but behind them.
    pub(crate) fn extends(&self, older: &Self) -> bool {
        let (Kind::Struct { name, fields }, Kind::Struct { name: older_name, fields: older_fields }) =
            (&self.root.kind, &older.root.kind)
        else {
            return false;
        };
        name == older_name
            && fields.starts_with(older_fields)
            && self.root.size >= older.root.size
            && self.root.align >= older.root.align
    }

    /// What differs, line by line, as people read a diff: `-` before the lines of this schema alone, `+` before those
    /// of `other` alone. Fields of nested structs are named with their path.
    ///
    /// ```
    /// use shm_runtime::Schema;
    ///
    /// let old = Schema::parse("struct Point size 8 align 4\n  x @0 f32\n  y @4 f32\n").unwrap();
    /// let new = Schema::parse("struct Point size 8 align 4\n  x @0 f32\n  z @4 f32\n").unwrap();
    /// assert_eq!(old.difference(&new), "  - y @4 f32\n  + z @4 f32\n");
    /// ```
    pub fn difference(&self, other: &Self) -> String {
        crate::diff::diff(&self.paths(), &other.paths())
    }

    /// The lines of the text, with every field named by its path instead of indented.
    fn paths(&self) -> Vec<String> {
        let (mut lines, mut path) = (Vec::new(), Vec::new());
        let mut parents_len = 0;
        for line in self.text.lines() {
            let field = line.trim_start();
            path.truncate((line.len() - field.len()) / 2);
            // The root has no part in the path. Long names above many fields, in a text of another process's, would take
            // more memory than there is.
            let mut parents = String::new();
            if parents_len < MOST_PARENTS {
                parents.extend(path.iter().skip(1).flat_map(|&parent| [parent, "."]));
            }
            parents_len += parents.len();
            lines.push(parents + field);
            path.push(field.split(' ').next().unwrap_or_default());
        }
        lines
    }

    /// Prints the values at `base`, each read as it is printed.
    ///
    /// # Safety
    ///
    /// `base` points to `self.size()` bytes in a segment, aligned to the root's alignment.
    pub(crate) unsafe fn debug(&self, base: *const u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Live { ty: &self.root, at: base }, f)
    }
}

impl Type {
    fn scalar(scalar: Scalar, kind: Kind) -> Self {
        Self { size: scalar.size(), align: scalar.size(), kind }
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
