//! A mapping with a value in it: the only way from memory that the kernel mapped to a [`Shared`].

use core::marker::PhantomData;

use crate::ipc::error::ErrorKind;
use crate::memory::access::Access;
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::segment::mapping::Mapping;

/// A mapping in which a `T` lies, from the first byte on.
///
/// What it needs is asked of the type and of the mapping itself, and of nothing that [`SharedSegment`] says: that is a
/// safe trait, which may be implemented by hand with any settings.
///
/// [`SharedSegment`]: crate::SharedSegment
pub(crate) struct Place<T, A> {
    mapping: Mapping,
    holds: PhantomData<fn() -> (T, A)>,
}

impl<T: Shareable, A: Access> Place<T, A> {
    /// Whatever is in it, if it is large enough for a `T`.
    ///
    /// # Panics
    ///
    /// If it is mapped read-only, and `A` writes.
    pub(crate) fn new(mapping: Mapping) -> Result<Self, ErrorKind> {
        const {
            assert!(
                align_of::<T>() <= 4096,
                "a segment begins at a page, and so can be aligned to 4096 bytes at most"
            );
        }
        assert!(mapping.is_writable() || !A::MAPS_WRITABLE, "the mapping is read-only");
        let (found, expected) = (mapping.size(), size_of::<T>());
        match found >= expected {
            true => Ok(Self { mapping, holds: PhantomData }),
            false => Err(ErrorKind::SizeDiffers { found, expected }),
        }
    }

    #[inline]
    pub(crate) fn shared(&self) -> &Shared<T, A> {
        // SAFETY: the mapping begins at a page, to which `T` is aligned (asserted in `new`, and no page is smaller than
        // 4096 bytes); it is at least as large as a `T` and mapped as `A` says (checked in `new`); it does not shrink, and
        // lives until `self` is dropped. `Shared` is valid with any bytes, and lets them change.
        unsafe { self.mapping.address().cast().as_ref() }
    }

    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    pub(crate) fn into_mapping(self) -> Mapping {
        self.mapping
    }
}
