//! The trait of structs that are whole segments, and what their attribute says.

use crate::ipc::error::Error;
use crate::ipc::key::{Key, hash};
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::segment::Segment;
use crate::segment::options::Options;
use crate::segment::settings::Settings;
use crate::sem;

/// A struct that can be a whole segment: what `#[derive(SharedSegment)]` implements.
///
/// The functions here find or make the kernel's object, a [`Segment`]; `attach` maps it.
pub trait SharedSegment: Shareable {
    /// What `#[shm(...)]` says.
    #[doc(hidden)]
    const SETTINGS: Settings;

    /// The key that `#[shm(...)]` names, underived: [`Key::value`] derives it.
    fn key() -> Key;

    /// Everything that can be chosen at run time: key, mode, memory.
    fn options() -> Options<Self> {
        Options::new(Self::key(), Self::SETTINGS)
    }

    /// Creates the segment, zero-filled: shmget(2) with IPC_CREAT, IPC_EXCL, the mode, and the size of the struct and
    /// its seal (of a bare one, `size_of::<Self>()` only).
    ///
    /// To write the seal, this process attaches. It stays so until the [`Segment`] is dropped, or its first `attach`
    /// takes that mapping over.
    ///
    /// # Errors
    ///
    /// If it exists already, a limit is reached, the key cannot be derived, or the mode does not let this user write the
    /// seal.
    fn create() -> Result<Segment<Self>, Error> {
        Self::options().create()
    }

    /// Creates the segment and lets `init` fill it in, before another process can use it: one that opens it meanwhile
    /// waits. (A bare segment has nothing to wait for: it can be seen half-made.)
    ///
    /// If `init` panics, the segment is removed before the panic goes on.
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create) and [`Segment::attach`].
    fn create_with(init: impl FnOnce(&Shared<Self>)) -> Result<Segment<Self>, Error> {
        Self::options().create_with(init)
    }

    /// Opens the existing segment: shmget(2), and shmctl(2) with IPC_STAT to check its owner. Whether it is
    /// initialised, and with the layout of this struct, is checked when it is attached.
    ///
    /// # Errors
    ///
    /// If there is none, it may not be read, or it belongs to a user who is not trusted; of a bare one also if
    /// it has another size.
    fn open() -> Result<Segment<Self>, Error> {
        Self::options().open()
    }

    /// As [`open`](Self::open), for a struct that gained fields at its end since this program was built: the segment
    /// may have more fields after all of ours, which have to be at the same places and of the same types. (What
    /// else can change is in the guide, on the page of the seal.)
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    fn open_compatible() -> Result<Segment<Self>, Error> {
        Self::options().open_compatible()
    }

    /// Opens the segment, or creates it, zero-filled, if there is none. One whose creator died before it was
    /// initialised is replaced; data that is there is not: see [`Options::reclaim_stale`], which has a table.
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create), [`open`](Self::open) and [`Segment::attach`].
    fn open_or_create() -> Result<Segment<Self>, Error> {
        Self::options().open_or_create()
    }

    /// As [`open_or_create`](Self::open_or_create), but a segment that is there is opened as by
    /// [`open_compatible`](Self::open_compatible): for a program of which a newer version may have been there first.
    ///
    /// # Errors
    ///
    /// As for [`open_or_create`](Self::open_or_create).
    fn open_or_create_compatible() -> Result<Segment<Self>, Error> {
        Self::options().open_or_create_compatible()
    }

    /// Opens the segment, or creates it and lets `init` fill it in if there is none.
    ///
    /// # Errors
    ///
    /// As for [`create_with`](Self::create_with) and [`open`](Self::open).
    fn open_or_create_with(init: impl FnOnce(&Shared<Self>)) -> Result<Segment<Self>, Error> {
        Self::options().open_or_create_with(init)
    }

    /// Removes the segment that now has the key, whatever its layout: shmctl(2) with IPC_RMID. It goes when the
    /// last process detaches; the key is free at once.
    ///
    /// # Errors
    ///
    /// If there is none, or it belongs to another user.
    fn remove() -> Result<(), Error> {
        Self::options().remove()
    }

    /// Options for the segment's companion: a semaphore under the same key, of the same mode, opened if its owner and
    /// creator are those whose segments are opened. (Segments and semaphores have each their own keys, so the two do not
    /// collide.) [`Options::semaphore`] is the same with what was chosen at run time.
    ///
    /// A semaphore set has no room to say how its key was derived. A companion's segment says it, if it exists: creating
    /// and opening the companion fails if that is another program's
    /// ([`ErrorKind::KeyCollision`](crate::ErrorKind::KeyCollision)).
    ///
    /// ```
    /// use shm_runtime::SharedSegment;
    ///
    /// #[derive(SharedSegment)]
    /// #[repr(C)]
    /// #[shm(name = "org.example.companion")]
    /// struct Station { celsius: f64 }
    ///
    /// let semaphore = Station::semaphore().create(1)?.remove_on_drop();
    /// let permit = semaphore.acquire()?;
    /// // Only one process at a time is here.
    /// drop(permit);
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    fn semaphore() -> sem::Options<1> {
        Self::options().semaphore()
    }
}

impl<T: SharedSegment> Segment<T> {
    /// The segment with this shmid: for private ones, whose id is all there is to find them by.
    ///
    /// ```
    /// use shm_runtime::{Segment, SharedSegment};
    ///
    /// #[derive(SharedSegment)]
    /// #[repr(C)]
    /// #[shm(private)]
    /// struct Scratch { total: u64 }
    ///
    /// let segment = Scratch::create()?.remove_on_drop();
    /// segment.attach()?.total.set(7);
    /// // Another process was given the id as an argument, say:
    /// let same = Segment::<Scratch>::from_id(segment.id())?;
    /// assert_eq!(same.attach_read_only()?.total.get(), 7);
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`SharedSegment::open`].
    pub fn from_id(id: i32) -> Result<Self, Error> {
        T::options().open_id(id)
    }
}

/// `Key::name` of the name in a struct's settings, hashed at compile time: what the derive calls.
#[doc(hidden)]
pub const fn name_key<T: SharedSegment>() -> Key {
    let name = T::SETTINGS.key_name;
    Key::hashed_name(name, const { hash(T::SETTINGS.key_name) })
}
