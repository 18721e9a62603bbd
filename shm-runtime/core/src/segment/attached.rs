//! One mapping of a segment.

use core::fmt;
use core::ops::Deref;
use core::ptr::NonNull;
use std::sync::Arc;

use crate::ipc::error::{Error, ErrorKind};
use crate::ipc::remove_on_drop::RemoveOnDrop;
use crate::memory::access::{Access, ReadOnly, ReadWrite, Readable, WriteOnly};
use crate::memory::part::{Kept, Part};
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::memory::tail::Whole;
use crate::schema::Schema;
use crate::segment::Segment;
use crate::segment::diagnose;
use crate::segment::place::Place;
use crate::sys;

/// A segment mapped into this process: derefs to the [`Shared`] struct, and detaches when dropped. (One of a struct that ends
/// in a slice derefs to the generated struct of its fields, of which the slice is a [`SharedSlice`](crate::SharedSlice).)
///
/// The kernel detaches at the process's death too. A child of fork(2) inherits the mapping, exec(3) drops it.
pub struct Attached<T: Whole + ?Sized, A: Access = ReadWrite> {
    // Dropped in this order: what is removed last is gone at once.
    place: Place<T, A>,
    segment: Segment<T>,
    guard: Option<RemoveOnDrop<Segment<T>>>,
}

impl<T: Whole + ?Sized, A: Access> Attached<T, A> {
    /// `place` is in a mapping of `segment`.
    pub(crate) fn new(segment: Segment<T>, place: Place<T, A>) -> Self {
        Self { place, segment, guard: None }
    }

    /// The same, which shares the guard that it was made by.
    fn guarded(self, guard: &RemoveOnDrop<Segment<T>>) -> Self {
        Self { guard: Some(guard.share()), ..self }
    }

    /// The segment that is mapped here.
    pub fn segment(&self) -> &Segment<T> {
        &self.segment
    }

    /// How long the slice at the end is.
    pub(super) fn tail_len(&self) -> usize {
        self.place.len()
    }

    /// Unmaps the segment, as dropping does, and says whether that worked: shmdt(2).
    ///
    /// # Errors
    ///
    /// If nothing was mapped there any more, because other code unmapped it.
    pub fn detach(self) -> Result<(), Error> {
        let Self { place, segment, guard: _guard } = self;
        let mapping = place.into_mapping();
        let address = mapping.address().addr().get();
        mapping.unmap().map_err(|error| segment.error("detach", diagnose::shmdt(error, address)))
    }

    /// A part with a share of this attachment, to be kept in a struct or given to a thread: a field, an element of an
    /// array, a field of a nested struct.
    ///
    /// `find` is given the struct, and returns the part: `|station| &station.wind`.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// # use shm_runtime::{Part, SharedSegment};
    /// # #[derive(SharedSegment)]
    /// # #[repr(C)]
    /// # #[shm(private)]
    /// # struct Station { celsius: f64 }
    /// # let segment = Station::create()?.remove_on_drop();
    /// let station = Arc::new(segment.attach()?);
    /// let celsius: Part<f64> = station.part(|station| &station.celsius);
    /// let thermometer = std::thread::spawn(move || celsius.set(21.5));
    /// thermometer.join().expect("it only writes");
    /// assert_eq!(station.celsius.get(), 21.5);
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    ///
    /// Of another attachment it cannot be, because that need not live as long:
    ///
    /// ```compile_fail,E0597
    /// # use std::sync::Arc;
    /// # use shm_runtime::{Part, SharedSegment};
    /// # #[derive(SharedSegment)]
    /// # #[repr(C)]
    /// # #[shm(private)]
    /// # struct Station { celsius: f64 }
    /// # let segment = Station::create()?.remove_on_drop();
    /// let station = Arc::new(segment.attach()?);
    /// let other = segment.attach()?;
    /// let celsius = station.part(|_| &other.celsius); // `other` does not live long enough
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    pub fn part<F: Shareable>(
        self: &Arc<Self>,
        find: impl for<'a> FnOnce(&'a T::__View<A>) -> &'a Shared<F, A>,
    ) -> Part<F, A> {
        let part = NonNull::from(find(self));
        // SAFETY: `find` works for a reference of any lifetime. So what it returns is a part of what it is given, or valid
        // for ever: of a place that it knows otherwise it cannot say that it lives as long. What it is given is in the mapping of
        // this attachment, which stays where it is until the attachment is dropped or detached: that is after the last
        // share of it, because `detach` takes the attachment itself, and `Arc` gives it and `&mut` to it to nothing but the
        // only share.
        Part::new(unsafe { Kept::owned(part, self.clone()) })
    }

    /// The schema that the segment's creator wrote into the seal; of a bare segment, that of `T`. After
    /// `open_compatible` it has fields that `T` has not.
    ///
    /// # Errors
    ///
    /// If another process overwrote the seal.
    pub fn schema(&self) -> Result<Schema, Error>
    where
        A: Readable,
    {
        self.segment.schema(self.place.mapping())
    }

    /// Whether this is still the segment that has the key: not removed, and not replaced by a new one.
    ///
    /// System V lets a segment be removed, and another be created under its key, while processes stay attached to the
    /// first. Those then share it among themselves only.
    ///
    /// # Errors
    ///
    /// If the key cannot be derived any more, or the kernel cannot be asked.
    pub fn is_current(&self) -> Result<bool, Error> {
        self.segment.is_current()
    }

    /// Whether this process and the segment's creator are in one pid namespace; `None` if that is not known.
    ///
    /// If not, the pids in the segment, in its [`stat`](crate::Segment::stat) and in errors are not this process's, and from here
    /// no process of the other namespace is known to have died.
    pub fn shares_pid_namespace(&self) -> Option<bool> {
        self.segment.shares_pid_namespace(self.place.mapping())
    }

    /// Makes every page present now, so that no later access waits for one: madvise(2) with MADV_POPULATE_WRITE
    /// (MADV_POPULATE_READ through a read-only attachment). Takes Linux 5.14.
    ///
    /// The kernel has to clear each page. Of a segment of 64 MiB or more, several threads ask it to, as many as there are
    /// processors for this one, and at most one for each 32 MiB; they have ended when this returns.
    ///
    /// # Errors
    ///
    /// If memory is short, or the kernel is older.
    pub fn prefault(&self) -> Result<(), Error> {
        self.place.mapping().populate(A::MAPS_WRITABLE).map_err(|source| {
            let kind = match source.raw_os_error() {
                Some(sys::ENOMEM) => ErrorKind::NoMemory { size: self.segment.size(), huge_pages: false },
                Some(sys::EINVAL) => ErrorKind::InvalidInput {
                    reason: "this kernel cannot make pages present at once, which takes Linux 5.14 (MADV_POPULATE_WRITE): \
                             read or write one value of each page instead",
                },
                _ => ErrorKind::Os { source },
            };
            self.segment.error("prefault", kind)
        })
    }
}

/// Attachments that keep a share of the guard: the segment is removed when the guard and these are dropped.
impl<T: Whole + ?Sized> RemoveOnDrop<Segment<T>> {
    /// As [`Segment::attach`].
    ///
    /// # Errors
    ///
    /// As for [`Segment::attach`].
    pub fn attach(&self) -> Result<Attached<T, ReadWrite>, Error> {
        Segment::attach(self).map(|attached| attached.guarded(self))
    }

    /// As [`Segment::attach_read_only`].
    ///
    /// # Errors
    ///
    /// As for [`Segment::attach_read_only`].
    pub fn attach_read_only(&self) -> Result<Attached<T, ReadOnly>, Error> {
        Segment::attach_read_only(self).map(|attached| attached.guarded(self))
    }

    /// As [`Segment::attach_write_only`].
    ///
    /// # Errors
    ///
    /// As for [`Segment::attach_write_only`].
    pub fn attach_write_only(&self) -> Result<Attached<T, WriteOnly>, Error> {
        Segment::attach_write_only(self).map(|attached| attached.guarded(self))
    }

    /// As [`Segment::attach_at`].
    ///
    /// # Safety
    ///
    /// As for [`Segment::attach_at`].
    ///
    /// # Errors
    ///
    /// As for [`Segment::attach_at`].
    pub unsafe fn attach_at(&self, address: usize) -> Result<Attached<T, ReadWrite>, Error> {
        // SAFETY: the caller says of the pages at `address` what `Segment::attach_at` asks for.
        unsafe { Segment::attach_at(self, address) }.map(|attached| attached.guarded(self))
    }
}

impl<T: Whole + ?Sized, A: Access> Deref for Attached<T, A> {
    type Target = T::__View<A>;

    #[inline]
    fn deref(&self) -> &T::__View<A> {
        self.place.view()
    }
}

impl<T: Whole + ?Sized, A: Access> fmt::Debug for Attached<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
