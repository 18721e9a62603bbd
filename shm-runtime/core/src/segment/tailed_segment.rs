//! The trait of structs that are whole segments and end in a slice.

use crate::ipc::error::Error;
use crate::ipc::key::{Key, hash};
use crate::memory::tail::Whole;
use crate::segment::Segment;
use crate::segment::options::Options;
use crate::segment::settings::Settings;

/// A struct that ends in a slice, `records: [Record]`, C's flexible array member: what `#[derive(SharedSegment)]` implements for
/// it instead of [`SharedSegment`](crate::SharedSegment), because such a struct has no size of its own.
///
/// The length is chosen when a segment is created, with [`Options::len`]; the slice is a [`SharedSlice`](crate::SharedSlice), which
/// has it from then on. [`Options::successor`] gives the segment another length.
///
/// ```
/// use shm_runtime::{Shareable, SharedSegment, TailedSegment};
///
/// #[derive(Clone, Copy, Shareable)]
/// #[repr(C)]
/// struct Record { time: u64, value: f64 }
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Log { written: u64, records: [Record] }
///
/// let segment = Log::options().len(1000).create()?.remove_on_drop();
/// let log = segment.attach()?;
/// log.records[7].value.set(1.5);
/// assert_eq!(log.records.len(), 1000);
/// # Ok::<(), shm_runtime::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not end in a slice, so all its segments are equally long",
    label = "no length to choose",
    note = "a struct that derives `SharedSegment` and whose last field is a slice, `records: [Record]`, has one"
)]
pub trait TailedSegment: Whole {
    /// What `#[shm(...)]` says.
    #[doc(hidden)]
    const SETTINGS: Settings;

    /// The key that `#[shm(...)]` names, underived: [`Key::value`] derives it.
    fn key() -> Key;

    /// Everything that can be chosen at run time: the length, key, mode, memory. There is no `create` without them, because a new
    /// segment takes a length.
    fn options() -> Options<Self> {
        Options::new(Self::key(), Self::SETTINGS)
    }

    /// Opens the existing segment, of whatever length: as [`SharedSegment::open`](crate::SharedSegment::open).
    ///
    /// # Errors
    ///
    /// As for [`SharedSegment::open`](crate::SharedSegment::open).
    fn open() -> Result<Segment<Self>, Error> {
        Self::options().open()
    }

    /// Removes the segment that now has the key: as [`SharedSegment::remove`](crate::SharedSegment::remove).
    ///
    /// # Errors
    ///
    /// If there is none, or it belongs to another user.
    fn remove() -> Result<(), Error> {
        Self::options().remove()
    }
}

/// As `name_key` of a sized struct.
#[doc(hidden)]
pub const fn name_key_of_tailed<T: TailedSegment + ?Sized>() -> Key {
    let name = T::SETTINGS.key_name;
    Key::hashed_name(name, const { hash(T::SETTINGS.key_name) })
}
