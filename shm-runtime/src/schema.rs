//! The layout of a struct as text, and back: the one place that writes it and parses it.
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

use core::fmt::{self, Debug as _, Write as _};

use crate::bulk::{Direction, Load};
use crate::info::{self, MAX_DEPTH, Scalar, TypeInfo};
use crate::shareable::Shareable;
use crate::value;

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
    Array {
        of: Box<Type>,
        len: usize,
    },
    Struct {
        name: String,
        fields: Vec<Field>,
    },
    Enum {
        name: String,
        repr: Scalar,
        variants: Vec<(String, i128)>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) offset: usize,
    pub(crate) ty: Type,
}

impl Schema {
    /// The layout of `T`.
    pub fn of<T: Shareable>() -> Self {
        Self {
            root: Type::of(&T::INFO),
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
        let mut lines = Lines {
            rest: text,
            number: 0,
        };
        let line = lines.next_at(0)?.ok_or_else(|| lines.error("there is no text"))?;
        let root = parse_type(line, 0, 0, &mut lines)?;
        match lines.rest.is_empty() {
            true => Ok(Self { root }),
            false => {
                lines.number += 1;
                Err(lines.error("more text than the schema has"))
            }
        }
    }

    /// Prints the values at `base`, each read as it is printed.
    ///
    /// # Safety
    ///
    /// `base` points to `self.size()` bytes in a segment, aligned to the root's alignment.
    pub(crate) unsafe fn debug(&self, base: *const u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(
            &Live {
                ty: &self.root,
                at: base,
            },
            f,
        )
    }
}

impl Type {
    fn of(info: &TypeInfo) -> Self {
        let kind = match info.kind {
            info::Kind::Scalar(scalar) => Kind::Scalar(scalar),
            info::Kind::Atomic(scalar) => Kind::Atomic(scalar),
            info::Kind::Array { of, len } => Kind::Array {
                of: Box::new(Self::of(of)),
                len,
            },
            info::Kind::Struct { name, fields } => Kind::Struct {
                name: name.to_owned(),
                fields: fields
                    .iter()
                    .map(|field| Field {
                        name: field.name.to_owned(),
                        offset: field.offset,
                        ty: Self::of(field.info),
                    })
                    .collect(),
            },
            info::Kind::Enum { name, repr, variants } => Kind::Enum {
                name: name.to_owned(),
                repr,
                variants: variants
                    .iter()
                    .map(|&(name, value)| (name.to_owned(), value))
                    .collect(),
            },
        };
        Self {
            size: info.size,
            align: info.align,
            kind,
        }
    }

    fn scalar(scalar: Scalar, kind: Kind) -> Self {
        Self {
            size: scalar.size(),
            align: scalar.size(),
            kind,
        }
    }

    /// The type in one line, without the fields below it.
    fn write_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Scalar(scalar) => f.write_str(scalar.name()),
            Kind::Atomic(scalar) => write!(f, "atomic {}", scalar.name()),
            Kind::Array { of, len } => {
                write!(f, "[{len}] ")?;
                of.write_line(f)
            }
            Kind::Struct { name, .. } => write!(f, "struct {name} size {} align {}", self.size, self.align),
            Kind::Enum { name, repr, variants } => {
                write!(f, "enum {name} {}", repr.name())?;
                variants
                    .iter()
                    .try_for_each(|(name, value)| write!(f, " {name}={value}"))
            }
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        self.write_line(f)?;
        f.write_char('\n')?;
        for field in self.fields() {
            write!(
                f,
                "{:indent$}{} @{} ",
                "",
                field.name,
                field.offset,
                indent = indent + 2
            )?;
            field.ty.write(f, indent + 2)?;
        }
        Ok(())
    }

    /// The fields of a struct, or of the structs in an array.
    fn fields(&self) -> &[Field] {
        match &self.kind {
            Kind::Struct { fields, .. } => fields,
            Kind::Array { of, .. } => of.fields(),
            _ => &[],
        }
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.write(f, 0)
    }
}

/// Why a text is no schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    line: usize,
    reason: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the schema: {}", self.line, self.reason)
    }
}

impl core::error::Error for ParseError {}

/// The lines not yet read, and how many were.
struct Lines<'a> {
    rest: &'a str,
    number: usize,
}

impl<'a> Lines<'a> {
    fn error(&self, reason: impl Into<String>) -> ParseError {
        ParseError {
            line: self.number,
            reason: reason.into(),
        }
    }

    /// The next line without its indentation, if it is indented by just `indent` spaces.
    fn next_at(&mut self, indent: usize) -> Result<Option<&'a str>, ParseError> {
        let line_indent = self.rest.len() - self.rest.trim_start_matches(' ').len();
        if self.rest.is_empty() || line_indent < indent {
            return Ok(None);
        }
        self.number += 1;
        if line_indent > indent {
            return Err(self.error("indented deeper than a field can be here"));
        }
        let (line, rest) = self
            .rest
            .split_once('\n')
            .ok_or_else(|| self.error("the line is not complete"))?;
        self.rest = rest;
        Ok(Some(&line[indent..]))
    }
}

/// The type that `text` begins, in a line indented by `indent`, with the lines of its fields. `depth` counts
/// arrays too, which take no indentation.
fn parse_type(text: &str, depth: usize, indent: usize, lines: &mut Lines<'_>) -> Result<Type, ParseError> {
    if depth >= MAX_DEPTH {
        return Err(lines.error(format!("nested deeper than {MAX_DEPTH}")));
    }
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match word {
        "atomic" => {
            let scalar = parse_scalar(rest, lines)?;
            Ok(Type::scalar(scalar, Kind::Atomic(scalar)))
        }
        "enum" => parse_enum(rest, lines),
        "struct" => parse_struct(rest, depth, indent, lines),
        _ => match word.strip_prefix('[').and_then(|word| word.strip_suffix(']')) {
            Some(len) => {
                let len = parse_number(len, lines)?;
                let of = parse_type(rest, depth + 1, indent, lines)?;
                if of.size == 0 && len > 0 {
                    return Err(lines.error("an array of elements without a size"));
                }
                let size = of
                    .size
                    .checked_mul(len)
                    .ok_or_else(|| lines.error("the array is too large"))?;
                Ok(Type {
                    size,
                    align: of.align,
                    kind: Kind::Array {
                        of: Box::new(of),
                        len,
                    },
                })
            }
            None => {
                let scalar = parse_scalar(text, lines)?;
                Ok(Type::scalar(scalar, Kind::Scalar(scalar)))
            }
        },
    }
}

fn parse_scalar(text: &str, lines: &Lines<'_>) -> Result<Scalar, ParseError> {
    let found = Scalar::ALL.into_iter().find(|scalar| scalar.name() == text);
    found.ok_or_else(|| lines.error(format!("`{text}` is no type")))
}

fn parse_number(text: &str, lines: &Lines<'_>) -> Result<usize, ParseError> {
    // Only what `Display` writes: no sign, no leading zero.
    match text.parse() {
        Ok(number) if !text.starts_with('+') && (text == "0" || !text.starts_with('0')) => Ok(number),
        _ => Err(lines.error(format!("`{text}` is no number of bytes or elements"))),
    }
}

fn parse_name(text: &str, lines: &Lines<'_>) -> Result<String, ParseError> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    if text.is_empty() || !text.chars().all(word) {
        return Err(lines.error(format!("`{}` is no name", text.escape_debug())));
    }
    Ok(text.to_owned())
}

fn parse_enum(text: &str, lines: &Lines<'_>) -> Result<Type, ParseError> {
    let mut words = text.split(' ');
    let name = parse_name(words.next().unwrap_or(""), lines)?;
    let repr = parse_scalar(words.next().unwrap_or(""), lines)?;
    if matches!(repr, Scalar::F32 | Scalar::F64 | Scalar::Bool | Scalar::Char) {
        return Err(lines.error(format!("an enum cannot be a {}", repr.name())));
    }
    let variants = words.map(|word| {
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| lines.error(format!("`{word}` is no variant")))?;
        let value = value
            .parse()
            .map_err(|_| lines.error(format!("`{value}` is no discriminant")))?;
        Ok((parse_name(name, lines)?, value))
    });
    let variants = variants.collect::<Result<_, _>>()?;
    Ok(Type::scalar(repr, Kind::Enum { name, repr, variants }))
}

fn parse_struct(text: &str, depth: usize, indent: usize, lines: &mut Lines<'_>) -> Result<Type, ParseError> {
    let words: Vec<&str> = text.split(' ').collect();
    let &[name, "size", size, "align", align] = &words[..] else {
        return Err(lines.error("a struct is `struct NAME size BYTES align BYTES`"));
    };
    let (name, size, align) = (
        parse_name(name, lines)?,
        parse_number(size, lines)?,
        parse_number(align, lines)?,
    );
    if !align.is_power_of_two() || size % align != 0 {
        return Err(lines.error(format!("size {size} does not go with alignment {align}")));
    }
    let mut fields: Vec<Field> = Vec::new();
    let mut end = 0;
    let indent = indent + 2;
    while let Some(line) = lines.next_at(indent)? {
        let Some((field, ty)) = line.split_once(" @") else {
            return Err(lines.error("a field is `NAME @OFFSET TYPE`"));
        };
        let Some((offset, ty)) = ty.split_once(' ') else {
            return Err(lines.error("a field is `NAME @OFFSET TYPE`"));
        };
        let (field, offset) = (parse_name(field, lines)?, parse_number(offset, lines)?);
        let ty = parse_type(ty, depth + 1, indent, lines)?;
        if offset < end || offset % ty.align != 0 || ty.align > align || ty.size > size.saturating_sub(offset)
        {
            return Err(lines.error(format!("field `{field}` does not fit at {offset}")));
        }
        end = offset + ty.size;
        fields.push(Field {
            name: field,
            offset,
            ty,
        });
    }
    Ok(Type {
        size,
        align,
        kind: Kind::Struct { name, fields },
    })
}

/// A value in a segment, to be printed as it is now.
struct Live<'a> {
    ty: &'a Type,
    at: *const u8,
}

impl fmt::Debug for Live<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ty.kind {
            Kind::Scalar(scalar) | Kind::Atomic(scalar) => self.scalar(*scalar, f),
            Kind::Enum { name, repr, variants } => {
                let found = self.bits(*repr);
                match variants.iter().find(|(_, value)| *value == found) {
                    Some((variant, _)) => f.write_str(variant),
                    None => write!(f, "<{found} is no {name}>"),
                }
            }
            Kind::Array { of, len } => f
                .debug_list()
                .entries((0..*len).map(|i| self.part(of, i * of.size)))
                .finish(),
            Kind::Struct { name, fields } => {
                let mut out = f.debug_struct(name);
                for field in fields {
                    out.field(&field.name, &self.part(&field.ty, field.offset));
                }
                out.finish()
            }
        }
    }
}

impl<'a> Live<'a> {
    fn part(&self, ty: &'a Type, offset: usize) -> Self {
        Self {
            ty,
            at: self.at.wrapping_add(offset),
        }
    }

    /// The scalar as it is now, in an integer.
    fn bits(&self, scalar: Scalar) -> i128 {
        let mut copy = 0_u64;
        let to = &raw mut copy;
        // SAFETY: by the contract of `Schema::debug`, `at` is the place of a scalar of this width in a segment: a
        // schema's parts lie within its size and are aligned, whether it comes from a type or was parsed.
        unsafe {
            match scalar.size() {
                1 => Load::copy_8(self.at, to.cast()),
                2 => Load::copy_16(self.at.cast(), to.cast()),
                4 => Load::copy_32(self.at.cast(), to.cast()),
                _ => Load::copy_64(self.at.cast(), to),
            }
        }
        // SAFETY: `copy` is private, initialised, and as large and aligned as any scalar.
        unsafe { value::integer(scalar, to.cast()) }
    }

    fn scalar(&self, scalar: Scalar, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.bits(scalar);
        match scalar {
            Scalar::F32 => f32::from_bits(u32::try_from(bits).unwrap_or_default()).fmt(f),
            Scalar::F64 => f64::from_bits(u64::try_from(bits).unwrap_or_default()).fmt(f),
            Scalar::Bool => (bits != 0).fmt(f),
            Scalar::Char => match u32::try_from(bits).ok().and_then(char::from_u32) {
                Some(char) => char.fmt(f),
                None => write!(f, "<{bits:#x} is no char>"),
            },
            _ => bits.fmt(f),
        }
    }
}
