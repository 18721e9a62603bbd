//! Copies of a few bytes, in registers.

use core::arch::asm;
use core::arch::x86_64::__m128i;

use crate::memory::direction::Direction;

/// A move through one or more registers: by assembly on the segment's side, by ordinary accesses on the private one,
/// which leave the values in the registers where the compiler has a use for them.
macro_rules! moves {
    ($name:ident, $type:ty, $class:ident, $load:tt $as:literal, $store:tt $of:literal, $($value:ident $at:literal)*) => {
        #[inline(always)]
        unsafe fn $name<D: Direction>(from: *const u8, to: *mut u8) {
            if D::LOADS {
                $(let $value: $type;)*
                // SAFETY: the assembly only reads, and only the width of this move from `from`, which is readable for
                // it by the caller. It is equivalent to relaxed loads of the scalars in it: see the head of
                // `x86_64.rs`.
                unsafe {
                    asm!(
                        $(concat!($load, " {", stringify!($value), $as, "[{from} + ", $at, "]"),)*
                        $($value = lateout($class) $value,)* from = in(reg) from,
                        options(nostack, preserves_flags, readonly),
                    )
                };
                // SAFETY: `to` is writable by the caller for the width of this move, and private, so that a plain
                // write does not race. It need not be aligned to that.
                $(unsafe { to.add($at).cast::<$type>().write_unaligned($value) };)*
            } else {
                // SAFETY: `from` is readable by the caller for the width of this move; private, so that a plain read
                // does not race; and every byte is initialised, because what is stored as bytes has no padding. It
                // need not be aligned to the width.
                $(let $value = unsafe { from.add($at).cast::<$type>().read_unaligned() };)*
                // SAFETY: the assembly only writes, and only the width of this move from `to`, which is writable for
                // it by the caller. It is equivalent to relaxed stores of the scalars in it: see the head of
                // `x86_64.rs`.
                unsafe {
                    asm!(
                        $(concat!($store, " [{to} + ", $at, "], {", stringify!($value), $of, "}"),)*
                        $($value = in($class) $value,)* to = in(reg) to,
                        options(nostack, preserves_flags),
                    )
                }
            }
        }
    };
}
moves!(move_1, u8, reg_byte, "mov" "}, ", "mov" "", a 0);
moves!(move_2, u16, reg, "movzx" ":e}, word ptr ", "mov" ":x", a 0);
moves!(move_4, u32, reg, "mov" ":e}, ", "mov" ":e", a 0);
moves!(move_8, u64, reg, "mov" "}, ", "mov" "", a 0);
macro_rules! vector_moves {
    ($mov:literal) => {
        moves!(move_16, __m128i, xmm_reg, $mov "}, ", $mov "", a 0);
        moves!(move_32, __m128i, xmm_reg, $mov "}, ", $mov "", a 0 b 16);
        moves!(move_64, __m128i, xmm_reg, $mov "}, ", $mov "", a 0 b 16 c 32 d 48);
    };
}
#[cfg(not(target_feature = "avx"))]
vector_moves!("movdqu");
// Among AVX code, the encodings of SSE are slow.
#[cfg(target_feature = "avx")]
vector_moves!("vmovdqu");

/// Copies `len` bytes, less than 256; where `len` is a constant, without a branch.
///
/// # Safety
///
/// As for [`copy`](super::copy).
#[inline(always)]
pub(super) unsafe fn copy_short<D: Direction>(from: *const u8, to: *mut u8, len: usize) {
    let mut at = 0;
    macro_rules! step {
        ($name:ident, $width:literal) => {
            // SAFETY: within the `len` bytes that the caller vouches for: the widths taken so far are bits of
            // `len`.
            unsafe { $name::<D>(from.add(at), to.add(at)) };
            at += $width;
        };
    }
    if len & 128 != 0 {
        step!(move_64, 64);
        step!(move_64, 64);
    }
    if len & 64 != 0 {
        step!(move_64, 64);
    }
    if len & 32 != 0 {
        step!(move_32, 32);
    }
    if len & 16 != 0 {
        step!(move_16, 16);
    }
    if len % 16 == 0 {
        return;
    }
    if len & 8 != 0 {
        step!(move_8, 8);
    }
    if len & 4 != 0 {
        step!(move_4, 4);
    }
    if len & 2 != 0 {
        step!(move_2, 2);
    }
    if len & 1 != 0 {
        step!(move_1, 1);
    }
    debug_assert_eq!(at, len);
}
