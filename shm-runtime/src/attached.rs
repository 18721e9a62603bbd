//! One mapping of a segment.

use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::NonNull;

use crate::access::{Access, ReadWrite, Readable};
use crate::error::{Error, ErrorKind};
use crate::segment::{Segment, SharedSegment};
use crate::shared::Shared;
use crate::sys;

/// A segment mapped into this process: derefs to the [`Shared`] struct, and detaches when dropped.
///
/// The kernel detaches at the process's death too. A child of fork(2) inherits the mapping, exec(3) drops it.
pub struct Attached<T: SharedSegment, A: Access = ReadWrite> {
    mapping: Mapping,
    segment: Segment<T>,
    access: PhantomData<fn() -> A>,
}

/// What shmat returned, to be given to shmdt once.
struct Mapping(NonNull<c_void>);

// SAFETY: a mapping belongs to the process, not to a thread: any thread may use and detach it.
unsafe impl Send for Mapping {}
// SAFETY: a shared reference to it gives an address, and nothing else.
unsafe impl Sync for Mapping {}

impl<T: SharedSegment, A: Access> Attached<T, A> {
    /// `address` is what shmat returned for `segment`, mapped as `A` says.
    pub(crate) fn new(segment: Segment<T>, address: NonNull<c_void>) -> Self {
        const {
            assert!(
                align_of::<T>() <= 4096,
                "shmat aligns to pages: align a segment to 4096 bytes at most"
            );
        }
        Self {
            mapping: Mapping(address),
            segment,
            access: PhantomData,
        }
    }

    /// The segment that is mapped here.
    pub fn segment(&self) -> &Segment<T> {
        &self.segment
    }

    /// Unmaps the segment, as dropping does, and says whether that worked: shmdt(2).
    ///
    /// # Errors
    ///
    /// If nothing was mapped there any more, because other code unmapped it.
    pub fn detach(self) -> Result<(), Error> {
        let Self { mapping, segment, .. } = self;
        let mapping = ManuallyDrop::new(mapping);
        // SAFETY: the address came from shmat, is not detached a second time, and with `self` consumed, no reference is
        // left.
        unsafe { sys::shmdt(mapping.0) }.map_err(|source| segment.error("detach", ErrorKind::Os { source }))
    }

    /// Makes every page present now, so that no later access waits for one: madvise(2) with MADV_POPULATE_WRITE
    /// (MADV_POPULATE_READ through a read-only attachment). Takes Linux 5.14.
    ///
    /// # Errors
    ///
    /// If memory is short, or the kernel is older.
    pub fn prefault(&self) -> Result<(), Error> {
        let size = self.segment.size();
        sys::populate(self.mapping.0, size, A::MAPS_WRITABLE).map_err(|source| {
            let kind = match source.raw_os_error() {
                Some(sys::ENOMEM) => ErrorKind::NoMemory {
                    size,
                    huge_pages: false,
                },
                _ => ErrorKind::Os { source },
            };
            self.segment.error("prefault", kind)
        })
    }
}

impl<T: SharedSegment, A: Access> Deref for Attached<T, A> {
    type Target = Shared<T, A>;

    #[inline]
    fn deref(&self) -> &Shared<T, A> {
        // SAFETY: the mapping is at least as large as a `T` (checked when the segment was opened, and a segment does
        // not shrink), aligned to pages, mapped as `A` says, and lives until `self` is dropped. `Shared` is valid
        // with any bytes, and lets them change.
        unsafe { self.mapping.0.cast().as_ref() }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the address came from shmat, and every reference was borrowed from the `Attached` that is being
        // dropped. An error would mean that other code unmapped it; a drop has nobody to tell, `detach` has.
        let _ = unsafe { sys::shmdt(self.0) };
    }
}

impl<T: SharedSegment, A: Readable> fmt::Debug for Attached<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
