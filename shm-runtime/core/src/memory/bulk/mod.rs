//! Copies between a segment and private memory.
//!
//! What they do is defined scalar by scalar: each is read or written by one relaxed atomic access of its own
//! width, [`Direction`] says how. That is also how they do it, but for long runs of bytes on a processor
//! where vector instructions are known to do the same (`x86_64`).

use crate::memory::direction::{Direction, Load, Store};
use crate::memory::layout::{Kind, Layout, Scalar};
use crate::memory::shareable::Shareable;
use crate::memory::structure::Declared;

// Miri runs no assembly.
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod x86_64;

#[cfg(test)]
mod tests;

/// Whether to copy the bytes of a value in this direction is to copy its scalars.
///
/// A load may take padding along. A store may not: what is in it is private, and may be uninitialised. A
/// `bool` is only brought to 0 or 1 when it is loaded.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const fn is_bytes<T: Shareable, D: Direction>() -> bool {
    if D::LOADS {
        Declared::of::<T>().verbatim
    } else {
        Declared::of::<T>().scalar_bytes == Declared::of::<T>().size
    }
}

/// Whether there is nothing but `bool` in it.
const fn is_bools(mut layout: &Layout) -> bool {
    while let Kind::Array { of, .. } = layout.kind {
        layout = of;
    }
    matches!(layout.kind, Kind::Scalar(Scalar::Bool) | Kind::Atomic(Scalar::Bool))
}

/// Whether vectors are worth their while. Up to four scalars do better one by one, in registers.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const fn is_long(layout: &Layout) -> bool {
    let largest = if layout.align < 8 { layout.align } else { 8 };
    layout.size > 4 * largest
}

/// Copies a value.
///
/// # Safety
///
/// As for [`Direction`], for a `T` on each side.
#[inline(always)]
pub(crate) unsafe fn copy<T: Shareable, D: Direction>(from: *const T, to: *mut T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if const { is_bytes::<T, D>() && is_long(Declared::of::<T>()) } {
        // SAFETY: the caller's promise; `is_bytes` holds.
        return unsafe { x86_64::copy_value::<T, D>(from, to) };
    }
    // SAFETY: the caller's promise.
    unsafe { T::__copy::<D>(from, to) }
}

/// Stores a value.
///
/// # Safety
///
/// As for [`Direction`], where `to` is in a segment.
#[inline(always)]
pub(crate) unsafe fn store<T: Shareable>(value: T, to: *mut T) {
    // A value that is passed on is copied if anything but that may happen to it. So the choice is between two
    // functions, and not what happens here.
    let store = const {
        if size_of::<T>() > 128 { store_large::<T> as unsafe fn(T, *mut T) } else { store_small::<T> }
    };
    // SAFETY: the caller's promise.
    unsafe { store(value, to) }
}

/// [`store`], where the call costs less than a copy would.
#[inline(never)]
unsafe fn store_large<T: Shareable>(value: T, to: *mut T) {
    // SAFETY: the caller's promise; `value` is private.
    unsafe { copy::<T, Store>(&raw const value, to) }
}

/// [`store`], where the value is better kept in registers.
#[inline(always)]
unsafe fn store_small<T: Shareable>(value: T, to: *mut T) {
    // SAFETY: the caller's promise; `value` is private.
    unsafe { copy::<T, Store>(&raw const value, to) }
}

/// Copies an array: what [`Shareable::copy`] is for one.
///
/// # Safety
///
/// As for [`Direction`], for an array on each side.
#[inline(always)]
pub(crate) unsafe fn copy_array<T: Shareable, D: Direction, const N: usize>(
    from: *const [T; N],
    to: *mut [T; N],
) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if const { is_bytes::<T, D>() && is_long(Declared::of::<[T; N]>()) } {
        // SAFETY: the caller's promise; `is_bytes` holds.
        return unsafe { x86_64::copy_value::<[T; N], D>(from, to) };
    }
    // SAFETY: the caller's promise; an array is its elements.
    unsafe { copy_each::<T, D>(from.cast(), to.cast(), N) }
}

/// Copies `len` values that lie one after the other.
///
/// # Safety
///
/// As for [`Direction`], for `len` values of `T` on each side.
#[inline]
pub(crate) unsafe fn copy_slice<T: Shareable, D: Direction>(from: *const T, to: *mut T, len: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if const { is_bytes::<T, D>() } {
        // SAFETY: the caller's promise; `is_bytes` holds.
        return unsafe { x86_64::copy_slice::<T, D>(from, to, len) };
    }
    // SAFETY: the caller's promise.
    unsafe { copy_each::<T, D>(from, to, len) }
}

/// Copies `len` values one by one; but `bool`s, which [`copy_slice`] cannot take as bytes, in blocks.
///
/// # Safety
///
/// As for [`Direction`], for `len` values of `T` on each side.
#[inline(always)]
unsafe fn copy_each<T: Shareable, D: Direction>(from: *const T, to: *mut T, len: usize) {
    if const { D::LOADS && is_bools(Declared::of::<T>()) } {
        // SAFETY: the caller's promise; a `bool` is a byte.
        return unsafe { load_bools(from.cast(), to.cast(), len * size_of::<T>()) };
    }
    for i in 0..len {
        // SAFETY: `i` is within the `len` values that the caller vouches for.
        unsafe { copy::<T, D>(from.add(i), to.add(i)) }
    }
}

/// Loads `len` bytes and brings each to 0 or 1.
///
/// # Safety
///
/// As for [`Direction`], for `len` bytes on each side.
unsafe fn load_bools(from: *const u8, to: *mut u8, len: usize) {
    // So small that a block is still in the first cache when it is gone through a second time.
    const BLOCK: usize = 4096;
    for start in (0..len).step_by(BLOCK) {
        let block = BLOCK.min(len - start);
        // SAFETY: `start` is within the `len` bytes that the caller vouches for.
        let (from, to) = unsafe { (from.add(start), to.add(start)) };
        // SAFETY: as many bytes are left.
        unsafe { copy_slice::<u8, Load>(from, to, block) };
        // SAFETY: just written, and private.
        let bytes = unsafe { core::slice::from_raw_parts_mut(to, block) };
        for byte in bytes {
            *byte = u8::from(*byte != 0);
        }
    }
}
