//! One mapping of a segment into this process, unmapped when dropped.

use core::ffi::c_void;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use std::io;

use crate::sys;

/// What shmat returned, to be given to shmdt once.
pub(crate) struct Mapping(NonNull<c_void>);

// SAFETY: a mapping belongs to the process, not to a thread: any thread may use and detach it.
unsafe impl Send for Mapping {}
// SAFETY: a shared reference to it gives an address, and nothing else.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// shmat(2), read-only or for both.
    pub(crate) fn new(id: i32, writable: bool) -> io::Result<Self> {
        sys::shmat(id, if writable { 0 } else { sys::SHM_RDONLY }).map(Self)
    }

    /// shmat(2) at `address`, in place of what is mapped there.
    ///
    /// # Safety
    ///
    /// What the mapping covers is not in use: no object lives there, and nobody counts on it being unmapped.
    pub(crate) unsafe fn over(id: i32, address: *mut c_void) -> io::Result<Self> {
        // SAFETY: the caller's promise.
        unsafe { sys::shmat_over(id, address, 0) }.map(Self)
    }

    /// Where it is: valid until `self` is dropped.
    pub(crate) fn address(&self) -> NonNull<c_void> {
        self.0
    }

    /// shmdt(2), and whether it worked.
    pub(crate) fn unmap(self) -> io::Result<()> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the address came from shmat and is not detached a second time; what was borrowed from `self` is gone.
        unsafe { sys::shmdt(this.0) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the address came from shmat, and what was borrowed from `self` is gone. An error would mean that other
        // code unmapped it; a drop has nobody to tell, `unmap` has.
        let _ = unsafe { sys::shmdt(self.0) };
    }
}
