//! Printing the values in a segment by the layout of their type.

use core::fmt::{self, Debug as _};

use crate::memory::access::Access;
use crate::memory::direction::{Direction, Load};
use crate::memory::layout::{Kind, Layout, Scalar};
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::memory::structure::Declared;
use crate::memory::validity;

/// The live values, field by field, each read as it is printed; through a write-only attachment, none.
impl<T: Shareable, A: Access> fmt::Debug for Shared<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !A::READS {
            return f.write_str("<write-only>");
        }
        // In the memory of `self`, which is readable, is a `T`.
        Live { layout: Declared::of::<T>(), at: self.address().cast() }.fmt(f)
    }
}

/// A value in a segment, to be printed as it is now: at `at` is one of this layout, readable as long as this is printed.
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
                    None => write!(f, "<{found} is not a {name}>"),
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
        // SAFETY: as `Live` says, `at` is the place of a scalar of this width in a segment: the parts of a type
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
                None => write!(f, "<{bits:#x} is not a char>"),
            },
            _ => bits.fmt(f),
        }
    }
}
