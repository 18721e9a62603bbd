//! A stretch of memory that other processes write.

use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::memory::access::ReadWrite;
use crate::memory::shareable::Shareable;

/// Memory that stays mapped for `'a`.
#[derive(Clone, Copy)]
pub(crate) struct Region<'a> {
    base: NonNull<u8>,
    size: usize,
    writable: bool,
    mapped: PhantomData<&'a ()>,
}

impl<'a> Region<'a> {
    /// # Safety
    ///
    /// For the lifetime, `size` bytes from `base`, which is the start of a page, are mapped: to be read, and to be written
    /// too if it is `writable`. All that accesses them meanwhile, in this process, does so by atomics.
    pub(crate) unsafe fn new(base: NonNull<u8>, size: usize, writable: bool) -> Self {
        Self { base, size, writable, mapped: PhantomData }
    }

    /// The parts of the `T` at this offset.
    ///
    /// # Panics
    ///
    /// If it is not within the region, or aligned, or the region cannot be written.
    pub(crate) fn parts<T: Shareable>(self, at: usize) -> &'a T::__Parts<ReadWrite> {
        assert!(self.writable, "the region is read-only");
        assert!(at <= self.size && size_of::<T>() <= self.size - at, "outside of the segment");
        // SAFETY: within the region, as was just asserted.
        let parts = unsafe { self.base.add(at) }.cast::<T::__Parts<ReadWrite>>();
        assert!(parts.is_aligned(), "not where a value of this type can be");
        // SAFETY: mapped for `'a`, to be written, and accessed by atomics only (`new`). The parts have the layout of a `T`, are valid with
        // any bytes, and let them change, by the contract of `Shareable`.
        unsafe { parts.as_ref() }
    }

    /// The start of a page.
    pub(crate) fn base(self) -> NonNull<u8> {
        self.base
    }

    /// Bytes.
    pub(crate) fn size(self) -> usize {
        self.size
    }

    /// Whether it may be written.
    pub(crate) fn is_writable(self) -> bool {
        self.writable
    }
}
