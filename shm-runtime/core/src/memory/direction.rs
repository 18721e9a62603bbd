//! Which way a value is copied, and how each of its scalars is.

use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Which way a copy goes, and so which side of it is in the segment. Sealed: `Load` and `Store`.
///
/// Each method copies one scalar. The side in the segment is accessed by one relaxed atomic access of the
/// scalar's width, the other side by a plain one.
///
/// # Safety
///
/// Of every method:
///
/// - `from` is readable and `to` writable for the width, and both are aligned to it.
/// - What is read is initialised.
/// - While this process writes to the side in the segment, it accesses that side only by atomics of that width.
/// - The other side is private: no other thread accesses it meanwhile.
#[allow(clippy::missing_safety_doc)] // stated once, above
pub unsafe trait Direction: private::Sealed {
    /// Whether the segment is what is read.
    const LOADS: bool;

    /// A scalar of 8 bits.
    unsafe fn copy_8(from: *const u8, to: *mut u8);
    /// A scalar of 16 bits.
    unsafe fn copy_16(from: *const u16, to: *mut u16);
    /// A scalar of 32 bits.
    unsafe fn copy_32(from: *const u32, to: *mut u32);
    /// A scalar of 64 bits.
    unsafe fn copy_64(from: *const u64, to: *mut u64);
    /// As `copy_8`; a byte that is read from the segment becomes 0 or 1.
    unsafe fn copy_bool(from: *const u8, to: *mut u8);
}

/// From the segment to private memory.
#[derive(Debug)]
pub(crate) enum Load {}

/// From private memory to the segment.
#[derive(Debug)]
pub(crate) enum Store {}

macro_rules! by_width {
    ($($copy:ident: $int:ty, $atomic:ty;)*) => {
        // SAFETY: every method does what the trait says.
        unsafe impl Direction for Load {
            const LOADS: bool = true;
        $(
            #[inline(always)]
            unsafe fn $copy(from: *const $int, to: *mut $int) {
                // SAFETY: `from` is readable for the width, so neither null nor dangling, and aligned to it by the
                // caller; the memory has an atomic's `UnsafeCell` around it for as long as the reference lives, so it
                // may change. It is changed by atomics only, here as in any process that the hardware lets do it. A
                // relaxed load of up to 8 bytes is allowed on pages that are mapped read-only (`core::sync::atomic`,
                // "Atomic accesses to read-only memory"): hence a reference, where `from_ptr` would ask for writable
                // memory.
                let value = unsafe { &*from.cast::<$atomic>() }.load(Relaxed);
                // SAFETY: `to` is writable for the width and aligned to it by the caller; it is private, so that a
                // plain write does not race.
                unsafe { to.write(value) }
            }
        )*
            #[inline(always)]
            unsafe fn copy_bool(from: *const u8, to: *mut u8) {
                let mut byte = 0;
                // SAFETY: `from` is readable for a byte by the caller. `byte` is a local variable: writable, aligned
                // and private.
                unsafe { Self::copy_8(from, &raw mut byte) };
                // SAFETY: `to` is writable for a byte by the caller, and private, so that a plain write does not
                // race. A byte is always aligned.
                unsafe { to.write(u8::from(byte != 0)) }
            }
        }
        // SAFETY: every method does what the trait says.
        unsafe impl Direction for Store {
            const LOADS: bool = false;
        $(
            #[inline(always)]
            unsafe fn $copy(from: *const $int, to: *mut $int) {
                // SAFETY: `from` is readable for the width, aligned to it and initialised by the caller; it is
                // private, so that a plain read does not race.
                let value = unsafe { from.read() };
                // SAFETY: as `from_ptr` asks: `to` is aligned to the width by the caller, which is the atomic's
                // alignment. It is writable, and what is mapped writable is readable too: shmat(2) knows no
                // write-only segments. It is accessed by atomics only, which is the "Memory model for atomic
                // accesses" of `core::sync::atomic`.
                unsafe { <$atomic>::from_ptr(to) }.store(value, Relaxed);
            }
        )*
            #[inline(always)]
            unsafe fn copy_bool(from: *const u8, to: *mut u8) {
                // SAFETY: `copy_8` asks the same of the same byte: `from` readable, initialised and private, `to`
                // writable.
                unsafe { Self::copy_8(from, to) }
            }
        }
    };
}
by_width! {
    copy_8: u8, AtomicU8;
    copy_16: u16, AtomicU16;
    copy_32: u32, AtomicU32;
    copy_64: u64, AtomicU64;
}

mod private {
    pub trait Sealed {}
    impl Sealed for super::Load {}
    impl Sealed for super::Store {}
}
