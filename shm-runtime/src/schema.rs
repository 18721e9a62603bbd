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

use core::fmt::{self, Debug as _};

use crate::bulk::{Direction, Load};
use crate::info::{MAX_DEPTH, Scalar};
use crate::shareable::Shareable;
use crate::text::{Text, text};
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
        let text = text(&T::INFO, Text::<T>::LEN);
        let parsed = Self::parse(&text);
        parsed.unwrap_or_else(|error| unreachable!("{error} in what was written of a type:\n{text}"))
    }

    /// The hash of the text of `T`'s schema: 64 bits of FNV-1a, known at compile time. Two programs with the same
    /// layout have the same.
    pub const fn fingerprint<T: Shareable>() -> u64 {
        Text::<T>::HASH
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
        let mut lines = Lines { rest: text, number: 0 };
        let line = lines.next_at(0)?.ok_or_else(|| lines.error("there is no text"))?;
        let root = parse_type(line, 0, 0, &mut lines)?;
        match lines.rest.is_empty() {
            true => Ok(Self { text: text.to_owned(), root }),
            false => {
                lines.number += 1;
                Err(lines.error("more text than the schema has"))
            }
        }
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

/// Bytes of paths in front of the lines of a difference: beyond any real struct's, and little memory.
const MOST_PARENTS: usize = 4 << 20;

/// A part of another process's text in an error: without what could confuse a terminal, and not too long.
fn excerpt(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    let more = if short.len() < text.len() { "..." } else { "" };
    format!("`{}{more}`", short.escape_debug())
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
        ParseError { line: self.number, reason: reason.into() }
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
        let (line, rest) =
            self.rest.split_once('\n').ok_or_else(|| self.error("the line is not complete"))?;
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
                let size = of.size.checked_mul(len).ok_or_else(|| lines.error("the array is too large"))?;
                Ok(Type { size, align: of.align, kind: Kind::Array { of: Box::new(of), len } })
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
    found.ok_or_else(|| lines.error(format!("{} is no type", excerpt(text))))
}

fn parse_number(text: &str, lines: &Lines<'_>) -> Result<usize, ParseError> {
    // Only what `Display` writes: no sign, no leading zero.
    match text.parse() {
        Ok(number) if !text.starts_with('+') && (text == "0" || !text.starts_with('0')) => Ok(number),
        _ => Err(lines.error(format!("{} is no number of bytes or elements", excerpt(text)))),
    }
}

fn parse_discriminant(text: &str, lines: &Lines<'_>) -> Result<i128, ParseError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    // Only what `Display` writes, here too.
    match text.parse() {
        Ok(number) if text == "0" || !digits.starts_with(['+', '0']) => Ok(number),
        _ => Err(lines.error(format!("{} is no discriminant", excerpt(text)))),
    }
}

fn parse_name(text: &str, lines: &Lines<'_>) -> Result<String, ParseError> {
    // Rust's identifiers may have more outside of ASCII than letters: the marks of Indic scripts, a middle dot. What is
    // refused there has no place in an identifier, and could make an error look like another one.
    let word = |c: char| match c {
        '_' => true,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => false,
        _ => c.is_alphanumeric() || !(c.is_ascii() || c.is_control() || c.is_whitespace()),
    };
    if text.is_empty() || !text.chars().all(word) {
        return Err(lines.error(format!("{} is no name", excerpt(text))));
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
        let (name, value) =
            word.split_once('=').ok_or_else(|| lines.error(format!("{} is no variant", excerpt(word))))?;
        Ok((parse_name(name, lines)?, parse_discriminant(value, lines)?))
    });
    let variants = variants.collect::<Result<_, _>>()?;
    Ok(Type::scalar(repr, Kind::Enum { name, repr, variants }))
}

fn parse_struct(text: &str, depth: usize, indent: usize, lines: &mut Lines<'_>) -> Result<Type, ParseError> {
    let words: Vec<&str> = text.splitn(6, ' ').collect();
    let &[name, "size", size, "align", align] = &words[..] else {
        return Err(lines.error("a struct is `struct NAME size BYTES align BYTES`"));
    };
    let (name, size, align) =
        (parse_name(name, lines)?, parse_number(size, lines)?, parse_number(align, lines)?);
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
        fields.push(Field { name: field, offset, ty });
    }
    Ok(Type { size, align, kind: Kind::Struct { name, fields } })
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
            Kind::Array { of, len } => {
                f.debug_list().entries((0..*len).map(|i| self.part(of, i * of.size))).finish()
            }
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
        Self { ty, at: self.at.wrapping_add(offset) }
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
