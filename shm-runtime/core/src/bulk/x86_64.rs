//! Copies of bytes by vector instructions.
//!
//! # Why this is sound
//!
//! Other threads and processes write to the segment meanwhile, so every access to it has to be atomic, and
//! Rust has no atomics wider than a scalar. Assembly may do to memory what Rust code may do. So each block of
//! it here has to be equivalent to relaxed atomic accesses of one scalar each, in some order. It is, because
//! nothing cuts a scalar in two:
//!
//! - **The code does not.** Scalars have at most 8 bytes and lie at multiples of their size. Let the largest
//!   have `w` bytes. Then both sides begin at a multiple of `w`, the length is one, and whatever is a
//!   multiple of `w` away from the beginning is between scalars. Copies are cut at multiples of 8 from where
//!   they begin or in the memory written, and their last 7 bytes or less into 4, 2 and 1, of which those
//!   below `w` do not occur.
//! - **The hardware does not.** Intel and AMD guarantee that an access is whole if it has up to 8 bytes and
//!   is aligned, and with AVX, if it is a vector of 16 bytes and is aligned. Others may be carried out in
//!   pieces. Pieces end where a cache line or a page does, or are aligned words of 8 bytes or more, or halves
//!   and quarters of the vector: cut at multiples of 8 in memory or from the first byte, so between scalars
//!   again. For vectors that is how processors are built, not what their manuals promise; it is what OpenJDK
//!   relies on when it copies a `long[]` by vectors, and what `tests/tearing.rs` looks at.
//! - **`rep movsq` does not**: it is a sequence of 8-byte moves, here all of them aligned, so each is
//!   guaranteed to be whole. A processor may take several at once and in any order, as it may relaxed
//!   accesses, but they are ordered before any later store. (`rep movsb` is a sequence of moves of a byte,
//!   and promises nothing about words.)
//!
//! Nor is a scalar stored twice, as it would be by a last vector that overlaps the one before: another
//! process that saw the first store and wrote something else would find it undone by the second.

use core::arch::asm;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

use self::short::copy_short;
use super::{Direction, Load, Store};

mod short;
#[cfg(test)]
mod tests;

/// Up to this many bytes are copied in line where the size is known, as compilers do with memcpy.
const IN_LINE: usize = 128;

/// From here on both sides together are more than the first cache holds, and `rep movsq` is faster than
/// vectors: it does not fetch what it is going to overwrite.
const STRING: usize = 32 << 10;

/// From here on the two are more than a core's own caches hold.
const CACHED: usize = 2 << 20;

/// Copies a value as bytes.
///
/// # Safety
///
/// As for [`Direction`], for a `T` on each side that may be copied as bytes.
#[inline(always)]
pub(super) unsafe fn copy_value<T, D: Direction>(from: *const T, to: *mut T) {
    if const { size_of::<T>() <= IN_LINE } {
        // SAFETY: the caller's promise.
        unsafe { copy_short::<D>(from.cast(), to.cast(), size_of::<T>()) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { copy_slice::<T, D>(from, to, 1) }
    }
}

/// Copies `len` values as bytes.
///
/// # Safety
///
/// As for [`copy_value`], for `len` values of `T`.
#[inline(always)]
pub(super) unsafe fn copy_slice<T, D: Direction>(from: *const T, to: *mut T, len: usize) {
    let copy = if D::LOADS { load } else { store };
    // SAFETY: the caller's promise.
    unsafe { copy(from.cast(), to.cast(), len * size_of::<T>()) }
}

/// [`copy`] from a segment; compiled here, once.
unsafe fn load(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { copy::<Load>(from, to, len) }
}

/// [`copy`] to a segment; compiled here, once.
unsafe fn store(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { copy::<Store>(from, to, len) }
}

/// Copies `len` bytes by what the processor is best at.
///
/// # Safety
///
/// As for [`copy_value`], for values that are `len` bytes in all.
#[inline(always)]
unsafe fn copy<D: Direction>(from: *const u8, to: *mut u8, len: usize) {
    if len < IN_LINE {
        // SAFETY: the caller's promise.
        return unsafe { copy_short::<D>(from, to, len) };
    }
    let has = HAS.load(Relaxed);
    if len < STRING && has & AVX_512 != 0 {
        // SAFETY: the caller's promise; the processor has AVX-512.
        unsafe { copy_512::<D>(from, to, len) }
    } else if has == 0 {
        // SAFETY: the caller's promise.
        unsafe { copy_asking::<D>(from, to, len) }
    } else if len >= STRING && has & STRINGS != 0 && suits_strings(from, to, len) {
        // SAFETY: the caller's promise; all is aligned to 8.
        unsafe { copy_string::<D>(from, to, len) }
    } else if has & AVX_512 != 0 {
        // SAFETY: the caller's promise; the processor has AVX-512.
        unsafe { copy_512::<D>(from, to, len) }
    } else if has & AVX != 0 {
        // SAFETY: the caller's promise; the processor has AVX.
        unsafe { copy_256::<D>(from, to, len) }
    } else {
        // SAFETY: the caller's promise; every x86-64 processor has SSE2.
        unsafe { copy_128::<D>(from, to, len) }
    }
}

/// What the processor has, of the four below; 0 until it was asked.
static HAS: AtomicU8 = AtomicU8::new(0);
/// It was asked.
const ASKED: u8 = 1;
/// `rep movsq` is fast.
const STRINGS: u8 = 2;
/// There is AVX.
const AVX: u8 = 4;
/// There is AVX-512, and using it does not lower the clock, as it did in the first processors that had it.
const AVX_512: u8 = 8;

/// [`copy`], the first time.
///
/// # Safety
///
/// As for [`copy`].
#[cold]
#[inline(never)]
unsafe fn copy_asking<D: Direction>(from: *const u8, to: *mut u8, len: usize) {
    let mut has = ASKED;
    if is_x86_feature_detected!("ermsb") {
        has |= STRINGS;
    }
    if is_x86_feature_detected!("avx") {
        has |= AVX;
    }
    if is_x86_feature_detected!("avx512vbmi2") {
        has |= AVX_512;
    }
    HAS.store(has, Relaxed);
    let copy = if D::LOADS { load } else { store };
    // SAFETY: the caller's promise.
    unsafe { copy(from, to, len) }
}

/// Whether `rep movsq` can take these, and will be fast.
fn suits_strings(from: *const u8, to: *mut u8, len: usize) -> bool {
    // What is read next has the page offset of what was written last. Beyond the caches that takes strings
    // long.
    let close = (1..64).contains(&(to.addr().wrapping_sub(from.addr()) % 4096));
    (from.addr() | to.addr() | len).is_multiple_of(8) && !(len >= CACHED && close)
}

macro_rules! by_vectors {
    (
        $(#[$doc:meta])* $name:ident, $width:literal, $mov:literal,
        $first:tt, [$($register:tt $i:literal),*], $end:literal
    ) => {
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// As for [`copy`]; and the processor has the instructions.
        #[inline(never)]
        unsafe fn $name<D: Direction>(from: *const u8, to: *mut u8, len: usize) {
            let mut at = 0;
            // Vectors that are stored across cache lines are slow, which a longer copy makes up for.
            if len > 1024 {
                at = to.addr().wrapping_neg() % $width;
                // SAFETY: the first bytes of those that the caller vouches for.
                unsafe { copy_short::<D>(from, to, at) };
            }
            // Everything is loaded before anything is stored: a load may wait for a store to the same offset
            // in a page.
            while len - at >= 8 * $width {
                // SAFETY: as many bytes are left. For the copy as such, see the head of this file.
                unsafe {
                    asm!(
                        $(concat!($mov, " ", $register, ", [{from} + {at} + ", $i, " * ", $width, "]"),)*
                        $(concat!($mov, " [{to} + {at} + ", $i, " * ", $width, "], ", $register),)*
                        from = in(reg) from, to = in(reg) to, at = in(reg) at, $(out($register) _,)*
                        options(nostack, preserves_flags),
                    )
                };
                at += 8 * $width;
            }
            while len - at >= $width {
                // SAFETY: as many bytes are left. For the copy as such, see the head of this file.
                unsafe {
                    asm!(
                        concat!($mov, " ", $first, ", [{from} + {at}]"),
                        concat!($mov, " [{to} + {at}], ", $first),
                        from = in(reg) from, to = in(reg) to, at = in(reg) at, out($first) _,
                        options(nostack, preserves_flags),
                    )
                };
                at += $width;
            }
            // SAFETY: touches nothing but registers that are declared.
            unsafe { asm!($end, clobber_abi("sysv64"), options(nomem, nostack, preserves_flags)) };
            if at < len {
                // SAFETY: within what the caller vouches for.
                let (from, to) = unsafe { (from.add(at), to.add(at)) };
                // SAFETY: what is left of the caller's promise.
                unsafe { copy_short::<D>(from, to, (len - at) % $width) }
            }
        }
    };
}
by_vectors! {
    /// Copies `len` bytes through SSE registers.
    copy_128, 16, "movdqu",
    "xmm0", ["xmm0" 0, "xmm1" 1, "xmm2" 2, "xmm3" 3, "xmm4" 4, "xmm5" 5, "xmm6" 6, "xmm7" 7], ""
}
by_vectors! {
    /// Copies `len` bytes through AVX registers. Their upper halves are cleared behind it, or SSE code would
    /// be slow.
    copy_256, 32, "vmovdqu",
    "ymm0", ["ymm0" 0, "ymm1" 1, "ymm2" 2, "ymm3" 3, "ymm4" 4, "ymm5" 5, "ymm6" 6, "ymm7" 7], "vzeroupper"
}
by_vectors! {
    /// Copies `len` bytes through AVX-512 registers, those that SSE code does not know and so is not slowed
    /// by.
    copy_512, 64, "vmovdqu64",
    "zmm16", ["zmm16" 0, "zmm17" 1, "zmm18" 2, "zmm19" 3, "zmm20" 4, "zmm21" 5, "zmm22" 6, "zmm23" 7], ""
}

/// Copies `len` bytes by `rep movsq`.
///
/// # Safety
///
/// As for [`copy`]; both sides and `len` are multiples of 8, and `len` is at least 64.
#[inline(never)]
unsafe fn copy_string<D: Direction>(from: *const u8, to: *mut u8, len: usize) {
    // Fastest if the destination begins with a cache line.
    let head = to.addr().wrapping_neg() % 64;
    // SAFETY: the first bytes of those that the caller vouches for.
    unsafe { copy_short::<D>(from, to, head) };
    // SAFETY: within what the caller vouches for.
    let (from, to) = unsafe { (from.add(head), to.add(head)) };
    // SAFETY: the rest, still aligned to 8. For the copy as such, see the head of this file. The direction
    // flag is clear, as Rust wants it.
    unsafe {
        asm!(
            "rep movsq",
            inout("rsi") from => _, inout("rdi") to => _, inout("rcx") (len - head) / 8 => _,
            options(nostack, preserves_flags),
        )
    }
}
