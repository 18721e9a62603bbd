//! Whether a text, which another process may have written, is a schema that is consistent. Nothing is kept of what is read:
//! the text is all there is.

use core::fmt;

use super::types::Head;
use crate::memory::layout::{MAX_DEPTH, MAX_EMPTY, Scalar};

/// Size and alignment of a type.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub(super) size: usize,
    pub(super) align: usize,
}

impl Extent {
    fn scalar(scalar: Scalar) -> Self {
        Self { size: scalar.size(), align: scalar.size() }
    }
}

/// The whole text; returns the extent of what it describes.
pub(super) fn parse(text: &str) -> Result<Extent, ParseError> {
    let mut lines = Lines { rest: text, number: 0 };
    let line = lines.next_at(0)?.ok_or_else(|| lines.error("there is no text"))?;
    let root = parse_type(line, 0, 0, &mut lines)?;
    match lines.rest.is_empty() {
        true => Ok(root),
        false => {
            lines.number += 1;
            Err(lines.error("more text than the schema has"))
        }
    }
}

/// The name of the struct that a schema with this first line is of. The other lines are not looked at.
pub(crate) fn struct_name(line: &str) -> Option<&str> {
    let Head::Struct { builtin: false, rest } = Head::of(line) else { return None };
    rest.split_once(" size ").map(|(name, _)| name).filter(|name| is_name(name))
}

/// A part of another process's text in an error: without what could confuse a terminal, and not too long.
pub(super) fn excerpt(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    let more = if short.len() < text.len() { "..." } else { "" };
    format!("`{}{more}`", short.escape_debug())
}

/// Why a text is not a schema.
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
        // Not all of the spaces are counted: the end of each struct around would count them again.
        let line_indent = self.rest.bytes().take(indent + 1).take_while(|&byte| byte == b' ').count();
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
fn parse_type(text: &str, depth: usize, indent: usize, lines: &mut Lines<'_>) -> Result<Extent, ParseError> {
    if depth >= MAX_DEPTH {
        return Err(lines.error(format!("nested deeper than {MAX_DEPTH}")));
    }
    match Head::of(text) {
        Head::Scalar(name) | Head::Atomic(name) => parse_scalar(name, lines).map(Extent::scalar),
        Head::Enum(rest) => parse_enum(rest, lines),
        Head::Struct { rest, .. } => parse_struct(rest, depth, indent, lines),
        Head::Array(len, of) => {
            let len = parse_number(len, lines)?;
            let of = parse_type(of, depth + 1, indent, lines)?;
            if of.size == 0 && len > MAX_EMPTY {
                return Err(lines.error("an array of too many elements without a size"));
            }
            let size = of.size.checked_mul(len).ok_or_else(|| lines.error("the array is too large"))?;
            Ok(Extent { size, align: of.align })
        }
    }
}

fn parse_scalar(text: &str, lines: &Lines<'_>) -> Result<Scalar, ParseError> {
    Scalar::named(text).ok_or_else(|| lines.error(format!("{} is not a type", excerpt(text))))
}

fn parse_number(text: &str, lines: &Lines<'_>) -> Result<usize, ParseError> {
    // Only what `Display` writes: no sign, no leading zero.
    match text.parse() {
        Ok(number) if !text.starts_with('+') && (text == "0" || !text.starts_with('0')) => Ok(number),
        _ => Err(lines.error(format!("{} is not a number of bytes or elements", excerpt(text)))),
    }
}

fn parse_discriminant(text: &str, lines: &Lines<'_>) -> Result<i128, ParseError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    // Only what `Display` writes, here too.
    match text.parse() {
        Ok(number) if text == "0" || !digits.starts_with(['+', '0']) => Ok(number),
        _ => Err(lines.error(format!("{} is not a discriminant", excerpt(text)))),
    }
}

fn parse_name(text: &str, lines: &Lines<'_>) -> Result<(), ParseError> {
    match is_name(text) {
        true => Ok(()),
        false => Err(lines.error(format!("{} is not a name", excerpt(text)))),
    }
}

fn is_name(text: &str) -> bool {
    // Rust's identifiers may have more outside of ASCII than letters: the marks of Indic scripts, a middle dot. What is
    // refused there has no place in an identifier, and could make an error look like another one.
    let word = |c: char| match c {
        '_' => true,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => false,
        _ => c.is_alphanumeric() || !(c.is_ascii() || c.is_control() || c.is_whitespace()),
    };
    !text.is_empty() && text.chars().all(word)
}

fn parse_enum(text: &str, lines: &Lines<'_>) -> Result<Extent, ParseError> {
    let mut words = text.split(' ');
    parse_name(words.next().unwrap_or(""), lines)?;
    let repr = parse_scalar(words.next().unwrap_or(""), lines)?;
    if matches!(repr, Scalar::F32 | Scalar::F64 | Scalar::Bool | Scalar::Char) {
        return Err(lines.error(format!("an enum cannot be a {}", repr.name())));
    }
    for word in words {
        let (name, value) =
            word.split_once('=').ok_or_else(|| lines.error(format!("{} is not a variant", excerpt(word))))?;
        parse_name(name, lines)?;
        parse_discriminant(value, lines)?;
    }
    Ok(Extent::scalar(repr))
}

fn parse_struct(
    text: &str,
    depth: usize,
    indent: usize,
    lines: &mut Lines<'_>,
) -> Result<Extent, ParseError> {
    let words: Vec<&str> = text.splitn(6, ' ').collect();
    let &[name, "size", size, "align", align] = &words[..] else {
        return Err(lines.error("a struct is `struct NAME size BYTES align BYTES`"));
    };
    parse_name(name, lines)?;
    let (size, align) = (parse_number(size, lines)?, parse_number(align, lines)?);
    if !align.is_power_of_two() || size % align != 0 {
        return Err(lines.error(format!("size {size} does not go with alignment {align}")));
    }
    let mut end = 0;
    let indent = indent + 2;
    while let Some(line) = lines.next_at(indent)? {
        let Some((field, ty)) = line.split_once(" @") else {
            return Err(lines.error("a field is `NAME @OFFSET TYPE`"));
        };
        let Some((offset, ty)) = ty.split_once(' ') else {
            return Err(lines.error("a field is `NAME @OFFSET TYPE`"));
        };
        parse_name(field, lines)?;
        let offset = parse_number(offset, lines)?;
        let ty = parse_type(ty, depth + 1, indent, lines)?;
        if offset < end || offset % ty.align != 0 || ty.align > align || ty.size > size.saturating_sub(offset)
        {
            return Err(lines.error(format!("field {} does not fit at {offset}", excerpt(field))));
        }
        end = offset + ty.size;
    }
    Ok(Extent { size, align })
}
