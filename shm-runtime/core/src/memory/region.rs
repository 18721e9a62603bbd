//! A stretch of memory that other processes write.

use core::marker::PhantomData;
use core::ptr::NonNull;

/// Memory that stays mapped for `'a`.
#[derive(Clone, Copy)]
pub(crate) struct Region<'a> {
    base: NonNull<u8>,
    size: usize,
    writable: bool,
    mapped: PhantomData<&'a ()>,
}

impl Region<'_> {
    /// # Safety
    ///
    /// For the lifetime, `size` bytes from `base`, which is the start of a page, are mapped: to be read, and to be written
    /// too if it is `writable`. All that accesses them meanwhile, in this process, does so by atomics.
    pub(crate) unsafe fn new(base: NonNull<u8>, size: usize, writable: bool) -> Self {
        Self { base, size, writable, mapped: PhantomData }
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
