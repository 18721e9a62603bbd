//! One mapping of a segment into this process, unmapped when dropped.

use core::ffi::c_void;
use core::mem::ManuallyDrop;
use core::num::NonZero;
use core::ptr::NonNull;
use core::time::Duration;
use std::io;
use std::panic::resume_unwind;
use std::thread;
use std::time::Instant;

use crate::sys;

/// What the kernel said of an id, and when.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    /// Before it was asked.
    pub(crate) at: Instant,
    pub(crate) size: usize,
    /// `None` of a segment that was created here.
    pub(crate) creator_uid: Option<u32>,
}

/// How long an id certainly means the same segment.
///
/// An id can be used again for another, smaller segment, once its segment is gone. But the kernel goes through all others
/// first: four million since Linux 5.2 (half a million with `ipcmni_extend`), 65,536 before. To make and remove one takes
/// it some microseconds, and it does so under a lock, for one process at a time: so ten seconds, or one, or a tenth.
/// (Root alone can ask for an id, by `shm_next_id`; and root can write to the memory of this process, too.)
const STABLE: Duration = Duration::from_millis(5);

/// What shmat returned, to be given to shmdt once, and what the kernel says of the segment that is mapped: it cannot
/// become another while it is.
pub(crate) struct Mapping {
    address: NonNull<c_void>,
    size: usize,
    creator_uid: Option<u32>,
}

// SAFETY: a mapping belongs to the process, not to a thread: any thread may use and detach it.
unsafe impl Send for Mapping {}
// SAFETY: a shared reference to it gives an address, and nothing else.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// shmat(2), read-only or for both. The kernel is asked what was mapped, unless it has just `told`.
    pub(crate) fn new(id: i32, writable: bool, told: Option<&Told>) -> io::Result<Self> {
        let address = sys::shmat(id, if writable { 0 } else { sys::SHM_RDONLY })?;
        match told {
            // Looked at behind shmat: so what was mapped is what the kernel spoke of, however long this process
            // was kept from running.
            Some(&Told { at, size, creator_uid }) if at.elapsed() < STABLE => {
                Ok(Self { address, size, creator_uid })
            }
            _ => Self::measured(address, id),
        }
    }

    /// `address` is where `id` was just attached.
    fn measured(address: NonNull<c_void>, id: i32) -> io::Result<Self> {
        let mut mapping = Self { address, size: 0, creator_uid: None };
        let stat = sys::shm_stat(id)?;
        (mapping.size, mapping.creator_uid) = (stat.shm_segsz, Some(stat.shm_perm.cuid));
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

    /// Whether this is the segment that the kernel spoke of, and not a later one with the same id.
    pub(crate) fn is(&self, told: &Told) -> bool {
        let same_creator = told.creator_uid.is_none() || told.creator_uid == self.creator_uid;
        self.size == told.size && same_creator
    }

    /// Makes every page present, by this thread and, if it is worth it, by others.
    pub(crate) fn populate(&self, write: bool) -> io::Result<()> {
        // To make so many pages takes the kernel milliseconds, and to start a thread, a fraction of one.
        const SHARE: usize = 32 << 20;
        let shares = match self.size / SHARE {
            0 | 1 => 1,
            // Not asked for less: to count the processors takes as long as a hundred pages.
            most => thread::available_parallelism().map_or(1, NonZero::get).min(most),
        };
        // Whole huge pages, and so whole pages.
        let len = self.size.div_ceil(shares).next_multiple_of(2 << 20);
        let populate = |share: usize| {
            let start = (share * len).min(self.size);
            // SAFETY: within the mapping, or at its end.
            let from = unsafe { self.address.byte_add(start) };
            sys::populate(from, len.min(self.size - start), write)
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
        // code unmapped it; a drop has nobody to tell, `unmap` has.
        let _ = unsafe { sys::shmdt(self.address) };
    }
}
