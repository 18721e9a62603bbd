//! How to create and open a segment, where the defaults of the derive are not enough.

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;
use std::thread;
use std::time::Instant;

use crate::diagnose::{self, Creation};
use crate::error::{Error, ErrorKind};
use crate::identity::Identity;
use crate::key::{Key, Resolved};
use crate::mapping::Mapping;
use crate::process::Process;
use crate::reclaim::{self, Outcome};
use crate::seal::{self, Claims, Seal, State};
use crate::segment::{Segment, Settings, SharedSegment, Trust};
use crate::shared::Shared;
use crate::stat::Stat;
use crate::sys;
use crate::text::{Text, text};

/// How often `open_or_create` goes back and forth between a segment that is missing and one that exists.
const MOST_TRIES: u32 = 1000;

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
    trusted: Vec<u32>,
    wait: Duration,
    huge_pages: bool,
    no_reserve: bool,
    allow_larger: bool,
    reclaim_stale: bool,
    holds: PhantomData<fn() -> T>,
}

impl<T: SharedSegment> Options<T> {
    pub(crate) fn new(key: Key, settings: Settings) -> Self {
        let (huge_pages, no_reserve, allow_larger, reclaim_stale) = (false, false, false, false);
        let (trusted, wait, holds) = (Vec::new(), Duration::from_secs(1), PhantomData);
        Self { key, settings, trusted, wait, huge_pages, no_reserve, allow_larger, reclaim_stale, holds }
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

    /// How long to wait for another process: for the creator of a segment to finish initialising it, when it is
    /// attached; for those who are about to leave, when one is reclaimed. One second if not given.
    pub fn wait(&mut self, wait: Duration) -> &mut Self {
        self.wait = wait;
        self
    }

    /// Accepts segments whose owner or creator is this user too. Without, only our own and root's are opened:
    /// anybody can create a segment under a key that is not in use, and wait for us to open it.
    pub fn trust_owner(&mut self, uid: u32) -> &mut Self {
        self.trusted.push(uid);
        self
    }

    /// Accepts segments of any user.
    pub fn trust_anybody(&mut self) -> &mut Self {
        self.settings.trust = Trust::Anybody;
        self
    }

    /// Whether `create` and `open_or_create` replace a segment whose creator is dead and which nobody is attached to,
    /// with all that is in it. Only one that was never initialised to the end is replaced otherwise, and only by
    /// `open_or_create`. It is never done to a bare segment.
    pub fn reclaim_stale(&mut self, reclaim_stale: bool) -> &mut Self {
        self.reclaim_stale = reclaim_stale;
        self
    }

    /// Whether to open a bare segment that is larger than the struct; what lies behind the struct is left alone.
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
        self.create_then(None::<fn(&Shared<T>)>)
    }

    /// As [`SharedSegment::create_with`].
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create) and [`Segment::attach`].
    pub fn create_with(&self, init: impl FnOnce(&Shared<T>)) -> Result<Segment<T>, Error> {
        self.create_then(Some(init))
    }

    /// As [`SharedSegment::open`].
    ///
    /// # Errors
    ///
    /// As for [`SharedSegment::open`].
    pub fn open(&self) -> Result<Segment<T>, Error> {
        let (identity, id) = self.find("open")?;
        self.check(identity, id, false)
    }

    /// As [`SharedSegment::open_compatible`].
    ///
    /// # Errors
    ///
    /// As for [`SharedSegment::open`].
    pub fn open_compatible(&self) -> Result<Segment<T>, Error> {
        let (identity, id) = self.find("open")?;
        self.check(identity, id, true)
    }

    /// As [`Segment::from_id`]; the key plays no part.
    ///
    /// # Errors
    ///
    /// As for [`SharedSegment::open`].
    pub fn open_id(&self, id: i32) -> Result<Segment<T>, Error> {
        self.check(Identity { type_name: Some(self.settings.name), ..Identity::default() }, id, false)
    }

    /// As [`SharedSegment::open_or_create`].
    ///
    /// # Errors
    ///
    /// As for [`SharedSegment::open_or_create`].
    pub fn open_or_create(&self) -> Result<Segment<T>, Error> {
        self.open_or(|| self.create())
    }

    /// As [`SharedSegment::open_or_create_with`].
    ///
    /// # Errors
    ///
    /// As for [`SharedSegment::open_or_create`].
    pub fn open_or_create_with(&self, init: impl FnOnce(&Shared<T>)) -> Result<Segment<T>, Error> {
        let mut init = Some(init);
        // Whether it is called at all is known when the segment was created, and then there is no further try.
        self.open_or(|| {
            self.create_then(Some(|shared: &Shared<T>| {
                if let Some(init) = init.take() {
                    init(shared);
                }
            }))
        })
    }

    /// As [`SharedSegment::remove`].
    ///
    /// # Errors
    ///
    /// If there is none, or it belongs to somebody else.
    pub fn remove(&self) -> Result<(), Error> {
        let (identity, id) = self.find("remove")?;
        Segment::<T>::new(identity, id, 0, self.wait).remove()
    }

    /// Opens, or creates if there is none; and again, if another process was faster with either, or left a segment
    /// half-made.
    fn open_or(&self, mut create: impl FnMut() -> Result<Segment<T>, Error>) -> Result<Segment<T>, Error> {
        if self.key.is_private() {
            return create();
        }
        let start = Instant::now();
        let mut tries = 0;
        loop {
            let missing = match self.open().and_then(|segment| self.usable(segment)) {
                Ok(Some(segment)) => return Ok(segment),
                // Reclaimed.
                Ok(None) => true,
                Err(error) => match error.kind() {
                    ErrorKind::NotFound | ErrorKind::Removed => true,
                    // Another process is reclaiming it, or somebody is attached.
                    ErrorKind::Abandoned { .. } if start.elapsed() < self.wait => false,
                    _ => return Err(error),
                },
            };
            if !missing {
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            match create() {
                // Another process created it just now; one that creates and removes all the time must not hold us.
                Err(error)
                    if matches!(error.kind(), ErrorKind::AlreadyExists { .. }) && tries < MOST_TRIES =>
                {
                    tries += 1
                }
                created => return created,
            }
        }
    }

    /// The segment, if it can be attached; `None` if it was stale, and is reclaimed.
    fn usable(&self, segment: Segment<T>) -> Result<Option<Segment<T>>, Error> {
        if self.settings.bare {
            return Ok(Some(segment));
        }
        let attached = segment.attach_read_only();
        let half_made =
            matches!(&attached, Err(error) if matches!(error.kind(), ErrorKind::Abandoned { .. }));
        // Detached before anything is reclaimed: otherwise we would be the one who is still attached.
        let attached = attached.map(drop);
        if (half_made || (self.reclaim_stale && attached.is_ok())) && self.reclaim(&segment)? == Outcome::Gone
        {
            return Ok(None);
        }
        attached.map(|()| Some(segment))
    }

    fn reclaim(&self, segment: &Segment<T>) -> Result<Outcome, Error> {
        let (id, blank_size) = (segment.id(), self.sealed_size());
        let outcome = reclaim::reclaim(id, blank_size, self.reclaim_stale, self.wait);
        outcome.map_err(|error| segment.error("reclaim", diagnose::by_id(error, id)))
    }

    /// The size of a segment that we would create.
    fn sealed_size(&self) -> usize {
        if self.settings.bare {
            return size_of::<T>();
        }
        seal::sealed_size(size_of::<T>(), Text::<T>::LEN + self.key.to_string().len())
    }

    fn resolve(&self, operation: &'static str) -> Result<Identity, Error> {
        let identity = Identity { type_name: Some(self.settings.name), ..Identity::key(self.key.clone()) };
        match self.key.resolve() {
            Ok(Resolved { value, inode, hash }) => {
                Ok(Identity { value: Some(value), inode, key_hash: Some(hash), ..identity })
            }
            Err(kind) => Err(Error::new(operation, identity, kind)),
        }
    }

    /// Creates the segment, and seals it once `init` has run.
    fn create_then(&self, init: Option<impl FnOnce(&Shared<T>)>) -> Result<Segment<T>, Error> {
        let segment = self.create_bytes()?;
        if self.settings.bare && init.is_none() {
            return Ok(segment);
        }
        // Until it is made, every way out of here removes it.
        let segment = segment.remove_on_drop();
        let mapping = Mapping::new(segment.id(), true);
        let mapping = mapping.map_err(|error| segment.attach_error(error))?;
        if mapping.size() != segment.size() {
            // Removed by another process, and the id given to another segment. That one is not ours to remove.
            let segment = segment.keep();
            return Err(segment.error("attach", ErrorKind::Removed));
        }
        self.initialise(&segment, &mapping, init);
        Ok(segment.keep().with_spare(mapping))
    }

    fn initialise(&self, segment: &Segment<T>, mapping: &Mapping, init: Option<impl FnOnce(&Shared<T>)>) {
        let sealing = match self.settings.bare {
            true => None,
            false => Sealing::begin(segment, mapping, &self.key),
        };
        if let Some(init) = init {
            // SAFETY: a mapping of a new segment, which has room for a `T`; `Shared` is valid with any bytes.
            init(unsafe { mapping.address().cast().as_ref() });
        }
        if let Some(sealing) = sealing {
            sealing.finish();
        }
    }

    /// shmget(2) with IPC_CREAT and IPC_EXCL.
    fn create_bytes(&self) -> Result<Segment<T>, Error> {
        let identity = self.resolve("create")?;
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
        let size = self.sealed_size();
        loop {
            let source = match sys::shmget(key, size, flags) {
                Ok(id) => return Ok(Segment::new(identity, id, size, self.wait)),
                Err(source) => source,
            };
            let exists = source.raw_os_error() == Some(sys::EEXIST);
            let existing = sys::shmget(key, 0, 0).ok().filter(|_| exists);
            // A stranger's is not even looked into.
            if let Some(id) = existing
                && self.reclaim_stale
                && !self.settings.bare
                && Stat::of(id).is_ok_and(|stat| self.check_trust(&stat).is_ok())
            {
                let segment = Segment::new(identity.clone(), id, size, self.wait);
                if self.reclaim(&segment)? == Outcome::Gone {
                    continue;
                }
            }
            let kind = diagnose::create(source, Creation { size, huge_pages: self.huge_pages }, existing);
            return error(Identity { id: existing, ..identity }, kind);
        }
    }

    /// The id of the segment that has the key.
    fn find(&self, operation: &'static str) -> Result<(Identity, i32), Error> {
        let identity = self.resolve(operation)?;
        if self.key.is_private() {
            let reason = "a private segment has no key to find it by: use its id, with `Segment::from_id`";
            return Err(Error::new(operation, identity, ErrorKind::InvalidInput { reason }));
        }
        match sys::shmget(identity.value.unwrap_or(sys::IPC_PRIVATE), 0, 0) {
            Ok(id) => Ok((identity, id)),
            Err(source) if source.raw_os_error() == Some(sys::ENOENT) => {
                Err(Error::new(operation, identity, ErrorKind::NotFound))
            }
            Err(source) => Err(Error::new(operation, identity, ErrorKind::Os { source })),
        }
    }

    /// The segment `id`, if its owner is trusted and, of a bare one, the size right.
    fn check(&self, identity: Identity, id: i32, compatible: bool) -> Result<Segment<T>, Error> {
        let identity = Identity { id: Some(id), ..identity };
        let checked = Stat::of(id).map_err(|error| diagnose::by_id(error, id)).and_then(|stat| {
            self.check_trust(&stat)?;
            self.check_size(&stat, id)?;
            Ok(stat)
        });
        match checked {
            Ok(stat) => Ok(Segment::found(identity, id, &stat, compatible, self.wait)),
            Err(kind) => Err(Error::new("open", identity, kind)),
        }
    }

    fn check_trust(&self, stat: &Stat) -> Result<(), ErrorKind> {
        let uid = sys::effective_uid();
        let trusted = |user: u32| {
            user == uid
                || user == 0
                || self.trusted.contains(&user)
                || match self.settings.trust {
                    Trust::Nobody => false,
                    Trust::User(trusted) => user == trusted,
                    Trust::Anybody => true,
                }
        };
        match trusted(stat.uid) && trusted(stat.creator_uid) {
            true => Ok(()),
            false => Err(ErrorKind::Untrusted { owner: stat.uid, creator: stat.creator_uid, uid }),
        }
    }

    fn check_size(&self, stat: &Stat, id: i32) -> Result<(), ErrorKind> {
        let (found, expected) = (stat.size, size_of::<T>());
        if !self.settings.bare || found == expected || (found > expected && self.allow_larger) {
            return Ok(());
        }
        let sealed = Mapping::new(id, false).is_ok_and(|mapping| {
            // SAFETY: mapped until the end of this closure, and of the size that the kernel says.
            unsafe { Seal::of(mapping.address().cast(), mapping.size()) }.is_some_and(Seal::has_magic)
        });
        match sealed && found > expected {
            true => Err(ErrorKind::Sealed { found, expected }),
            false => Err(ErrorKind::SizeDiffers { found, expected }),
        }
    }
}

/// A seal that is being made. Until it is finished, dropping it, as a panic of the initialiser does, says that the
/// segment is abandoned.
struct Sealing<'a>(Seal<'a>);

impl<'a> Sealing<'a> {
    /// Writes the seal of a new segment; `None` if its size has no room for one, which `sealed_size` sees to.
    fn begin<T: SharedSegment>(segment: &Segment<T>, mapping: &'a Mapping, key: &Key) -> Option<Self> {
        // SAFETY: mapped for `'a`, and of the size that the kernel says.
        let seal = unsafe { Seal::of(mapping.address().cast(), mapping.size()) }?;
        let (schema, key) = (text(&T::INFO, Text::<T>::LEN), key.to_string());
        seal.write(
            Claims {
                fingerprint: Text::<T>::HASH,
                struct_size: u64::try_from(size_of::<T>()).ok()?,
                schema_len: u32::try_from(schema.len()).ok()?,
                key_len: u32::try_from(key.len()).ok()?,
                key_hash: segment.key_hash(),
                creator: Process::this(),
            },
            &schema,
            &key,
        );
        seal.begin();
        Some(Self(seal))
    }

    fn finish(self) {
        self.0.set_state(State::Ready);
        core::mem::forget(self);
    }
}

impl Drop for Sealing<'_> {
    fn drop(&mut self) {
        self.0.set_state(State::Abandoned);
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
            .field("reclaim_stale", &self.reclaim_stale)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}
