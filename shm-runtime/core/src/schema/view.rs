//! Live values, reached by the description of their type: what prints a `Shared`, and what reads a segment without its type.

use core::fmt;

use super::location::{Location, PathError};
use super::types::Type;
use crate::memory::access::Access;
use crate::memory::layout::Scalar;
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::memory::span::Span;
use crate::memory::structure::Declared;
use crate::memory::tail::Whole;

/// A value in a mapped segment, or a part of it, reached by its description: nothing is read before it is asked for.
///
/// It is small, and can be kept as long as the attachment, to be read again.
#[derive(Clone, Copy)]
pub struct View<'a> {
    memory: Span<'a>,
    location: Location<'a>,
}

/// What is at a place now: what [`View::get`] reads.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// A `bool`: any byte but 0 is `true`.
    Bool(bool),
    /// An integer of any width.
    Int(i128),
    /// An `f32`.
    F32(f32),
    /// An `f64`.
    F64(f64),
    /// A `char`.
    Char(char),
    /// A variant of an enum.
    Enum {
        /// Its name.
        name: &'a str,
        /// Its number.
        number: i128,
    },
    /// A number that is not a value of the type, which only another process can have written.
    Invalid {
        /// The number.
        number: i128,
        /// The type's name: `char`, or that of the enum.
        ty: &'a str,
    },
    /// A struct, to be read by its [fields](View::fields).
    Struct,
    /// An array or a [`List`](crate::List), to be read by its [elements](View::elements); or a [`Text`](crate::Text), by
    /// [`View::text`].
    Array,
}

impl<'a> View<'a> {
    /// Of what lies at `location` in `memory`; `None` if it does not lie within.
    pub(crate) fn new(memory: Span<'a>, location: Location<'a>) -> Option<Self> {
        let end = location.offset().checked_add(location.ty().size())?;
        (end <= memory.size()).then_some(Self { memory, location })
    }

    pub(crate) fn memory(&self) -> Span<'a> {
        self.memory
    }

    /// Where it is, and of which type.
    pub fn location(&self) -> Location<'a> {
        self.location
    }

    /// Its type.
    pub fn ty(&self) -> Type<'a> {
        self.location.ty()
    }

    /// Reads it: a scalar by one relaxed atomic access of its width, so that it is never torn. Of a struct and an array,
    /// nothing is read.
    pub fn get(&self) -> Value<'a> {
        match self.location.ty() {
            Type::Scalar(scalar) | Type::Atomic(scalar) => self.scalar(scalar),
            Type::Enum(of) => {
                let number = self.integer(of.repr());
                match of.variants().find(|variant| variant.value == number) {
                    Some(variant) => Value::Enum { name: variant.name, number },
                    None => Value::Invalid { number, ty: of.name() },
                }
            }
            Type::Array(_) => Value::Array,
            Type::Struct(_) => match self.location.counted() {
                Some(_) => Value::Array,
                None => Value::Struct,
            },
        }
    }

    fn integer(&self, scalar: Scalar) -> i128 {
        self.memory.load(self.location.offset(), scalar)
    }

    fn scalar(&self, scalar: Scalar) -> Value<'a> {
        let bits = self.integer(scalar);
        match scalar {
            Scalar::F32 => Value::F32(f32::from_bits(u32::try_from(bits).unwrap_or_default())),
            Scalar::F64 => Value::F64(f64::from_bits(u64::try_from(bits).unwrap_or_default())),
            Scalar::Bool => Value::Bool(bits != 0),
            Scalar::Char => match u32::try_from(bits).ok().and_then(char::from_u32) {
                Some(char) => Value::Char(char),
                None => Value::Invalid { number: bits, ty: "char" },
            },
            _ => Value::Int(bits),
        }
    }

    /// Reads a [`Text`](crate::Text), in which bytes that are not UTF-8 become U+FFFD; or a `[u8; N]` that is text as C has it: the
    /// bytes in front of the first NUL. `None` if it is another type; of an array, if there is no NUL, if those bytes are not
    /// UTF-8, or if what follows the NUL is not all NUL.
    pub fn text(&self) -> Option<String> {
        if self.is_text() {
            let [len, values] = self.location.counted()?.map(|location| self.at(location));
            let bytes: Vec<u8> = values.bytes()?.take(len.count()).collect();
            return Some(String::from_utf8_lossy(&bytes).into_owned());
        }
        let mut bytes = self.bytes()?;
        let mut ended = false;
        let text: Vec<u8> = bytes
            .by_ref()
            .take_while(|&byte| {
                ended = byte == 0;
                !ended
            })
            .collect();
        if !ended || bytes.any(|byte| byte != 0) {
            return None;
        }
        String::from_utf8(text).ok()
    }

    /// Whether it is a `Text`.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.ty(), Type::Struct(of) if of.is_text())
    }

    /// Those of a `[u8; N]`.
    fn bytes(&self) -> Option<impl Iterator<Item = u8> + use<'_, 'a>> {
        let Type::Array(array) = self.location.ty() else { return None };
        let Type::Scalar(Scalar::U8) = array.of() else { return None };
        let offset = self.location.offset();
        let byte = move |i| u8::try_from(self.memory.load(offset + i, Scalar::U8)).unwrap_or_default();
        Some((0..array.len()).map(byte))
    }

    /// The number here, as a count; what is too large for one is cut short by the array that it counts.
    fn count(&self) -> usize {
        usize::try_from(self.integer(Scalar::U32)).unwrap_or(usize::MAX)
    }

    /// What is at a location in the same memory, within this.
    pub(super) fn at(&self, location: Location<'a>) -> Self {
        Self { location, ..*self }
    }

    /// Copies every scalar of it to the start of `to`, which is as large.
    pub(crate) fn copy_to(&self, to: Span<'_>) {
        copy(self.memory, self.location, to, self.location.offset());
    }

    /// The fields of a struct, with their names; of other types, none.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, Self)> + use<'a> {
        let memory = self.memory;
        self.location.fields().map(move |(name, location)| (name, Self { memory, location }))
    }

    /// The elements of an array, as [`Location::elements`] has them; of a [`List`](crate::List) or a [`Text`](crate::Text), those
    /// that it has now; of other types, none.
    pub fn elements(&self) -> impl ExactSizeIterator<Item = Self> + use<'a> {
        let memory = self.memory;
        let most = self.location.counted().map_or(usize::MAX, |[len, _]| self.at(len).count());
        self.location.elements().take(most).map(move |location| Self { memory, location })
    }

    /// The field with this name.
    ///
    /// # Errors
    ///
    /// As for [`Location::field`].
    pub fn field(&self, name: &str) -> Result<Self, PathError> {
        Ok(Self { location: self.location.field(name)?, ..*self })
    }

    /// The element with this index.
    ///
    /// # Errors
    ///
    /// As for [`Location::element`].
    pub fn element(&self, index: usize) -> Result<Self, PathError> {
        Ok(Self { location: self.location.element(index)?, ..*self })
    }

    /// The part with this path, from here: `wind.speed`, `series[3]`.
    ///
    /// # Errors
    ///
    /// As for [`Location::resolve`].
    pub fn resolve(&self, path: &str) -> Result<Self, PathError> {
        Ok(Self { location: self.location.resolve(path)?, ..*self })
    }
}

/// Copies every scalar, to where it is in the value that starts at `start` in `from`.
fn copy(from: Span<'_>, location: Location<'_>, to: Span<'_>, start: usize) {
    let scalar = match location.ty() {
        Type::Scalar(scalar) | Type::Atomic(scalar) => scalar,
        Type::Enum(of) => of.repr(),
        Type::Array(_) => return location.elements().for_each(|element| copy(from, element, to, start)),
        Type::Struct(_) => return location.fields().for_each(|(_, field)| copy(from, field, to, start)),
    };
    let at = location.offset();
    to.store(at - start, scalar, from.load(at, scalar));
}

/// The live values, field by field, each read as it is printed.
impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Value::Bool(value) => value.fmt(f),
            Value::Int(value) => value.fmt(f),
            Value::F32(value) => value.fmt(f),
            Value::F64(value) => value.fmt(f),
            Value::Char(value) => value.fmt(f),
            Value::Enum { name, .. } => f.write_str(name),
            Value::Invalid { number, ty: "char" } => write!(f, "<{number:#x} is not a char>"),
            Value::Invalid { number, ty } => write!(f, "<{number} is not a {ty}>"),
            Value::Array if self.is_text() => self.text().unwrap_or_default().fmt(f),
            Value::Array => f.debug_list().entries(self.elements()).finish(),
            Value::Struct => {
                let ty = match self.ty() {
                    Type::Struct(of) => of.name(),
                    _ => "",
                };
                // Only the fields of a tuple struct have numbers for names.
                if self.fields().next().is_some_and(|(name, _)| name == "0") {
                    let mut out = f.debug_tuple(ty);
                    self.fields().for_each(|(_, field)| _ = out.field(&field));
                    return out.finish();
                }
                let mut out = f.debug_struct(ty);
                for (name, field) in self.fields() {
                    out.field(name, &field);
                }
                out.finish()
            }
        }
    }
}

/// The live values, field by field, each read as it is printed; through a write-only attachment, none.
impl<T: Shareable, A: Access> fmt::Debug for Shared<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !A::READS {
            return f.write_str("<write-only>");
        }
        let location = Location::root(Type::of_layout(Declared::of::<T>()));
        View { memory: Span::of_shared(self), location }.fmt(f)
    }
}

/// The same of a struct that ends in a slice of `len` elements: what the derive calls.
#[doc(hidden)]
pub fn debug_tailed<T: Whole + ?Sized, A: Access>(
    view: &T::__View<A>,
    len: usize,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    if !A::READS {
        return f.write_str("<write-only>");
    }
    let layout = Declared::of::<T::__Head>();
    let memory = Span::of_view::<T, A>(view);
    let mut out = f.debug_struct(layout.name().unwrap_or_default());
    let mut fields = Location::root(Type::of_layout(layout)).fields().peekable();
    while let Some((name, location)) = fields.next() {
        let location = match layout.tail() {
            Some(of) if fields.peek().is_none() => {
                Location::new(location.offset(), Type::array(of, len), None)
            }
            _ => location,
        };
        out.field(name, &View { memory, location });
    }
    out.finish()
}
