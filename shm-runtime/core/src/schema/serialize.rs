//! Live values in any of serde's formats, and back.
//!
//! Each impl has the `cfg` of its module again: from the impl only, the documentation of `shm-runtime` knows that it needs the
//! feature.

use core::fmt;
use std::collections::HashMap;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};

use super::Schema;
use super::location::Location;
use super::set::Write;
use super::types::Type;
use super::view::{Value, View};
use crate::memory::access::Readable;
use crate::memory::layout::Scalar;
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::memory::span::Span;
use crate::memory::structure::Declared;

/// The live values: structs as maps, arrays and lists as sequences, enums by the names of their variants, a `Text`, and a `[u8; N]`
/// where it is [that](View::text), as text. In a format for people, a float that is not finite is the text `NaN`, `inf` or `-inf`. A number that is
/// not a value of its type is that number.
#[cfg(feature = "serde")]
impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.get() {
            Value::Bool(value) => serializer.serialize_bool(value),
            Value::Int(number) | Value::Invalid { number, .. } => integer(number, serializer),
            Value::F32(value) if value.is_finite() || !serializer.is_human_readable() => {
                serializer.serialize_f32(value)
            }
            Value::F32(value) => serializer.collect_str(&value),
            Value::F64(value) if value.is_finite() || !serializer.is_human_readable() => {
                serializer.serialize_f64(value)
            }
            Value::F64(value) => serializer.collect_str(&value),
            Value::Char(value) => serializer.serialize_char(value),
            Value::Enum { name, .. } => serializer.serialize_str(name),
            Value::Array => match self.text() {
                Some(text) => serializer.serialize_str(&text),
                None => {
                    let elements = self.elements();
                    let mut out = serializer.serialize_seq(Some(elements.len()))?;
                    for element in elements {
                        out.serialize_element(&element)?;
                    }
                    out.end()
                }
            },
            Value::Struct => {
                let mut out = serializer.serialize_map(Some(self.fields().count()))?;
                for (name, field) in self.fields() {
                    out.serialize_entry(name, &field)?;
                }
                out.end()
            }
        }
    }
}

fn integer<S: Serializer>(number: i128, serializer: S) -> Result<S::Ok, S::Error> {
    // Those of 128 bits are not known to every format.
    match (u64::try_from(number), i64::try_from(number)) {
        (Ok(number), _) => serializer.serialize_u64(number),
        (_, Ok(number)) => serializer.serialize_i64(number),
        _ => Err(S::Error::custom("a number of more than 64 bits")),
    }
}

/// The live values, as those of a [`View`](crate::inspect::View).
#[cfg(feature = "serde")]
impl<T: Shareable, A: Readable> Serialize for Shared<T, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let location = Location::root(Type::of_layout(Declared::of::<T>()));
        match View::new(Span::of_shared(self), location) {
            Some(view) => view.serialize(serializer),
            None => Err(S::Error::custom("nothing is read through a write-only attachment")),
        }
    }
}

/// The text that `Display` writes.
#[cfg(feature = "serde")]
impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// As [`Schema::parse`].
#[cfg(feature = "serde")]
impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_text(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl View<'_> {
    /// Writes what was serialised of this type, or parts of it: fields that are left out stay as they are.
    ///
    /// Nothing is written before all of it was found to be right. Then each scalar is written by itself: the whole is not one
    /// atomic unit.
    ///
    /// Returns the paths of the parts that it has, and that were left as they are because they belong to this crate's own
    /// types, a [`Mutex`](crate::sync::Mutex) for one: their state is of the processes that used them.
    ///
    /// The format has to describe itself, as JSON does.
    ///
    /// # Errors
    ///
    /// Those of the format; and, with the path of the part, a field or an element that there is not, too few elements, and
    /// what [`set`](Self::set) refuses.
    pub fn restore<'de, D: Deserializer<'de>>(&self, deserializer: D) -> Result<Vec<String>, D::Error> {
        if !self.memory().is_writable() {
            self.check_writable().map_err(D::Error::custom)?;
        }
        let mut plan = Plan::default();
        Part { view: *self, path: String::new(), plan: &mut plan }.deserialize(deserializer)?;
        for (offset, scalar, bits) in plan.writes {
            self.memory().store(offset, scalar, bits);
        }
        Ok(plan.skipped)
    }
}

/// What is to be written.
#[derive(Default)]
struct Plan {
    writes: Vec<Write>,
    skipped: Vec<String>,
}

/// One part, to be read from what was serialised.
struct Part<'v, 'p> {
    view: View<'v>,
    path: String,
    plan: &'p mut Plan,
}

impl Part<'_, '_> {
    fn error<E: serde::de::Error>(&self, error: impl fmt::Display) -> E {
        match self.path.is_empty() {
            true => E::custom(error),
            false => E::custom(format_args!("{}: {error}", self.path)),
        }
    }

    fn set<E: serde::de::Error>(self, value: Value<'_>) -> Result<(), E> {
        let (scalar, bits) = self.view.bits(value).map_err(|error| self.error(error))?;
        self.plan.writes.push((self.view.location().offset(), scalar, bits));
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.view.location().builtin().is_some() {
            self.plan.skipped.push(self.path);
            return IgnoredAny::deserialize(deserializer).map(drop);
        }
        deserializer.deserialize_any(self)
    }
}

macro_rules! visit {
    ($($visit:ident($ty:ty);)*) => {$(
        fn $visit<E: serde::de::Error>(self, value: $ty) -> Result<(), E> {
            self.set(value.into())
        }
    )*};
}

impl<'de> Visitor<'de> for Part<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.view.ty())?;
        if self.path.is_empty() { Ok(()) } else { write!(f, " for {}", self.path) }
    }

    visit! {
        visit_bool(bool); visit_i64(i64); visit_u64(u64); visit_i128(i128); visit_f32(f32); visit_f64(f64); visit_char(char);
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if let Some(writes) = self.view.text_writes(text) {
            self.plan.writes.extend(writes.map_err(|error| self.error(error))?);
            return Ok(());
        }
        let value = self.view.parse(text).map_err(|error| self.error(error))?;
        self.set(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let count = self.view.location().counted().map(|[count, _]| count.offset());
        if count.is_none() && !matches!(self.view.ty(), Type::Array(_)) {
            return Err(self.error(format_args!("a sequence is not a value of {}", self.view.ty())));
        }
        // Of a list, all that there is room for.
        let elements = self.view.location().elements();
        let len = elements.len();
        for (i, element) in elements.enumerate() {
            let (view, path) = (self.view.at(element), format!("{}[{i}]", self.path));
            if seq.next_element_seed(Part { view, path, plan: &mut *self.plan })?.is_none() {
                if let Some(offset) = count {
                    self.plan.writes.push((offset, Scalar::U32, i as i128));
                    return Ok(());
                }
                return Err(self.error(format_args!("{i} elements, where there are {len}")));
            }
        }
        match seq.next_element::<IgnoredAny>()? {
            None => {
                self.plan.writes.extend(count.map(|offset| (offset, Scalar::U32, len as i128)));
                Ok(())
            }
            Some(_) => Err(self.error(format_args!("more elements than the {len} that there are"))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Type::Struct(_) = self.view.ty() else {
            return Err(self.error(format_args!("a map is not a value of {}", self.view.ty())));
        };
        // Looked up in a text, each name would cost as much as all.
        let fields: HashMap<&str, View<'_>> = self.view.fields().collect();
        while let Some(name) = map.next_key::<String>()? {
            let view = match fields.get(name.as_str()) {
                Some(&view) => view,
                None => self.view.field(&name).map_err(|error| self.error(error))?,
            };
            let path = if self.path.is_empty() { name } else { format!("{}.{name}", self.path) };
            map.next_value_seed(Part { view, path, plan: &mut *self.plan })?;
        }
        Ok(())
    }
}
