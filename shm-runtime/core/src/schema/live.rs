//! Printing the values in a segment by the layout of their type.

use core::fmt::{self, Debug as _};

use crate::memory::bulk::{Direction, Load};
use crate::memory::layout::{Kind, Layout, Scalar};
use crate::memory::validity;

/// Prints the values at `base`, each read as it is printed.
///
/// # Safety
///
/// At `base` is a value of the type that `layout` describes, in a segment, readable.
pub(crate) unsafe fn debug(layout: &Layout, base: *const u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    Live { layout, at: base }.fmt(f)
}

/// A value in a segment, to be printed as it is now.
struct Live<'a> {
    layout: &'a Layout,
    at: *const u8,
}

impl fmt::Debug for Live<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layout.kind {
            Kind::Scalar(scalar) | Kind::Atomic(scalar) => self.scalar(scalar, f),
            Kind::Enum { name, repr, variants } => {
                let found = self.bits(repr);
                match variants.iter().find(|(_, value)| *value == found) {
                    Some((variant, _)) => f.write_str(variant),
                    None => write!(f, "<{found} is no {name}>"),
                }
            }
            Kind::Array { of, len } => {
                f.debug_list().entries((0..len).map(|i| self.part(of, i * of.size))).finish()
            }
            Kind::Struct { name, fields } => {
                let mut out = f.debug_struct(name);
                for field in fields {
                    out.field(field.name, &self.part(field.layout, field.offset));
                }
                out.finish()
            }
        }
    }
}

impl<'a> Live<'a> {
    fn part(&self, layout: &'a Layout, offset: usize) -> Self {
        Self { layout, at: self.at.wrapping_add(offset) }
    }

    /// The scalar as it is now, in an integer.
    fn bits(&self, scalar: Scalar) -> i128 {
        let mut copy = 0_u64;
        let to = &raw mut copy;
        // SAFETY: by the contract of `debug`, `at` is the place of a scalar of this width in a segment: the parts of a type
        // lie within it and are aligned.
        unsafe {
            match scalar.size() {
                1 => Load::copy_8(self.at, to.cast()),
                2 => Load::copy_16(self.at.cast(), to.cast()),
                4 => Load::copy_32(self.at.cast(), to.cast()),
                _ => Load::copy_64(self.at.cast(), to),
            }
        }
        // SAFETY: `copy` is private, initialised, and as large and aligned as any scalar.
        unsafe { validity::integer(scalar, to.cast()) }
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
