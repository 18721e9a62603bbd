//! Copies between a segment and private memory.
//!
//! What they do is defined scalar by scalar: each is read or written by one relaxed atomic access of its own
//! width, [`Direction`] says how. That is also how they do it, but for long runs of bytes on a processor
//! where vector instructions are known to do the same (`x86_64`, `aarch64`).

use crate::memory::direction::{Direction, Load, Store};
use crate::memory::layout::{Kind, Layout, Scalar};
use crate::memory::shareable::Shareable;
use crate::memory::structure::Declared;

// Miri runs no assembly.
#[cfg(all(target_arch = "aarch64", not(miri)))]
mod aarch64;
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod x86_64;

#[cfg(all(target_arch = "aarch64", not(miri)))]
use aarch64 as vector;
#[cfg(all(target_arch = "x86_64", not(miri)))]
use x86_64 as vector;

#[cfg(test)]
mod tests;

/// Whether to copy the bytes of a value in this direction is to copy its scalars.
///
/// A load may take padding along. A store may not: what is in it is private, and may be uninitialised. A
/// `bool` is only brought to 0 or 1 when it is loaded.
#[cfg(all(any(target_arch = "aarch64", target_arch = "x86_64"), not(miri)))]
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
#[cfg(all(any(target_arch = "aarch64", target_arch = "x86_64"), not(miri)))]
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
    #[cfg(all(any(target_arch = "aarch64", target_arch = "x86_64"), not(miri)))]
    if const { is_bytes::<T, D>() && is_long(Declared::of::<T>()) } {
        // SAFETY: the same `T` on each side, readable or writable, aligned, and private where it is not in the
        // segment. By `is_bytes`, it may be copied as bytes: where it is the private side that is read, it has no
        // padding, so every byte is initialised.
        return unsafe { vector::copy_value::<T, D>(from, to) };
    }
    // SAFETY: `__copy` asks the same of the same two places: readable or writable for a `T`, aligned, and the private
    // side initialised where it is read.
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
    // SAFETY: both functions ask what this one does: `to` is in a segment, writable for a `T` and aligned.
    unsafe { store(value, to) }
}

/// [`store`], where the call costs less than a copy would.
///
/// # Safety
///
/// As for [`store`].
#[inline(never)]
unsafe fn store_large<T: Shareable>(value: T, to: *mut T) {
    // SAFETY: `from` is a parameter: readable, aligned, initialised, and private to this call. `to` is writable and
    // aligned by the caller.
    unsafe { copy::<T, Store>(&raw const value, to) }
}

/// [`store`], where the value is better kept in registers.
///
/// # Safety
///
/// As for [`store`].
#[inline(always)]
unsafe fn store_small<T: Shareable>(value: T, to: *mut T) {
    // SAFETY: `from` is a parameter: readable, aligned, initialised, and private to this call. `to` is writable and
    // aligned by the caller.
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
    #[cfg(all(any(target_arch = "aarch64", target_arch = "x86_64"), not(miri)))]
    if const { is_bytes::<T, D>() && is_long(Declared::of::<[T; N]>()) } {
        // SAFETY: the same array on each side, readable or writable, aligned and private as the caller says. An array
        // has no padding but that of its elements, so `is_bytes` holds for it as for `T`.
        return unsafe { vector::copy_value::<[T; N], D>(from, to) };
    }
    // SAFETY: an array is `N` elements one after the other, aligned as each is (Reference, "Type layout", "Array
    // layout"): so `N` values are readable or writable, aligned, initialised and private, as the array is.
    unsafe { copy_each::<T, D>(from.cast(), to.cast(), N) }
}

/// Copies `len` values that lie one after the other.
///
/// # Safety
///
/// As for [`Direction`], for `len` values of `T` on each side.
#[inline]
pub(crate) unsafe fn copy_slice<T: Shareable, D: Direction>(from: *const T, to: *mut T, len: usize) {
    #[cfg(all(any(target_arch = "aarch64", target_arch = "x86_64"), not(miri)))]
    if const { is_bytes::<T, D>() } {
        // SAFETY: the same `len` values on each side, readable or writable, aligned and private as the caller says.
        // By `is_bytes` they may be copied as bytes: where it is the private side that is read, there is no padding,
        // so every byte is initialised.
        return unsafe { vector::copy_slice::<T, D>(from, to, len) };
    }
    // SAFETY: `copy_each` asks the same of the same `len` values.
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
        // SAFETY: a `bool` is one byte (Reference, "Boolean type"), and by `is_bools` there is nothing else in a `T`:
        // so `len` values are `len * size_of::<T>()` bytes, readable and writable by the caller, and aligned as any
        // byte is.
        return unsafe { load_bools(from.cast(), to.cast(), len * size_of::<T>()) };
    }
    for i in 0..len {
        // SAFETY: `i` is less than `len`: both places are within the values that are readable or writable by the
        // caller, a whole number of them from the first, so aligned as it is; and initialised and private as all of
        // them are.
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
        // SAFETY: `start` is less than `len`: both places are within the bytes that are readable or writable by the
        // caller.
        let (from, to) = unsafe { (from.add(start), to.add(start)) };
        // SAFETY: `block` is at most `len - start`, so all its bytes are among those of the caller: readable in the
        // segment, writable and private here, and aligned as any byte is.
        unsafe { copy_slice::<u8, Load>(from, to, block) };
        // SAFETY: just written, and private.
        let bytes = unsafe { core::slice::from_raw_parts_mut(to, block) };
        for byte in bytes {
            *byte = u8::from(*byte != 0);
        }
    }
}
