//! Writing values that are checked against the description of their place.

use core::fmt;

use super::parse::excerpt;
use super::types::{Enum, Type};
use super::view::{Value, View};
use crate::memory::layout::Scalar;
use crate::memory::list::{CapacityError, Holds};
use crate::memory::text::TextError;

/// One scalar that is to be written: where, and its bits.
pub(super) type Write = (usize, Scalar, i128);

/// Why a value was not written. Nothing was, then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteError(Problem);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    ReadOnly,
    Builtin { name: String },
    Type { expected: String, found: String },
    Range { value: String, ty: &'static str, least: i128, most: i128 },
    Variant { found: String, name: String, variants: Vec<String>, more: bool },
    Text(TextError),
    Capacity(CapacityError),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Problem::ReadOnly => {
                f.write_str("this attachment is read-only: nothing can be written through it")
            }
            Problem::Builtin { name } => write!(
                f,
                "this is part of a {name}, which only a program that follows its protocol may write: one that has the struct"
            ),
            Problem::Type { expected, found } => write!(f, "{found} is not a value of {expected}"),
            Problem::Range { value, ty, least, most } => {
                write!(f, "{value} does not fit into {ty}, which has {least} to {most}")
            }
            Problem::Variant { found, name, variants, more } => {
                write!(f, "{found} is not a variant of {name}, which has {}", variants.join(", "))?;
                f.write_str(if *more { ", ..." } else { "" })
            }
            Problem::Text(error) => error.fmt(f),
            Problem::Capacity(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match &self.0 {
            Problem::Text(error) => Some(error),
            Problem::Capacity(error) => Some(error),
            _ => None,
        }
    }
}

macro_rules! value_from {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for Value<'_> {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}
value_from! {
    bool => Bool, char => Char, f32 => F32, f64 => F64, i128 => Int,
    u8 => Int, u16 => Int, u32 => Int, u64 => Int, i8 => Int, i16 => Int, i32 => Int, i64 => Int,
}

impl View<'_> {
    /// Writes a scalar, by one relaxed atomic access of its width.
    ///
    /// An enum is written by its name or, as an integer, by its number. A float takes an integer that it can have exactly,
    /// and an `f32` the nearest one to an `f64`.
    ///
    /// # Errors
    ///
    /// If the attachment is read-only; if the value is not one of the type here: of another type, out of range, not a
    /// variant; if this is an array or a struct, which is written part by part; and if it is part of one of this crate's
    /// own types, a lock's word for one, which is written by its own functions only.
    pub fn set<'v>(&self, value: impl Into<Value<'v>>) -> Result<(), WriteError> {
        self.check_writable()?;
        let (scalar, bits) = self.bits(value.into())?;
        self.memory().store(self.location().offset(), scalar, bits);
        Ok(())
    }

    /// The value as the bits of the scalar that is here.
    pub(super) fn bits(&self, value: Value<'_>) -> Result<(Scalar, i128), WriteError> {
        match self.ty() {
            Type::Scalar(scalar) | Type::Atomic(scalar) => Ok((scalar, scalar_bits(scalar, value)?)),
            Type::Enum(of) => Ok((of.repr(), variant_bits(of, value)?)),
            other => Err(wrong_type(&other, &value)),
        }
    }

    /// Writes the value that `text` says, as its type is written: `true`, `-3`, `0x1f`, `2.5`, a `char` by itself, a variant
    /// by its name or number. Of a `[u8; N]`, the text itself, and NUL bytes after it to the array's end; of a
    /// [`Text`](crate::Text), the text.
    ///
    /// # Errors
    ///
    /// As for [`set`](Self::set), and if the text is none of that, or does not fit.
    pub fn set_text(&self, text: &str) -> Result<(), WriteError> {
        self.check_writable()?;
        if let Some(writes) = self.text_writes(text) {
            for (offset, scalar, bits) in writes? {
                self.memory().store(offset, scalar, bits);
            }
            return Ok(());
        }
        self.set(self.parse(text)?)
    }

    /// The value that `text` says of what is here.
    pub(super) fn parse<'t>(&self, text: &'t str) -> Result<Value<'t>, WriteError> {
        let value = match self.ty() {
            Type::Scalar(scalar) | Type::Atomic(scalar) => match scalar {
                Scalar::Bool => match text {
                    "true" => Some(Value::Bool(true)),
                    "false" => Some(Value::Bool(false)),
                    _ => None,
                },
                Scalar::F32 => text.parse().ok().map(Value::F32),
                Scalar::F64 => text.parse().ok().map(Value::F64),
                Scalar::Char => text.parse().ok().map(Value::Char),
                _ => integer(text).map(Value::Int),
            },
            Type::Enum(_) => {
                let by_number = integer(text).map(Value::Int);
                Some(by_number.unwrap_or(Value::Enum { name: text, number: 0 }))
            }
            Type::Array(_) | Type::Struct(_) => None,
        };
        value.ok_or_else(|| {
            let (expected, found) = (excerpt(&self.ty().to_string()), excerpt(text));
            WriteError(Problem::Type { expected, found })
        })
    }

    /// What is written to have this text in a `[u8; N]` or a `Text`; `None` if another type is here.
    pub(super) fn text_writes(&self, text: &str) -> Option<Result<Vec<Write>, WriteError>> {
        let counted = self.location().counted().filter(|_| self.is_text());
        let place = counted.map_or(self.location(), |[_, bytes]| bytes);
        let Type::Array(array) = place.ty() else { return None };
        let Type::Scalar(Scalar::U8) = array.of() else { return None };
        let byte = |(i, byte): (usize, u8)| (place.offset() + i, Scalar::U8, byte.into());
        let writes = match counted {
            Some([len, _]) => match CapacityError::check(Holds::Text, text.len(), array.len()) {
                Ok(count) => text
                    .bytes()
                    .enumerate()
                    .map(byte)
                    .chain([(len.offset(), Scalar::U32, count.into())])
                    .collect(),
                Err(error) => return Some(Err(WriteError(Problem::Capacity(error)))),
            },
            None => {
                if let Err(error) = TextError::check(text, array.len()) {
                    return Some(Err(WriteError(Problem::Text(error))));
                }
                text.bytes().chain(core::iter::repeat(0)).take(array.len()).enumerate().map(byte).collect()
            }
        };
        Some(Ok(writes))
    }

    pub(super) fn check_writable(&self) -> Result<(), WriteError> {
        if !self.memory().is_writable() {
            return Err(WriteError(Problem::ReadOnly));
        }
        match self.location().builtin() {
            Some(name) => Err(WriteError(Problem::Builtin { name: excerpt(name) })),
            None => Ok(()),
        }
    }
}

fn wrong_type(expected: &Type<'_>, found: &Value<'_>) -> WriteError {
    WriteError(Problem::Type { expected: excerpt(&expected.to_string()), found: shown(found) })
}

/// A value in an error.
fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) | Value::Invalid { number: value, .. } => value.to_string(),
        Value::F32(value) => format!("{value:?}"),
        Value::F64(value) => format!("{value:?}"),
        Value::Char(value) => format!("{value:?}"),
        Value::Enum { name, .. } => excerpt(name),
        Value::Struct => "a struct".to_owned(),
        Value::Array => "an array".to_owned(),
    }
}

/// A value as the bits of this scalar.
fn scalar_bits(scalar: Scalar, value: Value<'_>) -> Result<i128, WriteError> {
    let wrong = || wrong_type(&Type::Scalar(scalar), &value);
    match (scalar, value) {
        (Scalar::Bool, Value::Bool(value)) => Ok(value.into()),
        (Scalar::Char, Value::Char(value)) => Ok(u32::from(value).into()),
        (Scalar::F32, Value::F32(value)) => Ok(value.to_bits().into()),
        // The nearest one, as Rust's `as` gives it.
        #[allow(clippy::cast_possible_truncation)]
        (Scalar::F32, Value::F64(value)) => Ok((value as f32).to_bits().into()),
        (Scalar::F64, Value::F32(value)) => Ok(f64::from(value).to_bits().into()),
        (Scalar::F64, Value::F64(value)) => Ok(value.to_bits().into()),
        (Scalar::F32, Value::Int(value)) => {
            exact(value, 24).map(|value| (value as f32).to_bits().into()).ok_or_else(wrong)
        }
        (Scalar::F64, Value::Int(value)) => {
            exact(value, 53).map(|value| (value as f64).to_bits().into()).ok_or_else(wrong)
        }
        (Scalar::Bool | Scalar::Char | Scalar::F32 | Scalar::F64, _) => Err(wrong()),
        (_, Value::Int(value)) => {
            let (least, most) = range(scalar);
            if (least..=most).contains(&value) {
                return Ok(value);
            }
            Err(WriteError(Problem::Range { value: value.to_string(), ty: scalar.name(), least, most }))
        }
        _ => Err(wrong()),
    }
}

/// The integer, if a float of so many binary digits surely has it.
fn exact(value: i128, digits: u32) -> Option<i128> {
    (value.unsigned_abs() <= 1 << digits).then_some(value)
}

/// The least and the greatest of an integer type.
fn range(scalar: Scalar) -> (i128, i128) {
    let bits = scalar.size() * 8;
    match scalar {
        Scalar::I8 | Scalar::I16 | Scalar::I32 | Scalar::I64 | Scalar::Isize => {
            (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        }
        _ => (0, (1 << bits) - 1),
    }
}

/// The number of a variant of this enum.
fn variant_bits(of: Enum<'_>, value: Value<'_>) -> Result<i128, WriteError> {
    let found = match value {
        Value::Enum { name, .. } => of.variants().find(|variant| variant.name == name),
        Value::Int(number) => of.variants().find(|variant| variant.value == number),
        _ => None,
    };
    let (least, most) = range(of.repr());
    // Of another process's text, the number can be anything.
    found.map(|variant| variant.value).filter(|value| (least..=most).contains(value)).ok_or_else(|| {
        /// As many as one would read.
        const MOST: usize = 32;
        let variants = of.variants().take(MOST);
        let variants =
            variants.map(|variant| format!("{} = {}", excerpt(variant.name), variant.value)).collect();
        let more = of.variants().nth(MOST).is_some();
        WriteError(Problem::Variant { found: shown(&value), name: excerpt(of.name()), variants, more })
    })
}

/// An integer as Rust writes it: decimal, `0x`, `0o`, `0b`, with or without a sign and underscores.
fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, radix) = match digits.get(..2) {
        Some("0x" | "0X") => (&digits[2..], 16),
        Some("0o" | "0O") => (&digits[2..], 8),
        Some("0b" | "0B") => (&digits[2..], 2),
        _ => (digits, 10),
    };
    if digits.starts_with(['+', '-', '_']) {
        return None;
    }
    let digits: String = digits.chars().filter(|&char| char != '_').collect();
    i128::from_str_radix(&digits, radix).ok().map(|value| sign * value)
}
