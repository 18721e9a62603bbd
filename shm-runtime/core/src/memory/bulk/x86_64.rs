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
//!   relies on when it copies a `long[]` by vectors, and what `tests/tests/tearing.rs` looks at.
//! - **`rep movsq` does not**: it is a sequence of 8-byte moves, here all of them aligned, so each is
//!   guaranteed to be whole. A processor may take several at once and in any order, as it may relaxed
//!   accesses, but they are ordered before any later store. (`rep movsb` is a sequence of moves of a byte,
//!   and promises nothing about words.)
//! - **`movntdq` does not**: it stores an aligned vector past the caches, which the hardware may combine with its
//!   neighbours, but not cut. Such stores may overtake others, as relaxed ones may; but the processor's other
//!   stores are ordered, and code that is compiled to them counts on it. So there is an `sfence` on either side.
//!
//! Nor is a scalar stored twice, as it would be by a last vector that overlaps the one before: another
//! process that saw the first store and wrote something else would find it undone by the second.
//!
//! # Order
//!
//! None among the scalars, as among relaxed accesses. What orders a copy stands outside it, and counts on two rules of the
//! processor, by which `fence(Acquire)`, `fence(Release)` and a store with `Release` need no instruction. No later access is
//! done before a load: this holds for vectors and for what `rep movsq` loads as for any load. And no store is done before an
//! earlier one: this holds for vectors, and for `rep movsq` as a whole; `movntdq` is the exception, with its `sfence`. To the
//! compiler an assembly block that may access memory is on the same side of a fence as where it is written.

use core::arch::asm;
use core::arch::x86_64::{__cpuid_count, CpuidResult};
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

use self::short::copy_short;
use self::vectors::{copy_128, copy_256, copy_512, copy_halves, copy_stream};
use crate::memory::direction::{Direction, Load, Store};

mod short;
#[cfg(test)]
mod tests;
mod vectors;

/// Up to this many bytes are copied in line where the size is known, as compilers do with memcpy.
const IN_LINE: usize = 128;

/// Bytes in a cache line, and in the widest vector.
const LINE: usize = 64;

/// Up to this many bytes, choosing how to copy takes a noticeable part of the time.
const LONG: usize = 512;

/// From here on both sides together are more than the first cache holds.
const STRING: usize = 32 << 10;

/// From here on the two are more than a core's own caches hold.
const CACHED: usize = 2 << 20;

/// From here on the two are as much as most last caches hold, or more.
const STREAM: usize = 12 << 20;

/// Copies a value as bytes.
///
/// # Safety
///
/// As for [`Direction`], for a `T` on each side that may be copied as bytes.
#[inline(always)]
pub(super) unsafe fn copy_value<T, D: Direction>(from: *const T, to: *mut T) {
    if const { size_of::<T>() <= IN_LINE } {
        // SAFETY: both sides are readable or writable for the bytes of a `T`, of which there are `IN_LINE` at most,
        // and so less than 256. Alignment, initialisation and privacy are those of the `T`.
        unsafe { copy_short::<D>(from.cast(), to.cast(), size_of::<T>()) }
    } else {
        // SAFETY: one `T` on each side is a slice of length 1: the same bytes, aligned, initialised and private as
        // the caller says.
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
    // SAFETY: `len` values lie one after the other (Reference, "Type layout", "Slice layout"), so they are
    // `len * size_of::<T>()` bytes in all: readable or writable, aligned, initialised and private as the caller says.
    unsafe { copy(from.cast(), to.cast(), len * size_of::<T>()) }
}

/// [`copy`] from a segment; compiled here, once.
///
/// # Safety
///
/// As for [`copy`].
unsafe fn load(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: `copy` asks for just what the caller says, of the same bytes.
    unsafe { copy::<Load>(from, to, len) }
}

/// [`copy`] to a segment; compiled here, once.
///
/// # Safety
///
/// As for [`copy`].
unsafe fn store(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: `copy` asks for just what the caller says, of the same bytes.
    unsafe { copy::<Store>(from, to, len) }
}

/// Copies `len` bytes by what the processor is best at.
///
/// # Safety
///
/// As for [`copy_value`], for values that are `len` bytes in all.
#[inline(always)]
unsafe fn copy<D: Direction>(from: *const u8, to: *mut u8, len: usize) {
    // What is marked as cold is not rare. It is compiled out of the way of copies of 64 to 512 bytes, whose time a
    // few jumps would be a tenth of.
    if len < LINE {
        cold_path();
        // SAFETY: `len` is less than `LINE`, and so than 256. The rest is the contract of this function, for the same
        // bytes.
        unsafe { copy_short::<D>(from, to, len) }
    } else if len > LONG {
        cold_path();
        // SAFETY: `len` is more than `LONG`, and so at least `LINE`. The rest is the contract of this function, for
        // the same bytes.
        unsafe { copy_long::<D>(from, to, len) }
    } else {
        let has = HAS.load(Relaxed);
        if has & AVX_512 != 0 {
            // SAFETY: `len` is at least `LINE`, and `ask` has found AVX-512. The rest is the contract of this
            // function, for the same bytes.
            return unsafe { copy_512::<D>(from, to, len) };
        }
        cold_path();
        if has & AVX != 0 {
            // SAFETY: `len` is at least `LINE`, and `ask` has found AVX. The rest is the contract of this function,
            // for the same bytes.
            return unsafe { copy_256::<D>(from, to, len) };
        }
        cold_path();
        // SAFETY: `len` is at least `LINE`. The rest is the contract of this function, for the same bytes.
        unsafe { copy_long::<D>(from, to, len) }
    }
}

/// [`copy`] where there is time to choose, or nothing is known yet to choose by.
///
/// # Safety
///
/// As for [`copy`]; `len` is at least [`LINE`].
#[inline(never)]
unsafe fn copy_long<D: Direction>(from: *const u8, to: *mut u8, len: usize) {
    let has = match HAS.load(Relaxed) {
        0 => ask(),
        has => has,
    };
    if len >= STRING && has & STRINGS != 0 && suits_strings(from, to, len) {
        // SAFETY: `suits_strings` has found both sides and `len` to be multiples of 8, and `len` is at least
        // `STRING`, and so `LINE`. The rest is the contract of this function, as it is in the branches below.
        unsafe { copy_string::<D>(from, to, len) }
    } else if len >= STREAM {
        // SAFETY: `len` is at least `STREAM`, and so `LINE`.
        unsafe { copy_stream::<D>(from, to, len) }
    } else if has & WIDE != 0 {
        // SAFETY: `len` is at least `LINE` by the caller, and `ask` has found AVX-512.
        unsafe { copy_512::<D>(from, to, len) }
    } else if has & AVX_512 != 0 {
        // SAFETY: `len` is at least `LINE` by the caller, and `ask` has found AVX-512, with its vectors of 32 bytes.
        unsafe { copy_halves::<D>(from, to, len) }
    } else if has & AVX != 0 {
        // SAFETY: `len` is at least `LINE` by the caller, and `ask` has found AVX.
        unsafe { copy_256::<D>(from, to, len) }
    } else {
        // SAFETY: `len` is at least `LINE` by the caller, and every x86-64 processor has SSE2.
        unsafe { copy_128::<D>(from, to, len) }
    }
}

/// Copies what is written before the first multiple of `width`, and returns what is left.
///
/// # Safety
///
/// As for [`copy`]; `len` is at least `width`, and that a power of two, at most [`LINE`].
#[inline(always)]
unsafe fn align<D: Direction>(
    from: *const u8,
    to: *mut u8,
    len: usize,
    width: usize,
) -> (*const u8, *mut u8, usize) {
    let head = to.addr().wrapping_neg() % width;
    // SAFETY: `head` is less than `width`, and so than both `len` and 256: the bytes are the first of those that are
    // readable or writable by the caller. They end between scalars: `to` is a multiple of the largest scalar's size,
    // and so is `width`.
    unsafe { copy_short::<D>(from, to, head) };
    // SAFETY: `head` is less than `len`, so both places are within the memory that is readable or writable by the
    // caller, one allocation on each side.
    unsafe { (from.add(head), to.add(head), len - head) }
}

/// What the processor has, of the five below; 0 until it was asked.
static HAS: AtomicU8 = AtomicU8::new(0);
/// It was asked.
const ASKED: u8 = 1;
/// `rep movsq` is faster than vectors, because it does not fetch what it is going to overwrite.
const STRINGS: u8 = 2;
/// There is AVX.
const AVX: u8 = 4;
/// There is AVX-512, and using it does not lower the clock, as it did in the first processors that had it.
const AVX_512: u8 = 8;
/// With it, vectors of 64 bytes are the fastest, because they are not carried out in halves.
const WIDE: u8 = 16;

/// What comes after a call of this is compiled out of the way: `core::hint::cold_path`, which came with Rust 1.95. To the
/// compiler, what calls a cold function is cold too, and an empty one leaves no instruction.
#[cold]
#[inline(always)]
fn cold_path() {}

/// Asks the processor.
#[cold]
fn ask() -> u8 {
    let mut has = ASKED;
    // AMD's say that they have fast strings, but those are slow where the source has almost the same offset in a
    // page as the destination, and nowhere faster than vectors.
    if is_x86_feature_detected!("ermsb") && cpuid(0, 0).ebx != u32::from_le_bytes(*b"Auth") {
        has |= STRINGS;
    }
    if is_x86_feature_detected!("avx") {
        has |= AVX;
    }
    if is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512vbmi2") {
        has |= AVX_512;
        // Not what is asked for, but it came with them: Zen 4 has neither, Zen 5 and Sapphire Rapids have both. It is
        // AVX-VNNI, whose name `is_x86_feature_detected` takes since Rust 1.89. The features above are of leaf 7, too.
        if cpuid(7, 1).eax & 1 << 4 != 0 {
            has |= WIDE;
        }
    }
    HAS.store(has, Relaxed);
    has
}

/// What the processor says of itself. If it does not have the leaf, that means nothing; if only the part of it, zeros.
#[allow(unused_unsafe, reason = "newer compilers take this for safe")]
fn cpuid(leaf: u32, part: u32) -> CpuidResult {
    // SAFETY: every x86-64 processor has the instruction.
    unsafe { __cpuid_count(leaf, part) }
}

/// Whether `rep movsq` can take these, and will be fast.
fn suits_strings(from: *const u8, to: *mut u8, len: usize) -> bool {
    // What is read next has the page offset of what was written last. Beyond the caches that takes strings
    // long.
    let close = (1..64).contains(&(to.addr().wrapping_sub(from.addr()) % 4096));
    (from.addr() | to.addr() | len) % 8 == 0 && !(len >= CACHED && close)
}

/// Copies `len` bytes by `rep movsq`.
///
/// # Safety
///
/// As for [`copy`]; both sides and `len` are multiples of 8, and `len` is at least [`LINE`].
unsafe fn copy_string<D: Direction>(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: `len` is at least `LINE` by the caller, which is the width; the other parts are the same. Fastest if
    // the destination begins with a cache line.
    let (from, to, len) = unsafe { align::<D>(from, to, len, LINE) };
    // SAFETY: `align` returned the `len` bytes that are left, readable or writable as before. They are a multiple of
    // 8, as all was and the head is, so the moves end with them; both sides are aligned to 8, so each move is whole:
    // Intel SDM vol. 3A, "Guaranteed Atomic Operations"; AMD APM vol. 2, "Access Atomicity". See also the head of
    // this file. The direction flag is clear on entry (Reference, "Inline assembly").
    unsafe {
        asm!(
            "rep movsq",
            inout("rsi") from => _, inout("rdi") to => _, inout("rcx") len / 8 => _,
            options(nostack, preserves_flags),
        )
    }
}
