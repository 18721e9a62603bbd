//! Scalars in memory that other processes write, reached by their offset and their type, which is known at run time only.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64};

use crate::memory::access::Access;
use crate::memory::direction::{Direction, Load, Store};
use crate::memory::layout::Scalar;
use crate::memory::region::Region;
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::memory::tail::Whole;
use crate::memory::validity;

/// A stretch of memory that stays readable for `'a`, and writable if it says so.
///
/// Each access is checked here, against the bounds and the scalar's alignment: what is asked for may come from a text of
/// another process's.
#[derive(Clone, Copy)]
pub(crate) struct Span<'a> {
    base: NonNull<u8>,
    size: usize,
    writable: bool,
    mapped: PhantomData<&'a ()>,
}

// SAFETY: it offers atomic accesses only, to memory that belongs to no thread.
unsafe impl Send for Span<'_> {}
// SAFETY: as above.
unsafe impl Sync for Span<'_> {}

impl<'a> Span<'a> {
    /// # Safety
    ///
    /// For the lifetime, `size` bytes from `base` are readable, and writable too if it is `writable`. All that accesses
    /// them meanwhile, in this process, does so by atomics, of one width for each scalar.
    pub(crate) unsafe fn new(base: NonNull<u8>, size: usize, writable: bool) -> Self {
        Self { base, size, writable, mapped: PhantomData }
    }

    /// The first `size` bytes of a mapping, or all of it.
    ///
    /// # Safety
    ///
    /// All that accesses the region meanwhile, in this process, agrees on the width of each scalar.
    pub(crate) unsafe fn of_region(region: Region<'a>, size: usize) -> Self {
        // SAFETY: a region is mapped for `'a`, `writable` as it says, and accessed by atomics only (`Region::new`); the
        // caller says the rest.
        unsafe { Self::new(region.base(), size.min(region.size()), region.is_writable()) }
    }

    /// The memory of a value in a segment, to be read; through a write-only attachment there is nothing to be read.
    pub(crate) fn of_shared<T: Shareable, A: Access>(shared: &'a Shared<T, A>) -> Self {
        let size = if A::READS { size_of::<T>() } else { 0 };
        // SAFETY: the memory of a `Shared` is readable under an access that reads, as long as it is borrowed; it is accessed
        // by atomics of the widths that its layout says.
        unsafe { Self::new(NonNull::from(shared).cast(), size, false) }
    }

    /// The memory of a whole struct in a segment, with the slice at its end, to be read; as above.
    pub(crate) fn of_view<T: Whole + ?Sized, A: Access>(view: &'a T::__View<A>) -> Self {
        let size = if A::READS { size_of_val(view) } else { 0 };
        // SAFETY: the memory of a view is readable under an access that reads, as long as it is borrowed, by the contract of
        // `Whole`; it is accessed by atomics of the widths that the layout of the head says.
        unsafe { Self::new(NonNull::from(view).cast(), size, false) }
    }

    /// Private memory, of zeros at first.
    pub(crate) fn of_private(memory: &'a [AtomicU64]) -> Self {
        let base = NonNull::from(memory).cast();
        // SAFETY: the borrowed memory is readable and writable for `'a`, as atomics are through a shared reference. It is
        // reached by spans only, whose widths agree.
        unsafe { Self::new(base, size_of_val(memory), true) }
    }

    /// The same, not to be written.
    pub(crate) fn read_only(self) -> Self {
        Self { writable: false, ..self }
    }

    /// Bytes.
    pub(crate) fn size(self) -> usize {
        self.size
    }

    /// Whether it may be written.
    pub(crate) fn is_writable(self) -> bool {
        self.writable
    }

    /// Where this scalar is, if it is within and aligned.
    fn place(self, offset: usize, scalar: Scalar) -> Option<NonNull<u8>> {
        let size = scalar.size();
        if offset > self.size || size > self.size - offset {
            return None;
        }
        // SAFETY: `offset` is within the span, which is one stretch of memory.
        let place = unsafe { self.base.byte_add(offset) };
        (place.addr().get() % size == 0).then_some(place)
    }

    /// The 32 bits at `offset`, if they are within and aligned. They may lie on pages that are only readable, of which the
    /// standard library allows relaxed loads only.
    pub(crate) fn word_32(self, offset: usize) -> Option<&'a AtomicU32> {
        let place = self.place(offset, Scalar::U32)?;
        // SAFETY: within the span, so readable for `'a`, and aligned, as `place` has checked; accessed by atomics of this width
        // only (`new`). An atomic is valid with any bytes, and lets them change.
        Some(unsafe { place.cast().as_ref() })
    }

    /// The same of 64 bits.
    pub(crate) fn word_64(self, offset: usize) -> Option<&'a AtomicU64> {
        let place = self.place(offset, Scalar::U64)?;
        // SAFETY: as above.
        Some(unsafe { place.cast().as_ref() })
    }

    /// The scalar at `offset` as it is now, as an integer: a float's and a `bool`'s bits, a `char`'s code. 0 if no such
    /// scalar is within.
    pub(crate) fn load(self, offset: usize, scalar: Scalar) -> i128 {
        let Some(place) = self.place(offset, scalar) else { return 0 };
        let from = place.as_ptr().cast_const();
        let mut copy = 0_u64;
        let to = &raw mut copy;
        // SAFETY: `from` is within the span, so readable for this width, and aligned to it, as `place` has checked; it is
        // accessed by atomics of this width only (`new`). `copy` is private, and as large and aligned as any scalar.
        unsafe {
            match scalar.size() {
                1 => Load::copy_8(from, to.cast()),
                2 => Load::copy_16(from.cast(), to.cast()),
                4 => Load::copy_32(from.cast(), to.cast()),
                _ => Load::copy_64(from.cast(), to),
            }
        }
        // SAFETY: `copy` is private, initialised, and as large and aligned as any scalar.
        unsafe { validity::integer(scalar, to.cast()) }
    }

    /// Writes the scalar at `offset`: the low bytes of `value`. `false` if no such scalar is within, or the memory may not
    /// be written.
    pub(crate) fn store(self, offset: usize, scalar: Scalar, value: i128) -> bool {
        let Some(place) = self.place(offset, scalar).filter(|_| self.writable) else { return false };
        let to = place.as_ptr();
        let [a, b, c, d, e, f, g, h, ..] = value.to_le_bytes();
        let bits_16 = u16::from_le_bytes([a, b]);
        let bits_32 = u32::from_le_bytes([a, b, c, d]);
        let bits_64 = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        // SAFETY: `to` is within the span, so writable for this width, and aligned to it, as `place` has checked; it is
        // accessed by atomics of this width only (`new`). What is read is a private, initialised integer of the width.
        unsafe {
            match scalar.size() {
                1 => Store::copy_8(&raw const a, to),
                2 => Store::copy_16(&raw const bits_16, to.cast()),
                4 => Store::copy_32(&raw const bits_32, to.cast()),
                _ => Store::copy_64(&raw const bits_64, to.cast()),
            }
        }
        true
    }
}
