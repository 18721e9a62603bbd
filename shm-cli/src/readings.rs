//! The values of leaves, read again and again: all of them cheaply, and made text only where it is asked for.

use std::fmt;

use serde::{Serialize, Serializer};
use shm_runtime::inspect::{Scalar, Snapshot, Type, Value, View};

use crate::leaves::{Leaf, Leaves, MOST_BYTES, Place, is_text};
use crate::process::Programs;
use crate::words::{mutex_words, push_value, writer_words};

/// The leaves, and what their values were when they were last read.
pub(crate) struct Readings<'a> {
    leaves: Leaves<'a>,
    /// Of each leaf, what its value is made of: its bits, or a hash of them.
    bits: Vec<u64>,
    /// Of each lock, its last value, and how many had been published before it was copied.
    snapshots: Vec<Option<(u64, Snapshot<'a>)>>,
    programs: Programs,
}

/// What a leaf was when it was read, for files.
pub(crate) enum Datum<'a> {
    Value(Value<'a>),
    Text(String),
}

impl<'a> Readings<'a> {
    /// Nothing is read yet.
    pub(crate) fn new(leaves: Leaves<'a>) -> Self {
        let bits = vec![0; leaves.list.len()];
        let snapshots = leaves.locks.iter().map(|_| None).collect();
        Self { leaves, bits, snapshots, programs: Programs::default() }
    }

    pub(crate) fn leaves(&self) -> &[Leaf<'a>] {
        &self.leaves.list
    }

    /// Whether there are leaves that were left out.
    pub(crate) fn is_cut(&self) -> bool {
        self.leaves.is_cut
    }

    /// Reads all of them.
    pub(crate) fn read(&mut self) {
        for (leaf, bits) in self.leaves.list.iter().zip(&mut self.bits) {
            *bits = match &leaf.place {
                Place::Value(view) | Place::Event(view) => bits_of(&view.get()),
                Place::Bytes(view) => hash_of(view),
                Place::Mutex(_, words) => words.iter().fold(0, |hash, word| mix(hash, bits_of(&word.get()))),
                Place::SeqLock(lock) => self.leaves.locks[*lock].lock.version(),
                Place::Published { .. } => continue,
            };
        }
        for (lock, last) in self.leaves.locks.iter().zip(&mut self.snapshots) {
            let version = lock.lock.version();
            if last.as_ref().is_some_and(|&(read, _)| read == version) {
                continue;
            }
            // A value that is overtaken all the time stays what it was; its count goes on.
            let Ok(snapshot) = lock.lock.read() else { continue };
            for (part, first) in &lock.parts {
                if let Ok(part) = snapshot.view().resolve(part) {
                    collect(part, &mut self.bits[*first..].iter_mut());
                }
            }
            *last = Some((version, snapshot));
        }
    }

    /// Of all leaves, what tells whether a value has changed.
    pub(crate) fn bits(&self) -> &[u64] {
        &self.bits
    }

    /// What was read, if it is a number.
    pub(crate) fn number(&self, leaf: usize) -> Option<f64> {
        let ty = match &self.leaves.list[leaf].place {
            Place::Value(view) | Place::Event(view) => view.ty(),
            Place::Published { ty, .. } => *ty,
            Place::SeqLock(_) => return Some(float(i128::from(self.bits[leaf]))),
            Place::Bytes(_) | Place::Mutex(..) => return None,
        };
        let (Type::Scalar(_) | Type::Atomic(_)) = ty else { return None };
        match value_of(ty, self.bits[leaf]) {
            Value::Bool(is_so) => Some(f64::from(u8::from(is_so))),
            Value::Int(number) => Some(float(number)),
            Value::F32(number) => Some(number.into()),
            Value::F64(number) => Some(number),
            _ => None,
        }
    }

    /// What was read, for a line. What other processes do to a lock, and the bytes of an array, are looked at now.
    pub(crate) fn text(&mut self, leaf: usize) -> String {
        let bits = self.bits[leaf];
        match &self.leaves.list[leaf].place {
            Place::Value(view) | Place::Event(view) => value_text(value_of(view.ty(), bits)),
            Place::Bytes(view) => bytes_text(view),
            Place::Mutex(mutex, _) => mutex_words(mutex, &mut self.programs),
            Place::SeqLock(lock) => {
                format!(
                    "{bits} published, {}",
                    writer_words(&self.leaves.locks[*lock].lock, &mut self.programs)
                )
            }
            Place::Published { ty, .. } if is_text(*ty) => {
                self.published(leaf, |view| bytes_text(&view)).unwrap_or_default()
            }
            Place::Published { ty, .. } => value_text(value_of(*ty, bits)),
        }
    }

    /// What was read, for a file.
    pub(crate) fn datum(&mut self, leaf: usize) -> Datum<'a> {
        let bits = self.bits[leaf];
        match &self.leaves.list[leaf].place {
            Place::Value(view) | Place::Event(view) => Datum::Value(value_of(view.ty(), bits)),
            Place::Bytes(view) => Datum::Text(view.text().unwrap_or_else(|| hex(view))),
            Place::SeqLock(_) => Datum::Value(Value::Int(bits.into())),
            Place::Published { ty, .. } if is_text(*ty) => {
                let text = self.published(leaf, |view| view.text().unwrap_or_else(|| hex(&view)));
                Datum::Text(text.unwrap_or_default())
            }
            Place::Published { ty, .. } => Datum::Value(value_of(*ty, bits)),
            Place::Mutex(..) => Datum::Text(self.text(leaf)),
        }
    }

    /// Of a leaf in the value of a lock, what `of` makes of it.
    fn published<T>(&self, leaf: usize, of: impl FnOnce(View<'_>) -> T) -> Option<T> {
        let leaf = &self.leaves.list[leaf];
        let Place::Published { lock, .. } = leaf.place else { return None };
        let (_, snapshot) = self.snapshots[lock].as_ref()?;
        Some(of(snapshot.view().resolve(leaf.within()).ok()?))
    }
}

/// The leaves of a part of a value, in the order of [`Leaves`].
fn collect<'b>(view: View<'_>, to: &mut impl Iterator<Item = &'b mut u64>) {
    match view.ty() {
        ty if is_text(ty) => {
            if let Some(bits) = to.next() {
                *bits = hash_of(&view);
            }
        }
        Type::Array(_) => {
            view.elements().for_each(|element| collect(element, to));
        }
        Type::Struct(_) => view.fields().for_each(|(_, field)| collect(field, to)),
        _ => {
            if let Some(bits) = to.next() {
                *bits = bits_of(&view.get());
            }
        }
    }
}

/// A value in 64 bits.
fn bits_of(value: &Value<'_>) -> u64 {
    match *value {
        Value::Bool(is_so) => is_so.into(),
        Value::F32(number) => number.to_bits().into(),
        Value::F64(number) => number.to_bits(),
        Value::Char(char) => u32::from(char).into(),
        Value::Int(number) | Value::Enum { number, .. } | Value::Invalid { number, .. } => {
            let signed = || i64::try_from(number).map(i64::cast_unsigned);
            u64::try_from(number).or_else(|_| signed()).unwrap_or_default()
        }
        _ => 0,
    }
}

/// The value of a type that [`bits_of`] gave these bits.
fn value_of(ty: Type<'_>, bits: u64) -> Value<'_> {
    let integer = |scalar| match scalar {
        Scalar::I8 | Scalar::I16 | Scalar::I32 | Scalar::I64 | Scalar::Isize => {
            i128::from(bits.cast_signed())
        }
        _ => i128::from(bits),
    };
    match ty {
        Type::Scalar(scalar) | Type::Atomic(scalar) => match scalar {
            Scalar::F32 => Value::F32(f32::from_bits(u32::try_from(bits).unwrap_or_default())),
            Scalar::F64 => Value::F64(f64::from_bits(bits)),
            Scalar::Bool => Value::Bool(bits != 0),
            Scalar::Char => match u32::try_from(bits).ok().and_then(char::from_u32) {
                Some(char) => Value::Char(char),
                None => Value::Invalid { number: bits.into(), ty: "char" },
            },
            _ => Value::Int(integer(scalar)),
        },
        Type::Enum(of) => {
            let number = integer(of.repr());
            match of.variants().find(|variant| variant.value == number) {
                Some(variant) => Value::Enum { name: variant.name, number },
                None => Value::Invalid { number, ty: of.name() },
            }
        }
        Type::Struct(_) => Value::Struct,
        _ => Value::Array,
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "of large numbers, a picture shows no more than the first digits"
)]
fn float(number: i128) -> f64 {
    number as f64
}

fn mix(hash: u64, bits: u64) -> u64 {
    // The multiplier of FNV-1a, and a rotation, since its low bits are mixed into the high ones only.
    (hash ^ bits).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
}

fn hash_of(bytes: &View<'_>) -> u64 {
    let elements = bytes.elements();
    // Of a `Text`, the length can be another one.
    let len = u64::try_from(elements.len()).unwrap_or_default();
    elements.take(MOST_BYTES).fold(len, |hash, byte| mix(hash, bits_of(&byte.get())))
}

/// A scalar, for a line.
fn value_text(value: Value<'_>) -> String {
    let mut text = String::new();
    push_value(&mut text, value);
    text
}

/// An array of bytes, for a line: the text that it is, or its first bytes.
fn bytes_text(bytes: &View<'_>) -> String {
    let len = bytes.elements().len();
    match if len <= MOST_BYTES { bytes.text() } else { None } {
        Some(text) => format!("{text:?}"),
        None => hex(bytes),
    }
}

/// The first of the bytes.
fn hex(bytes: &View<'_>) -> String {
    /// As many as fit into a line.
    const SHOWN: usize = 32;
    let elements = bytes.elements();
    let cut = elements.len() > SHOWN;
    let mut text = String::new();
    for byte in elements.take(SHOWN) {
        if !text.is_empty() {
            text.push(' ');
        }
        text += &format!("{:02x}", bits_of(&byte.get()));
    }
    if cut {
        text.push('…');
    }
    text
}

/// As a cell of CSV: what `plot` reads as a number is one.
impl fmt::Display for Datum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Value(Value::Char(char)) => write!(f, "{char}"),
            Self::Value(Value::Invalid { number, .. }) => write!(f, "{number}"),
            Self::Value(value) => f.write_str(&value_text(*value)),
        }
    }
}

/// As the runtime serialises it.
impl Serialize for Datum<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(Value::Bool(is_so)) => serializer.serialize_bool(*is_so),
            Self::Value(Value::F32(number)) if number.is_finite() => serializer.serialize_f32(*number),
            Self::Value(Value::F64(number)) if number.is_finite() => serializer.serialize_f64(*number),
            Self::Value(Value::Int(number) | Value::Invalid { number, .. }) => {
                match (u64::try_from(*number), i64::try_from(*number)) {
                    (Ok(number), _) => serializer.serialize_u64(number),
                    (_, Ok(number)) => serializer.serialize_i64(number),
                    _ => serializer.collect_str(number),
                }
            }
            _ => serializer.collect_str(self),
        }
    }
}
