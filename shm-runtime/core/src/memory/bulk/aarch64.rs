//! Copies of bytes by vector instructions of 64-bit Arm.
//!
//! # Why this is sound
//!
//! As for `x86_64`: other threads and processes write to the segment meanwhile, so each block of assembly here has to be
//! equivalent to relaxed atomic accesses of one scalar each, in some order. It is, because nothing cuts a scalar in two.
//! Here the manual promises all of it ("Requirements for single-copy atomicity" in part B2 of the Arm Architecture
//! Reference Manual for A-profile):
//!
//! - `ld1` and `st1` are reads and writes of elements, and if each element has 64 bits or less and is aligned to its size,
//!   **each element is single-copy atomic**. The elements are as large as the largest scalar of what is copied. Both sides
//!   begin at a multiple of that, and so does every element and every scalar; smaller scalars are within one element.
//! - What is left, less than 16 bytes, is moved by one element of a vector, or one register, at a time: aligned loads and
//!   stores of one register are single-copy atomic.
//!
//! The wider moves (`ldp` of two vectors) are promised to be whole in pieces of 8 bytes only where they are aligned to 8, which
//! both sides of a copy of smaller scalars cannot always be. So there is one instruction for each size of element; and the
//! loop is the same for all. (`ldp` of two general registers is promised to be whole in each, and moves a quarter as much.)
//!
//! Nor is a scalar stored twice, as it would be by a last vector that overlaps the one before: another process that saw the
//! first store and wrote something else would find it undone by the second.
//!
//! # Order
//!
//! None among the scalars, as among relaxed accesses; and Arm's processors make use of that. What orders a copy stands
//! outside it, and orders loads and stores of vectors as any others: a `fence(Release)` is a `dmb ish`, a `fence(Acquire)` a
//! `dmb ishld`, after which no later access, and no earlier load, is on the wrong side; a store with `Release` is an `stlr`,
//! which comes after all accesses before it. To the compiler an assembly block that may access memory is on the same side
//! of a fence as where it is written.
//!
//! # What it is worth
//!
//! Relaxed atomics are not put together, nor is their loop unrolled: it has four instructions for each scalar. So for 64
//! bytes it has 32 instructions with scalars of 8 bytes, 64 with 4, 128 with 2 and 256 with 1. The loop here has four, whatever
//! the scalars (rustc 1.96, `opt-level = 3`).

use core::arch::asm;

use crate::memory::direction::Direction;

/// Up to this many bytes are copied in line where the size is known, as compilers do with memcpy.
const IN_LINE: usize = 128;

/// Bytes in four vectors.
const BLOCK: usize = 64;

/// Copies a value as bytes.
///
/// # Safety
///
/// As for [`Direction`], for a `T` on each side that may be copied as bytes.
#[inline(always)]
pub(super) unsafe fn copy_value<T, D: Direction>(from: *const T, to: *mut T) {
    if const { size_of::<T>() <= IN_LINE } {
        let (from, to, len) = (from.cast(), to.cast(), size_of::<T>());
        // SAFETY: both sides are readable or writable for the bytes of a `T`, and aligned to it, initialised and private as
        // the caller says. No scalar is larger than its `T`'s alignment, or 8.
        unsafe {
            match align_of::<T>() {
                1 => bytes(from, to, len),
                2 => halves(from, to, len),
                4 => words(from, to, len),
                _ => doubles(from, to, len),
            }
        }
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
    // Which side is in the segment makes no difference: both are accessed by the same instructions.
    let copy = const {
        match align_of::<T>() {
            1 => many_bytes as unsafe fn(*const u8, *mut u8, usize),
            2 => many_halves,
            4 => many_words,
            _ => many_doubles,
        }
    };
    // SAFETY: `len` values lie one after the other (Reference, "Type layout", "Slice layout"), so they are
    // `len * size_of::<T>()` bytes in all: readable or writable, aligned, initialised and private as the caller says. No
    // scalar is larger than its `T`'s alignment, or 8.
    unsafe { copy(from.cast(), to.cast(), len * size_of::<T>()) }
}

/// Moves what the first operands name from one side to the other, and both sides past it.
macro_rules! move_vectors {
    ($vectors:literal, $bytes:literal, $from:ident $to:ident $($register:tt)*) => {
        // SAFETY: where it is used, so many bytes are left of those that are readable or writable by the caller. Each
        // element is aligned to its size, and so single-copy atomic: see the head of this file. `from` and `to` are moved to
        // the end of those bytes at most.
        unsafe {
            asm!(
                concat!("ld1 {{", $vectors, "}}, [{from}], #", $bytes),
                concat!("st1 {{", $vectors, "}}, [{to}], #", $bytes),
                from = inout(reg) $from, to = inout(reg) $to, $(out($register) _,)*
                options(nostack, preserves_flags),
            )
        }
    };
}

/// The same by one general register.
macro_rules! move_one {
    ($load:literal $store:literal $register:literal, $bytes:literal, $from:ident $to:ident) => {
        // SAFETY: as for vectors: so many bytes are left, and both sides are aligned to them.
        unsafe {
            asm!(
                concat!($load, " {value", $register, "}, [{from}], #", $bytes),
                concat!($store, " {value", $register, "}, [{to}], #", $bytes),
                from = inout(reg) $from, to = inout(reg) $to, value = out(reg) _,
                options(nostack, preserves_flags),
            )
        }
    };
}

macro_rules! by_elements {
    ($name:ident $many:ident, $width:literal $four:literal $two:literal $one:literal $half:literal, $($last:tt)*) => {
        #[doc = concat!("Copies `len` bytes by elements of ", $width, ".")]
        ///
        /// # Safety
        ///
        /// As for [`Direction`], for `len` bytes on each side, in either direction; and `from`, `to` and `len` are multiples of
        /// the width, and no scalar is larger than that.
        #[inline(always)]
        unsafe fn $name(mut from: *const u8, mut to: *mut u8, len: usize) {
            for _ in 0..len / BLOCK {
                move_vectors!($four, 64, from to "v0" "v1" "v2" "v3");
            }
            if len & 32 != 0 {
                move_vectors!($two, 32, from to "v0" "v1");
            }
            if len & 16 != 0 {
                move_vectors!($one, 16, from to "v0");
            }
            if len & 8 != 0 {
                move_vectors!($half, 8, from to "v0");
            }
            for _ in 0..len % 8 / $width {
                move_one!($($last)*, $width, from to);
            }
            let _ = (from, to);
        }

        /// The same, compiled here, once.
        ///
        /// # Safety
        ///
        /// The same.
        unsafe fn $many(from: *const u8, to: *mut u8, len: usize) {
            // SAFETY: asks for what the caller says.
            unsafe { $name(from, to, len) }
        }
    };
}
by_elements! {
    doubles many_doubles, 8 "v0.2d, v1.2d, v2.2d, v3.2d" "v0.2d, v1.2d" "v0.2d" "v0.1d", "ldr" "str" ""
}
by_elements! {
    words many_words, 4 "v0.4s, v1.4s, v2.4s, v3.4s" "v0.4s, v1.4s" "v0.4s" "v0.2s", "ldr" "str" ":w"
}
by_elements! {
    halves many_halves, 2 "v0.8h, v1.8h, v2.8h, v3.8h" "v0.8h, v1.8h" "v0.8h" "v0.4h", "ldrh" "strh" ":w"
}
by_elements! {
    bytes many_bytes, 1 "v0.16b, v1.16b, v2.16b, v3.16b" "v0.16b, v1.16b" "v0.16b" "v0.8b", "ldrb" "strb" ":w"
}
