//! How to create and open a segment, where the defaults of the derive are not enough.

mod create;
mod open;
mod upgrade;

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;
use std::borrow::Cow;

use crate::ipc::error::Error;
use crate::ipc::key::Key;
use crate::ipc::kind::ObjectKind;
use crate::ipc::lookup::Lookup;
use crate::memory::access::ReadWrite;
use crate::memory::tail::Whole;
use crate::segment::companion;
use crate::segment::diagnose;
use crate::segment::settings::Settings;
use crate::segment::tailed_segment::TailedSegment;
use crate::segment::{Segment, Terms};
use crate::sem;
use crate::sys;

/// Options for creating and opening the segment of a `T`, in the manner of [`std::fs::OpenOptions`].
///
/// [`SharedSegment::options`](crate::SharedSegment::options) gives those of `#[shm(...)]`.
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
/// assert_eq!(station.stat()?.permissions.mode, 0o640);
/// # Ok::<(), shm_runtime::Error>(())
/// ```
pub struct Options<T: Whole + ?Sized> {
    lookup: Lookup,
    settings: Settings,
    wait: Duration,
    huge_pages: bool,
    trusts_writers: bool,
    allows_other_pid_namespace: bool,
    no_reserve: bool,
    allow_larger: bool,
    reclaim_stale: bool,
    /// Of the slice at the end: what a new segment has, and an existing one is to have.
    len: Option<usize>,
    /// What gives the new fields of an older segment their values.
    upgrade: Option<Init<T>>,
    holds: PhantomData<fn(&T)>,
}

/// Gives a new segment its first values.
type Init<T> = fn(&<T as Whole>::__View<ReadWrite>);

impl<T: Whole + ?Sized> Options<T> {
    pub(crate) fn new(key: Key, settings: Settings) -> Self {
        let (huge_pages, trusts_writers, no_reserve) = (false, false, false);
        let (allow_larger, reclaim_stale, allows_other_pid_namespace) = (false, false, false);
        let (wait, holds) = (Duration::from_secs(1), PhantomData);
        let lookup = Lookup {
            mode: settings.mode,
            ..Lookup::new(ObjectKind::Segment, key, Some(settings.name), settings.trust)
        };
        Self {
            lookup,
            settings,
            wait,
            huge_pages,
            trusts_writers,
            allows_other_pid_namespace,
            no_reserve,
            allow_larger,
            reclaim_stale,
            len: None,
            upgrade: None,
            holds,
        }
    }

    /// Another key than that of `#[shm(...)]`.
    pub fn key(&mut self, key: Key) -> &mut Self {
        self.lookup.key = key;
        self
    }

    /// The permissions of a new segment: read and write for owner, group and others, at most 0o777. The umask has
    /// no part in it. An existing segment keeps its own.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.lookup.mode = mode;
        self
    }

    /// Whether a new segment is made of huge pages (SHM_HUGETLB), of the system's default size. They come from
    /// a pool that root sets up (`sysctl vm.nr_hugepages`), and the user needs CAP_IPC_LOCK or the group of
    /// `sysctl vm.hugetlb_shm_group`. The segment's size stays that of the struct.
    ///
    /// **Any process that may write to such a segment can kill the others that are attached to it, and nothing prevents
    /// that.** So it takes [`trust_writers`](Self::trust_writers) too, which says how, and without it creating one is an
    /// error.
    pub fn huge_pages(&mut self, huge_pages: bool) -> &mut Self {
        self.huge_pages = huge_pages;
        self
    }

    /// Trusts every process that may write to the segment not to take its huge pages away: needed to create a segment of
    /// huge pages, and to attach one.
    ///
    /// With madvise(2) MADV_REMOVE, a process gives pages of the segment back to the system's pool, and with them the
    /// reservation that was made when the segment was created. If the pool is empty then, the next access to such a page
    /// is SIGBUS, which ends the process that makes it.
    ///
    /// Nothing that a process can do for itself prevents this. Tried were pages made present before
    /// ([`prefault`](crate::Attached::prefault)); SHM_LOCK ([`Segment::lock`]) and mlock(2), which succeed and keep nothing;
    /// and file seals, which System V segments do not have. A process that may only read the segment cannot do it, so its
    /// mode says which users have to be trusted. With pages of the usual size, the same call loses data, as writing zeros
    /// does, and no access fails.
    ///
    /// A process that opens a segment does not know what it is made of before it is attached. Without this, attaching
    /// one of huge pages is an error, [`ErrorKind::HugePages`](crate::ErrorKind::HugePages). (Linux before 5.16 does not
    /// tell them apart.)
    ///
    /// ```no_run
    /// use shm_runtime::SharedSegment;
    ///
    /// #[derive(SharedSegment)]
    /// #[repr(C)]
    /// #[shm(name = "org.example.frames")]
    /// struct Frames { pixels: [u8; 64 << 20] }
    ///
    /// let frames = Frames::options().huge_pages(true).trust_writers().create()?;
    /// // In another process:
    /// let frames = Frames::options().trust_writers().open()?.attach()?;
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    pub fn trust_writers(&mut self) -> &mut Self {
        self.trusts_writers = true;
        self
    }

    /// Lets a segment whose struct contains a [`Mutex`](crate::sync::Mutex) be attached, to be written, by a process of
    /// another pid namespace than its creator's.
    ///
    /// The lock's word is the thread id of its holder, which means another thread there, or none: **two processes can hold
    /// the lock at once, and a living holder can count as dead.** So this is for programs that do not use the lock from
    /// both namespaces, and for namespaces that are known to be one. What the processes of two containers lock together
    /// takes one pid namespace: `shareProcessNamespace: true` of a Kubernetes pod, `--pid=container:...` of Docker
    /// or Podman.
    ///
    /// Without this, attaching is an error, [`ErrorKind::OtherPidNamespace`](crate::ErrorKind::OtherPidNamespace), where the
    /// creator's namespace is known: from the seal, or because the kernel says that this process cannot see it. Of a bare
    /// segment, only the second is known. A struct without a `Mutex` can be attached from everywhere.
    ///
    /// ```no_run
    /// use shm_runtime::{SharedSegment, sync};
    ///
    /// #[derive(SharedSegment)]
    /// #[repr(C)]
    /// #[shm(name = "org.example.accounts")]
    /// struct Accounts { total: sync::Mutex<i64>, shown: sync::SeqLock<i64> }
    ///
    /// // In another container, and only to use `shown`:
    /// let accounts = Accounts::options().allow_other_pid_namespace().open()?.attach()?;
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    pub fn allow_other_pid_namespace(&mut self) -> &mut Self {
        self.allows_other_pid_namespace = true;
        self
    }

    /// Whether a new segment takes no swap space in advance (SHM_NORESERVE). Touching a page may then fail for lack
    /// of memory, and the kernel kills a process. Refused together with huge pages, where touching a page of
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

    /// How long opening waits for a segment that does not exist yet, where another process is to create it; also for the file
    /// that an [ftok](Key::ftok) key comes from. Not at all, if not given.
    ///
    /// What is left of the time when it is there is also waited for its creator to finish initialising it, when it is attached, even if [`wait`](Self::wait) is less.
    ///
    /// The kernel does not announce a new segment: it is asked every 5 ms. [`open_or_create`](Self::open_or_create) waits this
    /// long too, before it creates one. `open_id` does not wait, because an id is of what exists.
    ///
    /// ```
    /// use core::time::Duration;
    /// use shm_runtime::{ErrorKind, SharedSegment};
    ///
    /// #[derive(SharedSegment)]
    /// #[repr(C)]
    /// #[shm(name = "org.example.station-that-nobody-starts")]
    /// struct Station { celsius: f64 }
    ///
    /// let start = std::time::Instant::now();
    /// let error = Station::options().wait_for_creation(Duration::from_millis(20)).open().unwrap_err();
    /// assert!(matches!(error.kind(), ErrorKind::NotFound));
    /// assert!(start.elapsed() >= Duration::from_millis(20));
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    pub fn wait_for_creation(&mut self, wait: Duration) -> &mut Self {
        self.lookup.wait_for_creation = wait;
        self
    }

    /// Accepts segments whose owner or creator is this user too. Without, only our own and root's are opened:
    /// any user can create a segment under a key that is not in use, and wait for us to open it.
    ///
    /// Root is the user whose number is 0 in this process's user namespace. Where some users have no number there, all of
    /// those look like one, the overflow uid (65534 if the machine's administrator did not change it; see
    /// user_namespaces(7)): a segment of that user is refused even if it was named here, because it can be any of them.
    pub fn trust_owner(&mut self, uid: u32) -> &mut Self {
        self.lookup.trusted.add(uid);
        self
    }

    /// The same for a user with this name, as `#[shm(trust = "gpsd")]` says it. It is looked up, by getpwnam_r(3), each time
    /// when a segment of another user is found; until then it need not exist.
    pub fn trust_owner_named(&mut self, name: impl Into<Cow<'static, str>>) -> &mut Self {
        self.lookup.trusted.add_named(name.into());
        self
    }

    /// Accepts segments of any user, as `#[shm(trust = any)]` says it: for a program of root, say, that serves all users.
    pub fn trust_anybody(&mut self) -> &mut Self {
        self.lookup.trusted.add_anybody();
        self
    }

    /// Whether a stale segment of this program is replaced, with all that is in it: by `create` in any case, by
    /// `open_or_create` if it cannot be opened because the struct has changed since. Data of the same struct is never
    /// replaced by `open_or_create`.
    ///
    /// Before it is asked whether a segment is stale, it is asked **whose** it is. It is this program's if its owner and
    /// creator are [trusted](Self::trust_owner), its seal says that its key was [derived](Key#collisions) to mean the same,
    /// and that its struct has the same name. Every other one is left alone by all functions. It is **stale** if its
    /// creator is certainly dead and no process is attached; what cannot be known counts as alive: a creator in a pid namespace
    /// that this process does not see, for one.
    ///
    /// | the stale segment is | `create` | `open_or_create` | `create` with `reclaim_stale` | `open_or_create` with `reclaim_stale` |
    /// | --- | --- | --- | --- | --- |
    /// | ours, never initialised to the end | `AlreadyExists` | **replaced** | **replaced** | **replaced** |
    /// | ours, ready, the same layout | `AlreadyExists` | opened | **replaced** | opened |
    /// | ours, ready, another layout or size | `AlreadyExists` | `LayoutDiffers` | **replaced** | **replaced** |
    /// | another struct, by the same key | `AlreadyExists` | `LayoutDiffers` | `LayoutDiffers` | `LayoutDiffers` |
    /// | another program's: its key means something else | `KeyCollision` | `KeyCollision` | `KeyCollision` | `KeyCollision` |
    /// | of a user who is not trusted | `AlreadyExists` | `Untrusted` | `AlreadyExists` | `Untrusted` |
    /// | without a seal, or with one that makes no sense | `AlreadyExists` | `NotSealed`, `BadSeal` | `AlreadyExists` | `NotSealed`, `BadSeal` |
    /// | bare, as this program's struct | `AlreadyExists` | opened | `AlreadyExists` | opened |
    ///
    /// One that is not stale is never replaced: `create` says `AlreadyExists`, and `open_or_create` opens it or says why
    /// not. A segment of which not even the seal was begun is taken for ours if it is as large as ours would be, and
    /// all its bytes are zero (and at most 1 GiB, because they have to be read): there is no data in it.
    pub fn reclaim_stale(&mut self, reclaim_stale: bool) -> &mut Self {
        self.reclaim_stale = reclaim_stale;
        self
    }

    /// Upgrades a segment that an older version of this program left, whose struct had only the first of the fields that it has
    /// now: `open`, `open_or_create` and their like then put another one in its place, with its values, and `init` gives the new
    /// fields theirs, which are zero before. Of a segment that is not older, nothing is changed.
    ///
    /// A System V segment does not grow: so the new one is another segment under the same key, with another id and the owner,
    /// group and mode of the old one. The old one is removed, which takes its owner or root; those that are attached to it go on
    /// with it, and learn of the new one by [`Attached::is_current`](crate::Attached::is_current). An old program
    /// that opens the key then, by [`open_compatible`](Self::open_compatible), finds the new one.
    ///
    /// No process sees a segment with half of the values. Of processes that upgrade at the same time, one does, and the others
    /// wait for it, [this long](Self::wait).
    ///
    /// - **What is written to the old segment from when its values are copied is lost**, as is what those write that stay
    ///   attached to it. So stop the writers, or let each of them ask `is_current` and write again.
    /// - Except of a [`Queue`](crate::sync::Queue): it is held still while it is carried, and then is closed in the old segment, so that
    ///   no value that it accepted is lost: those that use it there get [`QueueError::Upgraded`](crate::sync::QueueError::Upgraded). If
    ///   a process dies between that and the removal of the old segment, the next process that attaches that one opens the queue
    ///   again, and the next that upgrades it begins anew.
    /// - A [`Mutex`](crate::sync::Mutex) is free in the new segment; if it was held while it was copied, the next to lock it gets
    ///   [`OwnerDied`](crate::sync::LockError::OwnerDied), because its value may be half-changed. A
    ///   [`SeqLock`](crate::sync::SeqLock) has a value that was written as a whole, and no writer. A listener that sleeps on an
    ///   [`Event`](crate::sync::Event) of the old segment is not woken.
    /// - A process can die at any instruction of it. Before the old segment is removed, that one stays as it was. After that, and
    ///   until the new one is ready, the values are in a third segment, under a key that is derived from this one: the next process
    ///   that opens the key with `upgrade`, and with the same struct or a still newer one, goes on with that. **Others find no
    ///   segment until then**, or one that is half-made. One that creates an old one in that moment, with `open_or_create`, has what
    ///   it writes there replaced by the values from before, also what a `Queue` accepted; one that creates a new one without
    ///   `upgrade` begins anew, and the third segment is removed. Which one is from before is known by the system's clock.
    /// - If the new segment cannot be created then, because a limit was reached in that moment, the error says so, and the values
    ///   stay in the third segment. A process goes on with it when the one that made it has ended.
    /// - It takes the memory for two copies for a moment, for three if there is a `Queue`, and one segment more.
    ///
    /// A segment whose seal this program does not understand, a bare one, and one of which fields were removed, moved or given
    /// another type, are not upgraded. Segments that are opened by their id are not, either.
    ///
    /// ```
    /// use shm_runtime::{Key, SharedSegment};
    ///
    /// mod v1 {
    ///     #[derive(shm_runtime::SharedSegment)]
    ///     #[repr(C)]
    ///     #[shm(private)]
    ///     pub struct Station { pub celsius: f64 }
    /// }
    ///
    /// #[derive(SharedSegment)]
    /// #[repr(C)]
    /// #[shm(private)]
    /// struct Station { celsius: f64, hectopascal: f64 }
    ///
    /// let key = Key::name(format!("org.example.upgrade.{}", std::process::id()));
    /// let old = v1::Station::options().key(key.clone()).create()?.attach()?;
    /// old.celsius.set(21.5);
    ///
    /// let mut options = Station::options();
    /// options.key(key).upgrade(|station| station.hectopascal.set(1013.25));
    /// let new = options.open()?.remove_on_drop().attach()?;
    /// assert_eq!((new.celsius.get(), new.hectopascal.get()), (21.5, 1013.25));
    /// assert!(!old.is_current()?);
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    pub fn upgrade(&mut self, init: fn(&T::__View<ReadWrite>)) -> &mut Self {
        self.upgrade = Some(init);
        self
    }

    /// The segment under the key, with a slice of `len` elements at its end: if it has another length, its next generation is put in
    /// its place, with its values. So a segment grows, which a System V segment by itself does not.
    ///
    /// The new one is another segment under the same key, with the owner, group and mode of the old one. Those that are attached to
    /// the old one go on with it, until they learn by [`Attached::is_current`](crate::Attached::is_current) that there is another,
    /// and open that. No process sees a segment with half of the values. New elements are zero; with a smaller `len`, the values of
    /// the elements that are left out are lost.
    ///
    /// It works as [`upgrade`](Self::upgrade) does, and all that is said there is true of it: **what is written to the old segment
    /// from when its values are copied is lost**; a process can die at any instruction of it, and the next that calls this, or opens
    /// with `upgrade`, goes on; it takes the memory for two copies for a moment.
    ///
    /// ```
    /// use shm_runtime::{Key, SharedSegment, TailedSegment};
    ///
    /// #[derive(SharedSegment)]
    /// #[repr(C)]
    /// #[shm(name = "org.example.series")]
    /// struct Series { station: u64, hours: [f32] }
    ///
    /// let key = Key::name(format!("org.example.series.{}", std::process::id()));
    /// let mut options = Series::options();
    /// options.key(key);
    /// let day = options.len(24).create()?.attach()?;
    /// day.hours[23].set(11.0);
    ///
    /// let week = options.successor(7 * 24)?.remove_on_drop().attach()?;
    /// assert_eq!((week.hours.len(), week.hours[23].get()), (168, 11.0));
    /// assert!(!day.is_current()?);
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no segment under the key, it is bare, this user may not remove it, or a limit is reached. Also as for
    /// [`SharedSegment::open`](crate::SharedSegment::open) and [`Segment::attach`].
    pub fn successor(&self, len: usize) -> Result<Segment<T>, Error>
    where
        T: TailedSegment,
    {
        self.open_with_len(len)
    }

    /// Whether to open a bare segment that is larger than the struct; what lies after the struct is not touched.
    pub fn allow_larger(&mut self, allow_larger: bool) -> &mut Self {
        self.allow_larger = allow_larger;
        self
    }

    /// How long the slice at the end of the struct is: of a new segment, which cannot be created without; and of one that is opened,
    /// if it is to be refused with another length ([`ErrorKind::LengthDiffers`](crate::ErrorKind::LengthDiffers)). One that is
    /// opened without has the length that it was created with.
    ///
    /// The segment has `sizeof(struct log) + len * sizeof(struct record)` bytes, as C programs count them, and its seal.
    ///
    /// ```
    /// use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
    ///
    /// use shm_runtime::{Key, Shareable, SharedSegment, TailedSegment};
    ///
    /// #[derive(Clone, Copy, Shareable)]
    /// #[repr(C)]
    /// struct Record { time: u64, value: f64 }
    ///
    /// #[derive(SharedSegment)]
    /// #[repr(C)]
    /// #[shm(name = "org.example.log")]
    /// struct Log { written: AtomicU64, records: [Record] }
    ///
    /// let key = Key::name(format!("org.example.log.{}", std::process::id()));
    /// let log = Log::options().key(key.clone()).len(1000).create()?.remove_on_drop();
    /// let writer = log.attach()?;
    /// writer.records[7].value.set(1.5);
    /// writer.written.fetch_add(1, Relaxed);
    ///
    /// // In another process:
    /// let reader = Log::options().key(key).open()?.attach_read_only()?;
    /// assert_eq!(reader.records.len(), 1000);
    /// assert_eq!(reader.records[7].value.get(), 1.5);
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    pub fn len(&mut self, len: usize) -> &mut Self
    where
        T: TailedSegment,
    {
        self.len = Some(len);
        self
    }

    /// As [`SharedSegment::create`](crate::SharedSegment::create).
    ///
    /// # Errors
    ///
    /// If it exists already, a limit is reached, or the key cannot be derived.
    pub fn create(&self) -> Result<Segment<T>, Error> {
        self.create_then(None::<Init<T>>)
    }

    /// As [`SharedSegment::create_with`](crate::SharedSegment::create_with).
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create) and [`Segment::attach`].
    pub fn create_with(&self, init: impl FnOnce(&T::__View<ReadWrite>)) -> Result<Segment<T>, Error> {
        self.create_then(Some(init))
    }

    /// As [`SharedSegment::open`](crate::SharedSegment::open).
    ///
    /// # Errors
    ///
    /// As for [`SharedSegment::open`](crate::SharedSegment::open).
    pub fn open(&self) -> Result<Segment<T>, Error> {
        self.open_as(false)
    }

    /// As [`SharedSegment::open_compatible`](crate::SharedSegment::open_compatible).
    ///
    /// # Errors
    ///
    /// As for [`SharedSegment::open`](crate::SharedSegment::open).
    pub fn open_compatible(&self) -> Result<Segment<T>, Error> {
        self.open_as(true)
    }

    /// As [`Segment::from_id`]; the key plays no part.
    ///
    /// # Errors
    ///
    /// As for [`SharedSegment::open`](crate::SharedSegment::open).
    pub fn open_id(&self, id: i32) -> Result<Segment<T>, Error> {
        self.check(self.lookup.identity_of(id), id, self.terms(false))
    }

    /// As [`SharedSegment::open_or_create`](crate::SharedSegment::open_or_create).
    ///
    /// # Errors
    ///
    /// As for [`SharedSegment::open_or_create`](crate::SharedSegment::open_or_create).
    pub fn open_or_create(&self) -> Result<Segment<T>, Error> {
        self.open_or(false, || self.create())
    }

    /// As [`SharedSegment::open_or_create_compatible`](crate::SharedSegment::open_or_create_compatible).
    ///
    /// # Errors
    ///
    /// As for [`SharedSegment::open_or_create`](crate::SharedSegment::open_or_create).
    pub fn open_or_create_compatible(&self) -> Result<Segment<T>, Error> {
        self.open_or(true, || self.create())
    }

    /// As [`SharedSegment::open_or_create_with`](crate::SharedSegment::open_or_create_with).
    ///
    /// # Errors
    ///
    /// As for [`SharedSegment::open_or_create`](crate::SharedSegment::open_or_create).
    pub fn open_or_create_with(&self, init: impl FnOnce(&T::__View<ReadWrite>)) -> Result<Segment<T>, Error> {
        let mut init = Some(init);
        // Whether it is called at all is known when the segment was created, and then there is no further try.
        self.open_or(false, || {
            self.create_then(Some(|shared: &T::__View<ReadWrite>| {
                if let Some(init) = init.take() {
                    init(shared);
                }
            }))
        })
    }

    /// As [`SharedSegment::remove`](crate::SharedSegment::remove).
    ///
    /// # Errors
    ///
    /// If there is none, or it belongs to another user.
    pub fn remove(&self) -> Result<(), Error> {
        let (identity, id) = self.lookup.find("remove")?;
        sys::shm_remove(id)
            .map_err(|error| Error::new("remove", identity.with_id(id), diagnose::shmctl(error, id)))
    }
}

impl<T: Whole + ?Sized> Options<T> {
    /// Options for the segment's companion, as [`SharedSegment::semaphore`](crate::SharedSegment::semaphore): with the key, the mode and the trust that
    /// these have.
    pub fn semaphore(&self) -> sem::Options<1> {
        sem::Options::companion(&self.lookup, companion::check)
    }

    fn terms(&self, compatible: bool) -> Terms {
        let bare = self.settings.bare;
        let (wait, trusted, trusts_writers) = (self.wait, self.lookup.trusted.clone(), self.trusts_writers);
        let (allows_other_pid_namespace, allow_larger) = (self.allows_other_pid_namespace, self.allow_larger);
        let len = self.len;
        Terms {
            bare,
            len,
            allow_larger,
            compatible,
            wait,
            trusted,
            trusts_writers,
            allows_other_pid_namespace,
        }
    }
}

impl<T: Whole + ?Sized> fmt::Debug for Options<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("key", &self.lookup.key)
            .field("mode", &format_args!("{:#o}", self.lookup.mode))
            .field("huge_pages", &self.huge_pages)
            .field("trusts_writers", &self.trusts_writers)
            .field("allows_other_pid_namespace", &self.allows_other_pid_namespace)
            .field("no_reserve", &self.no_reserve)
            .field("allow_larger", &self.allow_larger)
            .field("reclaim_stale", &self.reclaim_stale)
            .field("len", &self.len)
            .field("upgrade", &self.upgrade.is_some())
            .field("wait", &self.wait)
            .field("wait_for_creation", &self.lookup.wait_for_creation)
            .finish_non_exhaustive()
    }
}
