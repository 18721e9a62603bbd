//! Copies by vectors, of each width that there is.

use core::arch::asm;

use super::short::copy_short;
use super::{LINE, align, cold_path};
use crate::memory::direction::Direction;

/// Copies a vector through each of the registers, and moves both sides past them. Everything is loaded before
/// anything is stored: a load may wait for a store to the same offset in a page.
macro_rules! vectors {
    ($load:literal $store:literal $width:literal $from:ident $to:ident, $($register:tt $i:literal)*) => {{
        // SAFETY: of the bytes that are readable or writable by the caller, at least as many are left as these
        // vectors have: where it is used, `len` is divided into them. That no scalar is torn is shown at the head of
        // `x86_64.rs`; Intel SDM vol. 3A, "Guaranteed Atomic Operations", and AMD APM vol. 2, "Access Atomicity",
        // guarantee it for aligned accesses of up to 8 bytes, and with AVX for aligned vectors of 16.
        unsafe {
            asm!(
                $(concat!($load, " ", $register, ", [{from} + ", $i, " * ", $width, "]"),)*
                $(concat!($store, " [{to} + ", $i, " * ", $width, "], ", $register),)*
                from = in(reg) $from, to = in(reg) $to, $(out($register) _,)*
                options(nostack, preserves_flags),
            )
        };
        let copied = [$($i),*].len() * $width;
        // SAFETY: as far as was copied.
        ($from, $to) = unsafe { ($from.add(copied), $to.add(copied)) };
    }};
}

macro_rules! by_vectors {
    (
        $(#[$doc:meta])* $name:ident, $width:literal, $mov:literal,
        [$a:tt 0 $b:tt 1 $c:tt 2 $d:tt 3 $($more:tt $i:literal)*] $(, $end:literal $($cleared:tt)*)?
    ) => {
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// As for [`copy`](super::copy); `len` is at least [`LINE`], and the processor has the instructions.
        #[inline(always)]
        pub(super) unsafe fn $name<D: Direction>(mut from: *const u8, mut to: *mut u8, mut len: usize) {
            const BLOCK: usize = (4 + <[usize]>::len(&[$($i),*])) * $width;
            // Vectors that are stored across cache lines are slow, which a longer copy makes up for.
            if len > 8 * $width {
                // SAFETY: `len` is more than the width, which is a power of two, 64 at most; the other parts are the
                // same.
                (from, to, len) = unsafe { align::<D>(from, to, len, $width) };
            }
            if len < 2 * $width {
                // So short that every branch shows.
                vectors!($mov $mov $width from to, $a 0);
            } else {
                for _ in 0..len / BLOCK {
                    vectors!($mov $mov $width from to, $a 0 $b 1 $c 2 $d 3 $($more $i)*);
                }
                let rest = len % BLOCK;
                if rest & (4 * $width) != 0 {
                    vectors!($mov $mov $width from to, $a 0 $b 1 $c 2 $d 3);
                }
                if rest & (2 * $width) != 0 {
                    vectors!($mov $mov $width from to, $a 0 $b 1);
                }
                if rest & $width != 0 {
                    vectors!($mov $mov $width from to, $a 0);
                }
            }
            // SAFETY: touches nothing but registers that are declared.
            $(unsafe { asm!($end, $(out($cleared) _,)* options(nomem, nostack, preserves_flags)) };)?
            let rest = len % $width;
            if rest != 0 {
                cold_path();
                // SAFETY: `rest` bytes are left after the whole vectors, less than 64, readable or writable as all of
                // them are by the caller. The vectors end at a multiple of 16 from where they begin, so between
                // scalars.
                unsafe { copy_short::<D>(from, to, rest) }
            }
        }
    };
}
by_vectors! {
    /// Copies `len` bytes through SSE registers.
    copy_128, 16, "movdqu", ["xmm0" 0 "xmm1" 1 "xmm2" 2 "xmm3" 3]
}
by_vectors! {
    /// Copies `len` bytes through AVX registers. Their upper halves are cleared after it, or SSE code would
    /// be slow.
    copy_256, 32, "vmovdqu", ["ymm0" 0 "ymm1" 1 "ymm2" 2 "ymm3" 3],
    "vzeroupper" "ymm0" "ymm1" "ymm2" "ymm3" "ymm4" "ymm5" "ymm6" "ymm7" "ymm8" "ymm9" "ymm10" "ymm11" "ymm12"
    "ymm13" "ymm14" "ymm15"
}
by_vectors! {
    /// Copies `len` bytes through AVX-512 registers, those that SSE code does not know and so is not slowed
    /// by.
    copy_512, 64, "vmovdqu64",
    ["zmm16" 0 "zmm17" 1 "zmm18" 2 "zmm19" 3 "zmm20" 4 "zmm21" 5 "zmm22" 6 "zmm23" 7]
}
by_vectors! {
    /// Copies `len` bytes through the lower halves of the same registers. Where those of 64 bytes are carried out
    /// in halves, they are slower unless both sides are aligned alike.
    copy_halves, 32, "vmovdqu64", ["ymm16" 0 "ymm17" 1 "ymm18" 2 "ymm19" 3]
}

/// Copies `len` bytes past the caches: what is overwritten is not fetched, and what is in them stays there.
///
/// # Safety
///
/// As for [`copy`](super::copy); `len` is at least [`LINE`].
pub(super) unsafe fn copy_stream<D: Direction>(from: *const u8, to: *mut u8, len: usize) {
    let fence = || {
        // SAFETY: accesses nothing. Stores past the caches are ordered by it, as others are without.
        unsafe { asm!("sfence", options(nostack, preserves_flags)) }
    };
    fence();
    // SAFETY: `len` is at least `LINE` by the caller, which is the width; the other parts are the same. `movntdq`
    // faults unless its vectors are aligned, which they are after this.
    let (mut from, mut to, len) = unsafe { align::<D>(from, to, len, LINE) };
    for _ in 0..len / LINE {
        vectors!("movdqu" "movntdq" 16 from to, "xmm0" 0 "xmm1" 1 "xmm2" 2 "xmm3" 3);
    }
    fence();
    // SAFETY: `len % LINE` bytes are left after the whole lines, readable or writable as all of them are by the
    // caller.
    unsafe { copy_short::<D>(from, to, len % LINE) }
}
