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
//! A struct that ends in a slice has `[]` for its length, `records @16 [] struct Record size 24 align 8`, and the size with an
//! empty one.
//!
//! Offsets are in bytes from the start of the struct that the field is in. A type of this crate is `builtin Mutex`, say, where
//! a struct that a program declared is `struct Mutex`.

mod diff;
mod lines;
pub(crate) mod location;
pub(crate) mod parse;
mod relation;
#[cfg(feature = "serde")]
mod serialize;
mod set;
pub(crate) mod types;
pub(crate) mod view;
pub(crate) mod write;

use core::fmt;
use std::hash::RandomState;

use self::lines::Lines;
use self::location::{Location, PathError};
pub use self::parse::ParseError;
pub(crate) use self::relation::Relation;
pub use self::set::WriteError;
use self::types::Type;
use crate::memory::structure::Declared;
use crate::memory::tail::{Extent, Whole};
use crate::schema::diff::Side;
use crate::schema::write::{former, text};

/// Bytes of a difference at most. Those of any real structs are shorter.
const MAX_DIFFERENCE: usize = 16 << 10;

/// Bytes of a text that `Debug` prints.
const MAX_DEBUG: usize = 4096;

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
// The text and no more: one that another process wrote takes no more memory than it is long. A layout has one text
// only (what `Display` would not write is refused), so schemas are equal if their texts are.
#[derive(Clone)]
pub struct Schema {
    text: String,
    /// Of a type with fields that had another name before: the text with those.
    former: Option<String>,
    extent: Extent,
    /// Of a segment of a struct that ends in a slice, which has an array of some length there: the text for any length.
    of_any_len: Option<String>,
}

impl Schema {
    /// The layout of `T`.
    ///
    /// # Panics
    ///
    /// Never: what is written of a type can be read.
    pub fn of<T: Whole + ?Sized>() -> Self {
        const { _ = Extent::of::<T>() };
        let layout = Declared::of::<T::__Head>();
        let (text, former) = (text(layout), former(layout));
        match extent(&text) {
            Ok(extent) => Self { text, former, extent, of_any_len: None },
            Err(error) => unreachable!("{error} in what was written of a type:\n{text}"),
        }
    }

    /// A hash of the layout of `T`, its names, types and offsets down to the scalars: 64 bits, known at compile time. Two
    /// programs with the same layout have the same.
    pub const fn fingerprint<T: Whole + ?Sized>() -> u64 {
        Declared::of::<T::__Head>().fingerprint
    }

    /// The name of the struct, or as much of it as an error should show.
    pub(crate) fn name(&self) -> &str {
        const MAX_NAME: usize = 256;
        let name = self.struct_name().unwrap_or_default();
        start(name, MAX_NAME)
    }

    pub(crate) fn struct_name(&self) -> Option<&str> {
        self.text.strip_prefix("struct ")?.split(' ').next()
    }

    /// The size of the whole in bytes; of a struct that ends in a slice, with an empty one.
    pub fn size(&self) -> usize {
        self.extent.head()
    }

    /// The whole that it describes, to be walked.
    pub fn root(&self) -> Location<'_> {
        Location::root(Type::of_text(&self.text))
    }

    /// The part with this path: `wind.speed`, `series[3]`. It takes time in proportion to the schema.
    ///
    /// # Errors
    ///
    /// [`PathError`] says which part of the path was not found, and what there is instead.
    pub fn resolve(&self, path: &str) -> Result<Location<'_>, PathError> {
        self.root().resolve(path)
    }

    /// The alignment of the whole in bytes.
    pub fn align(&self) -> usize {
        self.extent.align()
    }

    /// Reads what `Display` writes. Any text gives a schema that is consistent in itself (every field within its
    /// struct, none over another), or an error.
    ///
    /// It takes time in proportion to the text, and memory for a copy of it.
    ///
    /// # Errors
    ///
    /// [`ParseError`] names the line and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let extent = extent(text)?;
        Ok(Self { text: text.to_owned(), former: None, extent, of_any_len: None })
    }

    /// The same without a copy.
    pub(crate) fn from_text(text: String) -> Result<Self, ParseError> {
        let extent = extent(&text)?;
        Ok(Self { text, former: None, extent, of_any_len: None })
    }

    /// How large the whole is with a slice of any length at its end.
    pub(crate) fn extent(&self) -> Extent {
        self.extent
    }

    /// The same of a segment in which the slice at its end has this length: with an array in place of the slice. `None` if no
    /// segment is so large.
    pub(crate) fn with_len(&self, len: usize) -> Option<Self> {
        let size = self.extent.padded(len)?;
        if !self.extent.is_tailed() {
            return Some(self.clone());
        }
        // No name has a space or a bracket in it: this is the slice, and that is the size of the whole.
        let text = self.text.replacen(" [] ", &format!(" [{len}] "), 1);
        let text = text.replacen(&format!(" size {} ", self.size()), &format!(" size {size} "), 1);
        let of_any_len = Some(self.text.clone());
        Self::from_text(text).ok().map(|schema| Self { of_any_len, ..schema })
    }

    /// Whether the struct ends in a slice, whose length is chosen when a segment is created: of a segment, the schema has an
    /// array of that length there.
    pub fn ends_in_a_slice(&self) -> bool {
        self.of_any_len.is_some() || self.extent.is_tailed()
    }

    /// The layout of the struct, whatever the length of the slice at its end: as [`of`](Self::of) gives it, with `[]` for the
    /// length. Of a struct that does not end in a slice, the same.
    pub fn of_any_len(&self) -> Self {
        let text = self.of_any_len.as_ref().unwrap_or(&self.text);
        Self::from_text(text.clone()).unwrap_or_else(|_| self.clone())
    }

    /// What the layout of a segment is to that of this program, `ours`.
    pub(crate) fn relation(&self, ours: &Self) -> Relation {
        relation::relation(self, ours)
    }

    /// What differs, line by line, as people read a diff: `-` before the lines that only this schema has, `+` before those
    /// that only `other` has. Fields of nested structs are named with their path.
    ///
    /// It is shortened to what one would read: of another process's text, it has a few KiB at most.
    ///
    /// ```
    /// use shm_runtime::Schema;
    ///
    /// let old = Schema::parse("struct Point size 8 align 4\n  x @0 f32\n  y @4 f32\n").unwrap();
    /// let new = Schema::parse("struct Point size 8 align 4\n  x @0 f32\n  z @4 f32\n").unwrap();
    /// assert_eq!(old.difference(&new), "  - y @4 f32\n  + z @4 f32\n");
    /// ```
    pub fn difference(&self, other: &Self) -> String {
        // Another one each time: no text can be made to have the hashes of another.
        let hasher = RandomState::new();
        let hashes = [self, other].map(|schema| lines::hashes(&schema.text, &hasher));
        let changes = diff::changes(&hashes[0], &hashes[1]);
        let mut lines = [self, other].map(|schema| (Lines::of(&schema.text), 0));
        let (mut text, mut shown) = (String::new(), 0);
        for &(side, at) in &changes.first {
            let (sign, (lines, next)) = match side {
                Side::Old => ('-', &mut lines[0]),
                Side::New => ('+', &mut lines[1]),
            };
            let Some(line) = lines.after(at - *next) else { break };
            let line = line.shown();
            if text.len() + line.len() > MAX_DIFFERENCE {
                break;
            }
            *next = at + 1;
            text.extend(["  ", sign.encode_utf8(&mut [0; 4]), " ", &line, "\n"]);
            shown += 1;
        }
        if changes.count > shown {
            text.push_str(&format!("  and {} more lines\n", changes.count - shown));
        }
        text
    }
}

fn extent(text: &str) -> Result<Extent, ParseError> {
    let (parse::Extent { size, align }, element) = parse::parse(text)?;
    Ok(Extent::new(size, align, element))
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Schema {}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// As many whole characters of `text` as `most` bytes hold. (Of `str`, `floor_char_boundary` came with Rust 1.91.)
fn start(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

/// The text, or as much of it as one would read.
impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (text, len) = (&self.text, self.text.len());
        let mut out = f.debug_tuple("Schema");
        match len > MAX_DEBUG {
            false => out.field(text),
            true => out.field(&start(text, MAX_DEBUG)).field(&format_args!("... of {len} bytes")),
        };
        out.finish()
    }
}
