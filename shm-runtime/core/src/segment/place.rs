//! A mapping with a value in it: the only way from memory that the kernel mapped to a [`Shared`](crate::Shared).

use core::marker::PhantomData;

use crate::ipc::error::ErrorKind;
use crate::memory::access::Access;
use crate::memory::tail::{Extent, Whole};
use crate::segment::mapping::Mapping;

/// A mapping in which a `T` lies, from the first byte on.
///
/// What it needs is asked of the type and of the mapping itself, and of nothing that [`SharedSegment`] says: that is a
/// safe trait, which may be implemented by hand with any settings.
///
/// [`SharedSegment`]: crate::SharedSegment
pub(crate) struct Place<T: ?Sized, A> {
    mapping: Mapping,
    /// Elements of the slice at the end. In private memory: nothing that is written to the segment moves it.
    len: usize,
    holds: PhantomData<fn(&T) -> A>,
}

impl<T: Whole + ?Sized, A: Access> Place<T, A> {
    /// Whatever is in it, if it is large enough for a `T` with a slice of this length at its end.
    ///
    /// # Panics
    ///
    /// If it is mapped read-only, and `A` writes.
    pub(crate) fn new(mapping: Mapping, len: usize) -> Result<Self, ErrorKind> {
        const {
            assert!(
                align_of::<T::__Head>() <= 4096,
                "a segment begins at a page, and so can be aligned to 4096 bytes at most"
            );
        }
        assert!(mapping.is_writable() || !A::MAPS_WRITABLE, "the mapping is read-only");
        let extent = const { Extent::of::<T>() };
        let found = mapping.size();
        match extent.exact(len) {
            Some(size) if size <= found => Ok(Self { mapping, len, holds: PhantomData }),
            expected => Err(ErrorKind::SizeDiffers { found, expected: expected.unwrap_or(usize::MAX) }),
        }
    }

    /// Elements of the slice at the end.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn view(&self) -> &T::__View<A> {
        let view = T::__view::<A>(self.mapping.address().as_ptr().cast_const().cast(), self.len);
        // SAFETY: the mapping begins at a page, to which `T` is aligned (asserted in `new`, and no page is smaller than
        // 4096 bytes); it is at least as large as a `T` with `len` elements at its end, and mapped as `A` says (checked in `new`).
        // Padding that the compiler counts to a `T` after the last element ends at a multiple of its alignment, and so in the last
        // page, of which all is mapped; together that is no more than `isize::MAX` bytes (`Extent::exact`). It does not shrink,
        // and lives until `self` is dropped. A view is valid with any bytes, and lets them change, by the contract of `Whole`.
        unsafe { &*view }
    }

    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    pub(crate) fn into_mapping(self) -> Mapping {
        self.mapping
    }
}
