//! One mapping of a segment into this process, unmapped when dropped.

use core::ffi::c_void;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use std::io;

use crate::sys;

/// What shmat returned, to be given to shmdt once, and what the kernel says of the segment that is mapped.
///
/// It is asked after shmat(2), not before: an id can be used again for another, smaller segment, once its segment is
/// gone (the ids go round after some four million segments, less than a minute), but not while it is mapped.
pub(crate) struct Mapping {
    address: NonNull<c_void>,
    size: usize,
    creator_uid: u32,
}

// SAFETY: a mapping belongs to the process, not to a thread: any thread may use and detach it.
unsafe impl Send for Mapping {}
// SAFETY: a shared reference to it gives an address, and nothing else.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// shmat(2), read-only or for both.
    pub(crate) fn new(id: i32, writable: bool) -> io::Result<Self> {
        Self::measured(sys::shmat(id, if writable { 0 } else { sys::SHM_RDONLY })?, id)
    }

    /// `address` is where `id` was just attached.
    fn measured(address: NonNull<c_void>, id: i32) -> io::Result<Self> {
        let mut mapping = Self { address, size: 0, creator_uid: 0 };
        let stat = sys::shm_stat(id)?;
        (mapping.size, mapping.creator_uid) = (stat.shm_segsz, stat.shm_perm.cuid);
        Ok(mapping)
    }

    /// shmat(2) at `address`, in place of what is mapped there.
    ///
    /// # Safety
    ///
    /// What the mapping covers is not in use: no object lives there, and nobody counts on it being unmapped.
    pub(crate) unsafe fn over(id: i32, address: *mut c_void) -> io::Result<Self> {
        // SAFETY: the caller's promise.
        let address = unsafe { sys::shmat_over(id, address, 0) }?;
        Self::measured(address, id)
    }

    /// Where it is: valid until `self` is dropped.
    pub(crate) fn address(&self) -> NonNull<c_void> {
        self.address
    }

    /// The bytes of the segment, all of them mapped.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Who created the segment.
    pub(crate) fn creator_uid(&self) -> u32 {
        self.creator_uid
    }

    /// shmdt(2), and whether it worked.
    pub(crate) fn unmap(self) -> io::Result<()> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the address came from shmat and is not detached a second time; what was borrowed from `self` is gone.
        unsafe { sys::shmdt(this.address) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the address came from shmat, and what was borrowed from `self` is gone. An error would mean that other
        // code unmapped it; a drop has nobody to tell, `unmap` has.
        let _ = unsafe { sys::shmdt(self.address) };
    }
}
