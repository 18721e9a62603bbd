//! Copies of a few bytes, in registers.

use core::arch::asm;
use core::arch::x86_64::__m128i;

use crate::bulk::Direction;

/// A move of one width: by assembly on the segment's side, by an ordinary access on the private one, which
/// leaves the value in a register where the compiler has a use for it.
macro_rules! moves {
    ($name:ident, $type:ty, $class:ident, $load:expr, $store:expr) => {
        #[inline(always)]
        unsafe fn $name<D: Direction>(from: *const u8, to: *mut u8) {
            if D::LOADS {
                let value: $type;
                // SAFETY: readable by the caller's promise. For the copy as such, see the head of
                // `x86_64.rs`.
                unsafe {
                    asm!(
                        $load, value = lateout($class) value, from = in(reg) from,
                        options(nostack, preserves_flags, readonly),
                    )
                };
                // SAFETY: writable and private by the caller's promise.
                unsafe { to.cast::<$type>().write_unaligned(value) }
            } else {
                // SAFETY: readable, initialised and private by the caller's promise.
                let value = unsafe { from.cast::<$type>().read_unaligned() };
                // SAFETY: writable by the caller's promise. For the copy as such, see the head of
                // `x86_64.rs`.
                unsafe {
                    asm!($store, value = in($class) value, to = in(reg) to, options(nostack, preserves_flags))
                }
            }
        }
    };
}
moves!(move_1, u8, reg_byte, "mov {value}, [{from}]", "mov [{to}], {value}");
moves!(move_2, u16, reg, "movzx {value:e}, word ptr [{from}]", "mov [{to}], {value:x}");
moves!(move_4, u32, reg, "mov {value:e}, [{from}]", "mov [{to}], {value:e}");
moves!(move_8, u64, reg, "mov {value}, [{from}]", "mov [{to}], {value}");
#[cfg(not(target_feature = "avx"))]
moves!(move_16, __m128i, xmm_reg, "movdqu {value}, [{from}]", "movdqu [{to}], {value}");
// Among AVX code, the encodings of SSE are slow.
#[cfg(target_feature = "avx")]
moves!(move_16, __m128i, xmm_reg, "vmovdqu {value}, [{from}]", "vmovdqu [{to}], {value}");

/// Copies `len` bytes, less than 256; where `len` is a constant, without a branch.
///
/// # Safety
///
/// As for [`copy`](super::copy).
#[inline(always)]
pub(super) unsafe fn copy_short<D: Direction>(from: *const u8, to: *mut u8, len: usize) {
    let mut at = 0;
    macro_rules! step {
        ($name:ident, $width:literal, $times:literal) => {
            if len & ($width * $times) != 0 {
                for _ in 0..$times {
                    // SAFETY: within the `len` bytes that the caller vouches for: the widths taken so far are
                    // bits of `len`.
                    unsafe { $name::<D>(from.add(at), to.add(at)) };
                    at += $width;
                }
            }
        };
    }
    step!(move_16, 16, 8);
    step!(move_16, 16, 4);
    step!(move_16, 16, 2);
    step!(move_16, 16, 1);
    if len.is_multiple_of(16) {
        return;
    }
    step!(move_8, 8, 1);
    step!(move_4, 4, 1);
    step!(move_2, 2, 1);
    step!(move_1, 1, 1);
    debug_assert_eq!(at, len);
}
