//! Bytes that are not a value of their type.

use core::fmt;

use crate::memory::layout::{Kind, Layout, Scalar};
use crate::memory::list::{LIST, within};

/// The bytes in the segment are not a value of the type: what [`Shared::try_get`](crate::Shared::try_get)
/// returns when another process wrote something else there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidValue(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    path: String,
    found: i128,
    type_name: &'static str,
    variants: &'static [(&'static str, i128)],
}

impl InvalidValue {
    /// Where it was found, from the value that was asked for: `wind.direction`, `modes[3]`, or empty if it was
    /// that value itself.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The number found there.
    pub fn found(&self) -> i128 {
        self.0.found
    }

    /// The name of the type that has no such value.
    pub fn type_name(&self) -> &'static str {
        self.0.type_name
    }

    fn below(mut self, parent: &str) -> Self {
        let separator = if self.0.path.is_empty() || self.0.path.starts_with('[') { "" } else { "." };
        self.0.path = format!("{parent}{separator}{}", self.0.path);
        self
    }
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { path, found, type_name, variants } = &*self.0;
        if !path.is_empty() {
            write!(f, "`{path}`: ")?;
        }
        write!(f, "another process wrote {found}, which is not a `{type_name}`")?;
        for (i, (name, value)) in variants.iter().enumerate() {
            write!(f, "{}{name} = {value}", if i == 0 { " (" } else { ", " })?;
        }
        if variants.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl core::error::Error for InvalidValue {}

/// Whether the private copy at `at` is a value of the type that `layout` describes.
///
/// # Safety
///
/// `at` points to private memory laid out as `layout` says, in which every scalar is initialised.
#[inline]
pub(crate) unsafe fn check(layout: &'static Layout, at: *const u8) -> Result<(), InvalidValue> {
    if layout.always_valid {
        return Ok(());
    }
    // SAFETY: `check_parts` asks the same of the same place: private, laid out as `layout` says, every scalar
    // initialised.
    unsafe { check_parts(layout, at) }
}

/// The same of `len` values that lie one after the other.
///
/// # Safety
///
/// As for [`check`], for each of them.
pub(crate) unsafe fn check_slice(of: &'static Layout, at: *const u8, len: usize) -> Result<(), InvalidValue> {
    if of.always_valid {
        return Ok(());
    }
    (0..len).try_for_each(|i| {
        // SAFETY: element `i` is less than `len`, so it is among the caller's, at a multiple of their size.
        unsafe { check(of, at.add(i * of.size)) }.map_err(|error| error.below(&format!("[{i}]")))
    })
}

/// As [`check`], which it calls for every part.
///
/// # Safety
///
/// As for [`check`].
unsafe fn check_parts(layout: &'static Layout, at: *const u8) -> Result<(), InvalidValue> {
    match layout.kind {
        Kind::Scalar(scalar) | Kind::Atomic(scalar) => {
            // SAFETY: the layout is that of one scalar of this type, so one is at `at`: private and initialised by
            // the caller, and aligned, as what is laid out so is.
            let found = unsafe { integer(scalar, at) };
            // Of the scalars, `char` is not valid always, and an integer that is not 0.
            let (type_name, valid) = match scalar {
                Scalar::Char => ("char", u32::try_from(found).ok().and_then(char::from_u32).is_some()),
                _ => ("NonZero", found != 0),
            };
            if valid {
                return Ok(());
            }
            Err(InvalidValue(Box::new(Inner { path: String::new(), found, type_name, variants: &[] })))
        }
        Kind::Enum { name, repr, variants } => {
            // SAFETY: an enum is laid out as the scalar `repr` (Reference, "Type layout", "Primitive
            // representations"), so one is at `at`: private and initialised by the caller, and aligned, as what is
            // laid out so is.
            let found = unsafe { integer(repr, at) };
            if variants.iter().any(|&(_, value)| value == found) {
                return Ok(());
            }
            Err(InvalidValue(Box::new(Inner { path: String::new(), found, type_name: name, variants })))
        }
        // SAFETY: an array is laid out as its `len` elements, one after the other (Reference, "Type layout", "Array
        // layout"). Their scalars are the array's: private and initialised by the caller.
        Kind::Array { of, len } => unsafe { check_slice(of, at, len) },
        // It has no size, and so no value.
        Kind::Tail { .. } => Ok(()),
        Kind::Struct { name: LIST, builtin: true, fields: &[len, values] } => {
            let Kind::Array { of, len: capacity } = values.layout.kind else { return Ok(()) };
            // SAFETY: a `List` begins with its count, a `u32`, at its offset: private and initialised by the caller, and aligned,
            // as what is laid out so is.
            let len = unsafe { at.add(len.offset).cast::<u32>().read() };
            // SAFETY: as many elements, or less, as the array has, which lies within the struct, at its offset. Their scalars
            // are among the struct's.
            unsafe { check_slice(of, at.add(values.offset), within(len, capacity)) }
        }
        Kind::Struct { fields, .. } => fields.iter().try_for_each(|field| {
            // SAFETY: the field lies within the struct, at its offset. Its scalars are among the struct's: private
            // and initialised by the caller.
            unsafe { check(field.layout, at.add(field.offset)) }.map_err(|error| error.below(field.name))
        }),
    }
}

/// The scalar at `at` as an integer: a float's and a `bool`'s bits, a `char`'s code.
///
/// # Safety
///
/// `at` points to a private, initialised scalar of this type, aligned.
pub(crate) const unsafe fn integer(scalar: Scalar, at: *const u8) -> i128 {
    macro_rules! read {
        ($int:ty) => {
            // SAFETY: `at` is readable, private, initialised and aligned for the scalar by the caller, and the
            // integer has the scalar's width; any bytes make an integer. (`as`, because `From` is not const: no bit
            // is lost.)
            unsafe { at.cast::<$int>().read() as i128 }
        };
    }
    match scalar {
        Scalar::U8 | Scalar::Bool => read!(u8),
        Scalar::U16 => read!(u16),
        Scalar::U32 | Scalar::F32 | Scalar::Char => read!(u32),
        Scalar::U64 | Scalar::F64 | Scalar::Usize => read!(u64),
        Scalar::I8 => read!(i8),
        Scalar::I16 => read!(i16),
        Scalar::I32 => read!(i32),
        Scalar::I64 | Scalar::Isize => read!(i64),
    }
}
