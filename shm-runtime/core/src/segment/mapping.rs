//! One mapping of a segment into this process, unmapped when dropped.

use core::ffi::c_void;
use core::mem::ManuallyDrop;
use core::num::NonZero;
use core::ptr::NonNull;
use std::io;
use std::panic::resume_unwind;
use std::thread;

use crate::memory::region::Region;
use crate::segment::observed::Observed;
use crate::sys::{self, refused::Call};

/// What shmat returned, to be given to shmdt once, and what the kernel says of the segment that is mapped.
///
/// A mapping keeps its segment: it does not shrink, and as long as this thread stays in its IPC namespace, the id means
/// no other. So what is asked of the id right after shmat, in the same call, is said of what was mapped. An answer from
/// before is not: ids belong to IPC namespaces, and these to threads, which can change theirs between two calls; and
/// the id of a segment that was removed is used again, if not soon.
pub(crate) struct Mapping {
    address: NonNull<c_void>,
    writable: bool,
    observed: Observed,
}

// SAFETY: a mapping belongs to the process, not to a thread: any thread may use and detach it.
unsafe impl Send for Mapping {}
// SAFETY: a shared reference to it gives an address, and nothing else.
unsafe impl Sync for Mapping {}

/// Why there is no mapping.
pub(crate) enum Unmapped {
    /// What shmat or shmctl says.
    Os(Call, io::Error),
    /// The segment is made of huge pages, and those who may write to it were not said to be trusted.
    HugePages,
}

impl Mapping {
    /// shmat(2), read-only or for both, and a look at what was mapped.
    pub(crate) fn new(id: i32, writable: bool, trusts_writers: bool) -> Result<Self, Unmapped> {
        let attached = sys::shmat(id, if writable { 0 } else { sys::SHM_RDONLY });
        let address = attached.map_err(|error| Unmapped::Os(Call::Shmat, error))?;
        Self::looked_at(address, id, writable, trusts_writers)
    }

    /// shmat(2) at `address`, in place of what is mapped there, to read and write; and a look at what was mapped.
    ///
    /// # Safety
    ///
    /// What the mapping covers is not in use: no object lives there, and no code counts on it being unmapped.
    pub(crate) unsafe fn over(id: i32, address: *mut c_void, trusts_writers: bool) -> Result<Self, Unmapped> {
        // SAFETY: `shmat_over` maps the same range at the same address, of which the caller says both things that it
        // asks for: no object lives there, and no code counts on it being unmapped.
        let attached = unsafe { sys::shmat_over(id, address, 0) };
        let address = attached.map_err(|error| Unmapped::Os(Call::Shmat, error))?;
        Self::looked_at(address, id, true, trusts_writers)
    }

    /// `address` is where this thread has just attached `id`.
    fn looked_at(
        address: NonNull<c_void>,
        id: i32,
        writable: bool,
        trusts_writers: bool,
    ) -> Result<Self, Unmapped> {
        let mut mapping = Self { address, writable, observed: Observed::nothing() };
        // Before anything touches it.
        if !trusts_writers && sys::is_of_huge_pages(address) {
            return Err(Unmapped::HugePages);
        }
        mapping.observed = Observed::of(id).map_err(|error| Unmapped::Os(Call::Shmctl, error))?;
        Ok(mapping)
    }

    /// Where it is, at the start of a page: valid until `self` is dropped.
    pub(crate) fn address(&self) -> NonNull<c_void> {
        self.address
    }

    /// The bytes of the segment, all of them mapped.
    pub(crate) fn size(&self) -> usize {
        self.observed.size
    }

    /// Whether it may be written through.
    pub(crate) fn is_writable(&self) -> bool {
        self.writable
    }

    /// All of it, as long as it is mapped.
    pub(crate) fn region(&self) -> Region<'_> {
        // SAFETY: shmat mapped as many bytes as the segment has, from a page on, and `writable` if that was asked for; the
        // segment does not shrink, and the mapping stays until `self` is dropped, which is borrowed. This crate accesses it
        // by `Shared` and `Seal` only, which do so by atomics.
        unsafe { Region::new(self.address.cast(), self.size(), self.writable) }
    }

    /// What the kernel says of the segment that is mapped.
    pub(crate) fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Makes every page present, by this thread and, if it is worth it, by others.
    pub(crate) fn populate(&self, write: bool) -> io::Result<()> {
        // To make so many pages takes the kernel milliseconds, and to start a thread, a fraction of one.
        const SHARE: usize = 32 << 20;
        let shares = match self.size() / SHARE {
            0 | 1 => 1,
            // Not asked for less: to count the processors takes as long as a hundred pages.
            most => thread::available_parallelism().map_or(1, NonZero::get).min(most),
        };
        // Whole huge pages, and so whole pages.
        let len = self.size().div_ceil(shares).next_multiple_of(2 << 20);
        let populate = |share: usize| {
            let start = (share * len).min(self.size());
            // SAFETY: within the mapping, or at its end.
            let from = unsafe { self.address.byte_add(start) };
            sys::populate(from, len.min(self.size() - start), write)
        };
        thread::scope(|scope| {
            let builder = || thread::Builder::new().name("shm prefault".to_owned());
            let start = |share| (share, builder().spawn_scoped(scope, move || populate(share)));
            let others: Vec<_> = (1..shares).map(start).collect();
            others.into_iter().fold(populate(0), |populated, (share, other)| {
                populated.and(match other {
                    Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                    // There may be no more threads; and there need not be.
                    Err(_) => populate(share),
                })
            })
        })
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
        // code unmapped it; a drop has no way to tell, `unmap` has.
        let _ = unsafe { sys::shmdt(self.address) };
    }
}
