//! How to create and open a segment, where the defaults of the derive are not enough.

use core::fmt;
use core::marker::PhantomData;

use crate::diagnose::{self, Creation};
use crate::error::{Error, ErrorKind};
use crate::identity::Identity;
use crate::key::Key;
use crate::segment::{Segment, Settings, SharedSegment};
use crate::shared::Shared;
use crate::stat::Stat;
use crate::sys;

/// A mode that is none.
pub(crate) const BAD_MODE: &str =
    "a mode has nine bits, read and write for owner, group and others: at most 0o777";

/// Options for creating and opening the segment of a `T`, in the manner of [`std::fs::OpenOptions`].
///
/// [`SharedSegment::options`] gives those of `#[shm(...)]`.
///
/// ```
/// use shm_runtime::{Key, SharedSegment};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(name = "org.example.options")]
/// struct Station { celsius: f64 }
///
/// let key = Key::name(format!("org.example.options.{}", std::process::id()));
/// let station = Station::options().key(key).mode(0o640).create()?.remove_on_drop();
/// assert_eq!(station.stat()?.mode, 0o640);
/// # Ok::<(), shm_runtime::Error>(())
/// ```
pub struct Options<T> {
    key: Key,
    settings: Settings,
    huge_pages: bool,
    no_reserve: bool,
    allow_larger: bool,
    holds: PhantomData<fn() -> T>,
}

impl<T: SharedSegment> Options<T> {
    pub(crate) fn new(key: Key, settings: Settings) -> Self {
        let (huge_pages, no_reserve, allow_larger) = (false, false, false);
        Self {
            key,
            settings,
            huge_pages,
            no_reserve,
            allow_larger,
            holds: PhantomData,
        }
    }

    /// Another key than that of `#[shm(...)]`.
    pub fn key(&mut self, key: Key) -> &mut Self {
        self.key = key;
        self
    }

    /// The permissions of a new segment: read and write for owner, group and others, at most 0o777. The umask has
    /// no part in it. An existing segment keeps its own.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.settings.mode = mode;
        self
    }

    /// Whether a new segment is made of huge pages (SHM_HUGETLB), of the system's default size. They come from
    /// a pool that root sets up (`sysctl vm.nr_hugepages`), and the user needs CAP_IPC_LOCK or the group of
    /// `sysctl vm.hugetlb_shm_group`. The segment's size stays that of the struct.
    pub fn huge_pages(&mut self, huge_pages: bool) -> &mut Self {
        self.huge_pages = huge_pages;
        self
    }

    /// Whether a new segment takes no swap space in advance (SHM_NORESERVE). Touching a page may then fail for lack
    /// of memory, and the kernel kills somebody. Refused together with huge pages, where touching a page of
    /// an empty pool would be SIGBUS.
    pub fn no_reserve(&mut self, no_reserve: bool) -> &mut Self {
        self.no_reserve = no_reserve;
        self
    }

    /// Whether to open a segment that is larger than the struct; what lies behind the struct is left alone.
    pub fn allow_larger(&mut self, allow_larger: bool) -> &mut Self {
        self.allow_larger = allow_larger;
        self
    }

    /// As [`SharedSegment::create`].
    ///
    /// # Errors
    ///
    /// If it exists already, a limit is reached, or the key cannot be derived.
    pub fn create(&self) -> Result<Segment<T>, Error> {
        let identity = self.resolve("create")?;
        self.create_as(identity)
    }

    /// As [`SharedSegment::create_with`].
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create) and [`Segment::attach`].
    pub fn create_with(&self, init: impl FnOnce(&Shared<T>)) -> Result<Segment<T>, Error> {
        let segment = self.create()?.remove_on_drop();
        init(&*segment.attach()?);
        Ok(segment.keep())
    }

    /// As [`SharedSegment::open`].
    ///
    /// # Errors
    ///
    /// If there is none, it has another size, or may not be read.
    pub fn open(&self) -> Result<Segment<T>, Error> {
        let (identity, id) = self.find("open")?;
        self.check("open", identity, id)
    }

    /// As [`SharedSegment::open_or_create`].
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create) and [`open`](Self::open).
    pub fn open_or_create(&self) -> Result<Segment<T>, Error> {
        self.open_or(|| self.create())
    }

    /// As [`SharedSegment::open_or_create_with`].
    ///
    /// # Errors
    ///
    /// As for [`create_with`](Self::create_with) and [`open`](Self::open).
    pub fn open_or_create_with(&self, init: impl FnOnce(&Shared<T>)) -> Result<Segment<T>, Error> {
        let mut init = Some(init);
        self.open_or(|| {
            let segment = self.create()?.remove_on_drop();
            let shared = segment.attach()?;
            // Called once at most: after a segment was created, there is no further try.
            if let Some(init) = init.take() {
                init(&shared);
            }
            Ok(segment.keep())
        })
    }

    /// As [`SharedSegment::remove`].
    ///
    /// # Errors
    ///
    /// If there is none, or it belongs to somebody else.
    pub fn remove(&self) -> Result<(), Error> {
        let (identity, id) = self.find("remove")?;
        Segment::<T>::new(identity, id, 0).remove()
    }

    /// Opens, or creates if there is none; and again, if another process was faster with either.
    fn open_or(&self, mut create: impl FnMut() -> Result<Segment<T>, Error>) -> Result<Segment<T>, Error> {
        if self.key.is_private() {
            return create();
        }
        loop {
            match self.open() {
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed) => {}
                opened => return opened,
            }
            match create() {
                Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists { .. }) => {}
                created => return created,
            }
        }
    }

    fn resolve(&self, operation: &'static str) -> Result<Identity, Error> {
        let identity = Identity {
            type_name: Some(self.settings.name),
            ..Identity::key(self.key.clone())
        };
        match self.key.resolve() {
            Ok((value, inode)) => Ok(Identity {
                value: Some(value),
                inode,
                ..identity
            }),
            Err(kind) => Err(Error::new(operation, identity, kind)),
        }
    }

    fn create_as(&self, identity: Identity) -> Result<Segment<T>, Error> {
        let error = |identity, kind| Err(Error::new("create", identity, kind));
        let Ok(mode @ 0..=0o777) = i32::try_from(self.settings.mode) else {
            return error(identity, ErrorKind::InvalidInput { reason: BAD_MODE });
        };
        if self.huge_pages && self.no_reserve {
            let reason = "huge pages without a reservation would be SIGBUS when the pool runs empty";
            return error(identity, ErrorKind::InvalidInput { reason });
        }
        let huge_pages = if self.huge_pages { sys::SHM_HUGETLB } else { 0 };
        let no_reserve = if self.no_reserve { sys::SHM_NORESERVE } else { 0 };
        let flags = sys::IPC_CREAT | sys::IPC_EXCL | mode | huge_pages | no_reserve;
        let key = identity.value.unwrap_or(sys::IPC_PRIVATE);
        let size = size_of::<T>();
        match sys::shmget(key, size, flags) {
            Ok(id) => Ok(Segment::new(identity, id, size)),
            Err(source) => {
                let existing = sys::shmget(key, 0, 0)
                    .ok()
                    .filter(|_| source.raw_os_error() == Some(sys::EEXIST));
                let kind = diagnose::create(
                    source,
                    Creation {
                        size,
                        huge_pages: self.huge_pages,
                    },
                    existing,
                );
                error(
                    Identity {
                        id: existing,
                        ..identity
                    },
                    kind,
                )
            }
        }
    }

    /// The id of the segment that has the key.
    fn find(&self, operation: &'static str) -> Result<(Identity, i32), Error> {
        let identity = self.resolve(operation)?;
        if self.key.is_private() {
            let reason = "a private segment has no key to find it by: use its id, with `Segment::from_id`";
            return Err(Error::new(
                operation,
                identity,
                ErrorKind::InvalidInput { reason },
            ));
        }
        match sys::shmget(identity.value.unwrap_or(sys::IPC_PRIVATE), 0, 0) {
            Ok(id) => Ok((identity, id)),
            Err(source) if source.raw_os_error() == Some(sys::ENOENT) => {
                Err(Error::new(operation, identity, ErrorKind::NotFound))
            }
            Err(source) => Err(Error::new(operation, identity, ErrorKind::Os { source })),
        }
    }

    /// The segment `id`, if it is one that a `T` can be in.
    pub(crate) fn check(
        &self,
        operation: &'static str,
        identity: Identity,
        id: i32,
    ) -> Result<Segment<T>, Error> {
        let identity = Identity {
            id: Some(id),
            ..identity
        };
        let stat = match Stat::of(id) {
            Ok(stat) => stat,
            Err(error) => return Err(Error::new(operation, identity, diagnose::by_id(error, id))),
        };
        let (found, expected) = (stat.size, size_of::<T>());
        if found < expected || (found > expected && !self.allow_larger) {
            return Err(Error::new(
                operation,
                identity,
                ErrorKind::SizeDiffers { found, expected },
            ));
        }
        Ok(Segment::new(identity, id, found))
    }
}

impl<T> fmt::Debug for Options<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("key", &self.key)
            .field("mode", &format_args!("{:#o}", self.settings.mode))
            .field("huge_pages", &self.huge_pages)
            .field("no_reserve", &self.no_reserve)
            .field("allow_larger", &self.allow_larger)
            .finish_non_exhaustive()
    }
}
