//! A segment: the kernel's object, known by its shmid.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use crate::access::{Access, ReadOnly, ReadWrite, WriteOnly};
use crate::attached::Attached;
use crate::diagnose;
use crate::error::{Error, ErrorKind};
use crate::identity::Identity;
use crate::key::Key;
use crate::options::{BAD_MODE, Options};
use crate::sem;
use crate::shareable::Shareable;
use crate::shared::Shared;
use crate::stat::{Permissions, Stat};
use crate::sys;

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

    /// Creates the segment, zero-filled: shmget(2) with IPC_CREAT, IPC_EXCL, the mode, and `size_of::<Self>()`.
    ///
    /// # Errors
    ///
    /// If it exists already, a limit is reached, or the key cannot be derived.
    fn create() -> Result<Segment<Self>, Error> {
        Self::options().create()
    }

    /// Creates the segment and lets `init` fill it in.
    ///
    /// If `init` panics, the segment is removed before the panic goes on.
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create) and [`Segment::attach`].
    fn create_with(init: impl FnOnce(&Shared<Self>)) -> Result<Segment<Self>, Error> {
        Self::options().create_with(init)
    }

    /// Opens the existing segment: shmget(2), and shmctl(2) with IPC_STAT to check its size.
    ///
    /// # Errors
    ///
    /// If there is none, it has another size, or may not be read.
    fn open() -> Result<Segment<Self>, Error> {
        Self::options().open()
    }

    /// Opens the segment, or creates it, zero-filled, if there is none.
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create) and [`open`](Self::open).
    fn open_or_create() -> Result<Segment<Self>, Error> {
        Self::options().open_or_create()
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
    /// If there is none, or it belongs to somebody else.
    fn remove() -> Result<(), Error> {
        Self::options().remove()
    }

    /// Options for the segment's companion: a semaphore under the same key, of the same mode. (Segments and
    /// semaphores have each their own keys, so the two do not collide.)
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
        sem::Options::companion(Self::key(), Self::SETTINGS)
    }
}

/// What `#[shm(...)]` says, but for the key.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub name: &'static str,
    pub mode: u32,
}

/// A System V shared memory segment that holds a `T`: the kernel's object, not yet mapped.
///
/// It is found or made by the functions of [`SharedSegment`], and lives until it is removed: dropping a `Segment`
/// does nothing to it, nor does the end of the process. [`remove_on_drop`](Self::remove_on_drop) ties the two.
pub struct Segment<T> {
    identity: Identity,
    id: i32,
    size: usize,
    holds: PhantomData<fn() -> T>,
}

impl<T: SharedSegment> Segment<T> {
    pub(crate) fn new(identity: Identity, id: i32, size: usize) -> Self {
        Self {
            identity: Identity {
                id: Some(id),
                ..identity
            },
            id,
            size,
            holds: PhantomData,
        }
    }

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
    /// If there is no such segment, it has another size, or may not be read.
    pub fn from_id(id: i32) -> Result<Self, Error> {
        let identity = Identity {
            type_name: Some(T::SETTINGS.name),
            ..Identity::default()
        };
        T::options().check("open", identity, id)
    }

    /// The shmid. 0 is one too.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// The `key_t` it was found or created by; 0 for a private one, and for one found by its id.
    pub fn key(&self) -> i32 {
        self.identity.value.unwrap_or(0)
    }

    /// Bytes in the segment.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Maps the segment to read and write: shmat(2).
    ///
    /// Each call makes a mapping of its own, at an address of the kernel's choosing.
    ///
    /// # Errors
    ///
    /// If it was removed, may not be both read and written, or there is no room in the address space.
    pub fn attach(&self) -> Result<Attached<T, ReadWrite>, Error> {
        self.attach_as()
    }

    /// Maps the segment to read: shmat(2) with SHM_RDONLY. The hardware keeps this process from writing.
    ///
    /// # Errors
    ///
    /// If it was removed, may not be read, or there is no room in the address space.
    pub fn attach_read_only(&self) -> Result<Attached<T, ReadOnly>, Error> {
        self.attach_as()
    }

    /// Maps the segment to write: as [`attach`](Self::attach), with a type that does not read.
    ///
    /// # Errors
    ///
    /// As for [`attach`](Self::attach): System V has no mapping that cannot be read.
    pub fn attach_write_only(&self) -> Result<Attached<T, WriteOnly>, Error> {
        self.attach_as()
    }

    fn attach_as<A: Access>(&self) -> Result<Attached<T, A>, Error> {
        let flags = if A::MAPS_WRITABLE { 0 } else { sys::SHM_RDONLY };
        let address = sys::shmat(self.id, flags).map_err(|error| self.attach_error(error))?;
        Ok(Attached::new(self.clone(), address))
    }

    /// Maps the segment to read and write at `address`, in place of what is mapped there: shmat(2) with SHM_REMAP.
    ///
    /// For the few who need the same address in every process: reserve the range first, by mmap(2) with PROT_NONE,
    /// so that nothing else moves in. Values in the segment need no fixed address.
    ///
    /// # Safety
    ///
    /// From `address`, [`size`](Self::size) bytes rounded up to whole pages are not in use: no object lives there,
    /// and nobody counts on them being mapped otherwise.
    ///
    /// # Errors
    ///
    /// As for [`attach`](Self::attach), and if `address` is not a multiple of the page size.
    pub unsafe fn attach_at(&self, address: usize) -> Result<Attached<T, ReadWrite>, Error> {
        let pointer = core::ptr::with_exposed_provenance_mut(address);
        // SAFETY: the caller's promise.
        match unsafe { sys::shmat_over(self.id, pointer, 0) } {
            Ok(address) => Ok(Attached::new(self.clone(), address)),
            Err(error) if error.raw_os_error() == Some(sys::EINVAL) && Stat::from_proc(self.id).is_some() => {
                Err(self.error("attach", ErrorKind::Address { address }))
            }
            Err(error) => Err(self.attach_error(error)),
        }
    }

    fn attach_error(&self, error: std::io::Error) -> Error {
        let kind = match error.raw_os_error() {
            Some(sys::ENOMEM) => ErrorKind::NoMemory {
                size: self.size,
                huge_pages: false,
            },
            _ => diagnose::by_id(error, self.id),
        };
        self.error("attach", kind)
    }

    /// What the kernel records of the segment: shmctl(2) with IPC_STAT.
    ///
    /// # Errors
    ///
    /// If it was removed, or may not be read.
    pub fn stat(&self) -> Result<Stat, Error> {
        Stat::of(self.id).map_err(|error| self.error("stat", diagnose::by_id(error, self.id)))
    }

    /// Sets owner, group and mode: shmctl(2) with IPC_SET. Those already attached stay so.
    ///
    /// # Errors
    ///
    /// If it was removed, belongs to somebody else, or the mode has bits beyond 0o777.
    pub fn set_permissions(&self, permissions: Permissions) -> Result<(), Error> {
        let Permissions { uid, gid, mode } = permissions;
        let operation = "set the permissions of";
        let bits = match u16::try_from(mode) {
            Ok(bits) if bits <= 0o777 => bits,
            _ => return Err(self.error(operation, ErrorKind::InvalidInput { reason: BAD_MODE })),
        };
        sys::shm_set(self.id, uid, gid, bits)
            .map_err(|error| self.error(operation, diagnose::by_id(error, self.id)))
    }

    /// Keeps the segment in memory, never swapped out: shmctl(2) with SHM_LOCK. It stays so until
    /// [`unlock`](Self::unlock), whoever is attached. Pages not yet touched are not made present; for that there
    /// is [`prefault`](Attached::prefault).
    ///
    /// # Errors
    ///
    /// If it was removed, belongs to somebody else, or is larger than RLIMIT_MEMLOCK allows.
    pub fn lock(&self) -> Result<(), Error> {
        sys::shm_lock(self.id).map_err(|error| self.error("lock", diagnose::lock(error, self.id)))
    }

    /// Allows the segment to be swapped out again: shmctl(2) with SHM_UNLOCK.
    ///
    /// # Errors
    ///
    /// If it was removed, or belongs to somebody else.
    pub fn unlock(&self) -> Result<(), Error> {
        sys::shm_unlock(self.id).map_err(|error| self.error("unlock", diagnose::lock(error, self.id)))
    }

    /// Removes the segment: shmctl(2) with IPC_RMID, by id, so that it cannot hit a successor under the same key.
    /// It goes when the last process detaches; until then those attached go on using it.
    ///
    /// # Errors
    ///
    /// If it was removed already, or belongs to somebody else.
    pub fn remove(&self) -> Result<(), Error> {
        sys::shm_remove(self.id).map_err(|error| self.error("remove", diagnose::by_id(error, self.id)))
    }

    /// A guard that removes the segment when it is dropped, also by a panic; not when the process is killed.
    pub fn remove_on_drop(self) -> RemoveOnDrop<T> {
        RemoveOnDrop(self)
    }

    pub(crate) fn error(&self, operation: &'static str, kind: ErrorKind) -> Error {
        Error::new(operation, self.identity.clone(), kind)
    }
}

impl<T> Clone for Segment<T> {
    fn clone(&self) -> Self {
        Self {
            identity: self.identity.clone(),
            id: self.id,
            size: self.size,
            holds: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Segment<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("identity", &format_args!("{}", self.identity))
            .field("size", &self.size)
            .finish()
    }
}

/// Removes its segment when dropped. Made by [`Segment::remove_on_drop`]; derefs to the segment.
#[must_use = "the segment is removed when this is dropped"]
pub struct RemoveOnDrop<T: SharedSegment>(Segment<T>);

impl<T: SharedSegment> RemoveOnDrop<T> {
    /// Gives the segment back without removing it.
    pub fn keep(self) -> Segment<T> {
        let segment = self.0.clone();
        core::mem::forget(self);
        segment
    }
}

impl<T: SharedSegment> Deref for RemoveOnDrop<T> {
    type Target = Segment<T>;

    fn deref(&self) -> &Segment<T> {
        &self.0
    }
}

impl<T: SharedSegment> Drop for RemoveOnDrop<T> {
    fn drop(&mut self) {
        // It may have been removed by somebody else, and a drop has nobody to tell.
        let _ = self.0.remove();
    }
}

impl<T: SharedSegment> fmt::Debug for RemoveOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoveOnDrop").field(&self.0).finish()
    }
}
