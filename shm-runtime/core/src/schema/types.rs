//! What a schema describes, to be walked: types, fields, variants.
//!
//! A type is read where it is asked for: from the layout that the compiler knows, or from the text of a schema, which was
//! checked. So another process's schema takes no more memory than its text, however long its arrays are.

use core::fmt;
use core::slice;

use crate::memory::layout::{self, Kind, Layout, Scalar};

/// A type in a segment.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Type<'a> {
    /// A scalar.
    Scalar(Scalar),
    /// A standard atomic over this scalar.
    Atomic(Scalar),
    /// An array.
    Array(Array<'a>),
    /// A struct, or one of this crate's own types.
    Struct(Struct<'a>),
    /// A fieldless enum.
    Enum(Enum<'a>),
}

/// An array's type.
#[derive(Clone, Copy)]
pub struct Array<'a> {
    len: usize,
    of: Source<'a>,
}

/// A struct's type.
#[derive(Clone, Copy)]
pub struct Struct<'a> {
    name: &'a str,
    size: usize,
    align: usize,
    builtin: bool,
    fields: Source<'a>,
}

/// A fieldless enum's type.
#[derive(Clone, Copy)]
pub struct Enum<'a> {
    name: &'a str,
    repr: Scalar,
    variants: VariantSource<'a>,
}

/// One field of a struct.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// Bytes from the start of the struct that it is in.
    pub offset: usize,
    /// Its type.
    pub ty: Type<'a>,
}

/// One variant of an enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Variant<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its number in memory.
    pub value: i128,
}

/// Where a type is described.
#[derive(Clone, Copy)]
enum Source<'a> {
    Layout(&'static Layout),
    Text(Text<'a>),
}

/// A type in the text of a schema that was found consistent.
#[derive(Clone, Copy)]
struct Text<'a> {
    /// From the type to the end of its line.
    line: &'a str,
    /// The lines after it.
    below: &'a str,
    /// How far its line is indented.
    indent: usize,
}

#[derive(Clone, Copy)]
enum VariantSource<'a> {
    Layout(&'static [(&'static str, i128)]),
    /// As they stand in the line.
    Text(&'a str),
}

/// How a type begins in the text of a schema.
pub(super) enum Head<'a> {
    Scalar(&'a str),
    Atomic(&'a str),
    /// Its length, and what it is of.
    Array(&'a str, &'a str),
    Struct {
        builtin: bool,
        rest: &'a str,
    },
    Enum(&'a str),
}

impl<'a> Head<'a> {
    /// That of a type that `text` begins with.
    pub(super) fn of(text: &'a str) -> Self {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match word {
            "atomic" => Self::Atomic(rest),
            "enum" => Self::Enum(rest),
            "struct" => Self::Struct { builtin: false, rest },
            "builtin" => Self::Struct { builtin: true, rest },
            _ => match word.strip_prefix('[').and_then(|word| word.strip_suffix(']')) {
                Some(len) => Self::Array(len, rest),
                None => Self::Scalar(text),
            },
        }
    }
}

impl<'a> Type<'a> {
    /// The type that the compiler knows.
    pub(crate) fn of_layout(layout: &'static Layout) -> Self {
        match layout.kind {
            Kind::Scalar(scalar) => Self::Scalar(scalar),
            Kind::Atomic(scalar) => Self::Atomic(scalar),
            Kind::Array { of, len } => Self::Array(Array { len, of: Source::Layout(of) }),
            Kind::Tail { of } => Self::Array(Array { len: 0, of: Source::Layout(of) }),
            Kind::Struct { name, builtin, .. } => Self::Struct(Struct {
                name,
                size: layout.size,
                align: layout.align,
                builtin,
                fields: Source::Layout(layout),
            }),
            Kind::Enum { name, repr, variants } => {
                Self::Enum(Enum { name, repr, variants: VariantSource::Layout(variants) })
            }
        }
    }

    /// An array of `len` of what the compiler knows.
    pub(super) fn array(of: &'static Layout, len: usize) -> Self {
        Self::Array(Array { len, of: Source::Layout(of) })
    }

    /// The root of a text that was found consistent.
    pub(super) fn of_text(text: &'a str) -> Self {
        let (line, below) = text.split_once('\n').unwrap_or((text, ""));
        Text { line, below, indent: 0 }.read()
    }

    /// Bytes.
    pub fn size(&self) -> usize {
        match self {
            Self::Scalar(scalar) | Self::Atomic(scalar) => scalar.size(),
            // It fits into the size of the whole.
            Self::Array(array) => array.len.saturating_mul(array.of().size()),
            Self::Struct(of) => of.size,
            Self::Enum(of) => of.repr.size(),
        }
    }

    /// Alignment in bytes.
    pub fn align(&self) -> usize {
        match self {
            Self::Scalar(scalar) | Self::Atomic(scalar) => scalar.size(),
            Self::Array(array) => array.of().align(),
            Self::Struct(of) => of.align,
            Self::Enum(of) => of.repr.size(),
        }
    }
}

impl<'a> Source<'a> {
    fn read(self) -> Type<'a> {
        match self {
            Self::Layout(layout) => Type::of_layout(layout),
            Self::Text(text) => text.read(),
        }
    }
}

impl<'a> Text<'a> {
    /// What is not in a text that was found consistent reads as a byte, or as nothing.
    fn read(self) -> Type<'a> {
        let scalar = |name| Scalar::named(name).unwrap_or(Scalar::U8);
        match Head::of(self.line) {
            Head::Scalar(name) => Type::Scalar(scalar(name)),
            Head::Atomic(name) => Type::Atomic(scalar(name)),
            Head::Array(len, of) => {
                Type::Array(Array { len: number(len), of: Source::Text(Self { line: of, ..self }) })
            }
            Head::Struct { builtin, rest } => {
                // NAME size BYTES align BYTES
                let mut words = rest.split(' ');
                let name = words.next().unwrap_or_default();
                let (size, align) = (words.nth(1).map_or(0, number), words.nth(1).map_or(1, number));
                Type::Struct(Struct { name, size, align, builtin, fields: Source::Text(self) })
            }
            Head::Enum(rest) => {
                let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                let (repr, variants) = rest.split_once(' ').unwrap_or((rest, ""));
                Type::Enum(Enum { name, repr: scalar(repr), variants: VariantSource::Text(variants) })
            }
        }
    }
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_default()
}

impl<'a> Array<'a> {
    /// How many elements it has. There may be more than anyone wants to see, all without a size even: to walk them
    /// takes time.
    #[allow(clippy::len_without_is_empty)] // of a type, and not of a container
    pub fn len(&self) -> usize {
        self.len
    }

    /// The type of its elements, each of which begins [`size`](Type::size) bytes after the one before.
    pub fn of(&self) -> Type<'a> {
        self.of.read()
    }
}

impl<'a> Struct<'a> {
    /// Its name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Alignment in bytes.
    pub fn align(&self) -> usize {
        self.align
    }

    /// Whether it is one of this crate's own types ([`sync::Mutex`](crate::sync::Mutex), say), whose fields are not data
    /// but the state of a protocol. A struct of this name that a program declares is not, and neither is what is data:
    /// a [`Text`](crate::Text), a [`List`](crate::List), and the types of other crates (`Pod`).
    pub fn is_builtin(&self) -> bool {
        self.builtin && !matches!(self.name, "Text" | "List" | "Pod")
    }

    /// Whether it is a [`Text`](crate::Text).
    pub fn is_text(&self) -> bool {
        self.name == "Text" && self.counted().is_some()
    }

    /// Of a [`Text`](crate::Text) or a [`List`](crate::List), the array of what it has, which comes after the count; `None` if it
    /// is another struct.
    pub fn counted(&self) -> Option<Array<'a>> {
        if !self.builtin || !matches!(self.name, "Text" | "List") {
            return None;
        }
        let mut fields = self.fields();
        match (fields.next()?.ty, fields.next()?.ty, fields.next()) {
            (Type::Scalar(Scalar::U32), Type::Array(array), None) => Some(array),
            _ => None,
        }
    }

    /// Its fields, in order.
    pub fn fields(&self) -> Fields<'a> {
        Fields(match self.fields {
            Source::Layout(layout) => match layout.kind {
                Kind::Struct { fields, .. } => FieldSource::Layout(fields.iter()),
                _ => FieldSource::Layout([].iter()),
            },
            Source::Text(text) => FieldSource::Text { rest: text.below, indent: text.indent + 2 },
        })
    }

    /// The field with this name.
    pub fn field(&self, name: &str) -> Option<Field<'a>> {
        self.fields().find(|field| field.name == name)
    }
}

impl<'a> Enum<'a> {
    /// Its name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The integer that it is in memory.
    pub fn repr(&self) -> Scalar {
        self.repr
    }

    /// Its variants, in order.
    pub fn variants(&self) -> Variants<'a> {
        Variants(match self.variants {
            VariantSource::Layout(variants) => VariantsFrom::Layout(variants.iter()),
            VariantSource::Text(text) => VariantsFrom::Text(text),
        })
    }
}

/// The fields of a struct: what [`Struct::fields`] returns.
#[derive(Clone)]
pub struct Fields<'a>(FieldSource<'a>);

#[derive(Clone)]
enum FieldSource<'a> {
    Layout(slice::Iter<'static, layout::Field>),
    /// The lines that were not looked at yet, of which those that are just so far indented are the fields.
    Text {
        rest: &'a str,
        indent: usize,
    },
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let (rest, indent) = match &mut self.0 {
            FieldSource::Layout(fields) => {
                let &layout::Field { name, offset, layout, .. } = fields.next()?;
                return Some(Field { name, offset, ty: Type::of_layout(layout) });
            }
            FieldSource::Text { rest, indent } => (rest, *indent),
        };
        loop {
            let (line, below) = rest.split_once('\n')?;
            let found = line.bytes().take_while(|&byte| byte == b' ').count();
            if found < indent {
                // The fields of the struct are over.
                *rest = "";
                return None;
            }
            *rest = below;
            if found == indent {
                // NAME @OFFSET TYPE
                let (name, words) = line[indent..].split_once(" @")?;
                let (offset, line) = words.split_once(' ')?;
                return Some(Field { name, offset: number(offset), ty: Text { line, below, indent }.read() });
            }
        }
    }
}

/// The variants of an enum: what [`Enum::variants`] returns.
#[derive(Clone)]
pub struct Variants<'a>(VariantsFrom<'a>);

#[derive(Clone)]
enum VariantsFrom<'a> {
    Layout(slice::Iter<'static, (&'static str, i128)>),
    Text(&'a str),
}

impl<'a> Iterator for Variants<'a> {
    type Item = Variant<'a>;

    fn next(&mut self) -> Option<Variant<'a>> {
        match &mut self.0 {
            VariantsFrom::Layout(variants) => variants.next().map(|&(name, value)| Variant { name, value }),
            VariantsFrom::Text(text) => {
                let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
                *text = rest;
                let (name, value) = word.split_once('=')?;
                Some(Variant { name, value: value.parse().unwrap_or_default() })
            }
        }
    }
}

/// As Rust writes it, as far as a schema knows: `[u8; 32]`, `atomic u64`, `Wind`.
impl fmt::Display for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => f.write_str(scalar.name()),
            Self::Atomic(scalar) => write!(f, "atomic {}", scalar.name()),
            Self::Array(array) => write!(f, "[{}; {}]", array.of(), array.len),
            Self::Struct(Struct { name, .. }) | Self::Enum(Enum { name, .. }) => f.write_str(name),
        }
    }
}

/// As `Display`.
impl fmt::Debug for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! debug_as_type {
    ($($ty:ident)*) => {$(
        /// As the type's `Display`.
        impl fmt::Debug for $ty<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Type::$ty(*self), f)
            }
        }
    )*};
}
debug_as_type! { Array Struct Enum }

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields").finish_non_exhaustive()
    }
}

impl fmt::Debug for Variants<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variants").finish_non_exhaustive()
    }
}
