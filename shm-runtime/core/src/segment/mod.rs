//! A segment: the kernel's object, known by its shmid.

pub(crate) mod attached;
mod companion;
pub(crate) mod diagnose;
pub(crate) mod mapping;
pub(crate) mod observed;
pub(crate) mod options;
pub(crate) mod place;
pub(crate) mod reclaim;
pub(crate) mod settings;
pub(crate) mod shared_segment;
pub(crate) mod tailed_segment;

use core::cell::LazyCell;
use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use core::time::Duration;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use crate::ipc::diagnose::{is_gone, refused};
use crate::ipc::error::{Error, ErrorKind};
use crate::ipc::identity::Identity;
use crate::ipc::kind::ObjectKind;
use crate::ipc::mode::mode_bits;
use crate::ipc::permissions::Permissions;
use crate::ipc::remove_on_drop::{Removable, RemoveOnDrop, private};
use crate::ipc::stat::segment::Stat;
use crate::ipc::trusted::Trusted;
use crate::memory::access::{Access, ReadOnly, ReadWrite, WriteOnly};
use crate::memory::carry::{hold, is_closed};
use crate::memory::structure::Declared;
use crate::memory::tail::{Extent, Whole};
use crate::schema::Schema;
use crate::seal::admission::{Expected, ExpectedKey, Refusal};
use crate::seal::footer::Seal;
use crate::segment::attached::Attached;
use crate::segment::mapping::{Mapping, Unmapped};
use crate::segment::observed::Observed;
use crate::segment::place::Place;
use crate::sys;
use crate::sys::liveness::Process;
use crate::sys::{proc, refused::Call};

/// A System V shared memory segment that holds a `T`: the kernel's object, not yet mapped.
///
/// It is found or made by the functions of [`SharedSegment`](crate::SharedSegment), and lives until it is removed: dropping a `Segment`
/// does nothing to it, nor does the end of the process. [`remove_on_drop`](Self::remove_on_drop) ties the two.
pub struct Segment<T: ?Sized> {
    identity: Identity,
    id: i32,
    /// When it was found or created.
    observed: Observed,
    /// The owner that it was given by this handle; [`NOBODY`] if it was not.
    given_to: AtomicU32,
    terms: Terms,
    /// The creator's mapping, in which it wrote the seal: the first that it attaches; and how long it made the slice at the end.
    creator_mapping: Mutex<Option<(Mapping, usize)>>,
    holds: PhantomData<fn(&T)>,
}

/// What no user's number is: to chown(2) and its like, it is "leave it as it is".
const NOBODY: u32 = u32::MAX;

/// What the program that found or made a segment expects of it, besides its type.
#[derive(Clone)]
pub(crate) struct Terms {
    /// No seal is looked for.
    pub(crate) bare: bool,
    /// How long the slice at the end is to be, if that matters.
    pub(crate) len: Option<usize>,
    /// Whether a bare segment may be larger than the struct.
    pub(crate) allow_larger: bool,
    /// Whether more fields after ours are welcome.
    pub(crate) compatible: bool,
    /// For the creator to finish.
    pub(crate) wait: Duration,
    pub(crate) trusted: Trusted,
    /// Whether those who may write are trusted not to take huge pages away.
    pub(crate) trusts_writers: bool,
    /// Whether it may be attached where the thread ids in it mean other threads.
    pub(crate) allows_other_pid_namespace: bool,
}

impl Terms {
    /// How long the slice at the end of a bare segment is: by its size, as C programs count it.
    fn len_of_bare<T: Whole + ?Sized>(&self, mapping: &Mapping) -> Result<usize, ErrorKind> {
        let len = bare_len(const { Extent::of::<T>() }, mapping.size(), self.len, self.allow_larger)?;
        // Of a struct that has one size, it was seen by that.
        match const { Extent::of::<T>().is_tailed() } && !self.allow_larger {
            true if Seal::of(mapping.region()).is_some_and(Seal::has_magic) => {
                Err(ErrorKind::Sealed { found: mapping.size(), expected: const { Extent::of::<T>() }.head() })
            }
            _ => Ok(len),
        }
    }
}

/// How long the slice at the end of a bare segment of `found` bytes is, if that is `expected`, or nothing is expected.
pub(crate) fn bare_len(
    extent: Extent,
    found: usize,
    expected: Option<usize>,
    allow_larger: bool,
) -> Result<usize, ErrorKind> {
    let differs = |expected| Err(ErrorKind::SizeDiffers { found, expected });
    match (extent.len_in(found), expected) {
        (None, _) => differs(extent.head()),
        // As many as were asked for, or as there are; what comes after them is of no concern.
        (Some((len, _)), expected) if allow_larger && expected.is_none_or(|expected| expected <= len) => {
            Ok(expected.unwrap_or(len))
        }
        (Some((len, 0)), None) => Ok(len),
        (Some((len, 0)), Some(expected)) if len == expected => Ok(len),
        (Some((found, 0)), Some(expected)) => Err(ErrorKind::LengthDiffers { found, expected }),
        (Some((len, _)), expected) => differs(extent.exact(expected.unwrap_or(len)).unwrap_or(usize::MAX)),
    }
}

impl<T: Whole + ?Sized> Segment<T> {
    /// The segment `id`, of which this much was `observed`.
    pub(crate) fn new(identity: Identity, id: i32, observed: Observed, terms: Terms) -> Self {
        let (given_to, creator_mapping) = (AtomicU32::new(NOBODY), Mutex::new(None));
        Self {
            identity: identity.with_id(id),
            id,
            observed,
            given_to,
            terms,
            creator_mapping,
            holds: PhantomData,
        }
    }

    /// The same, now that more is known of it.
    pub(crate) fn observed_as(self, observed: Observed) -> Self {
        Self { observed, ..self }
    }

    /// Keeps a mapping that is known to be good, to be attached first, with how long the slice at its end is.
    pub(crate) fn with_creator_mapping(self, mapping: Mapping, len: usize) -> Self {
        Self { creator_mapping: Mutex::new(Some((mapping, len))), ..self }
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What it was when it was found or created.
    pub(crate) fn observed(&self) -> &Observed {
        &self.observed
    }

    fn take_creator_mapping(&self) -> Option<(Mapping, usize)> {
        self.creator_mapping.lock().unwrap_or_else(PoisonError::into_inner).take()
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
        self.observed.size
    }

    /// Maps the segment to read and write: shmat(2).
    ///
    /// Each call makes a mapping of its own, at an address of the kernel's choosing. (The first one after `create`
    /// takes the mapping in which the seal was written.)
    ///
    /// A segment that its creator is still initialising is waited for, one second if the options do not say
    /// otherwise.
    ///
    /// # Errors
    ///
    /// If it was removed, may not be both read and written, or there is no room in the address space. If its id means
    /// another segment since it was found, or it has another owner, who is not trusted: what counts is what was mapped. If
    /// it is made of huge pages, and its writers were not said to be trusted
    /// (see [`trust_writers`](crate::Options::trust_writers)). If it is sealed: also if its creator
    /// does not finish or died before, or it has another layout than `T`. If `T` contains a
    /// [`Mutex`](crate::sync::Mutex) and the creator is in another pid namespace: see
    /// [`allow_other_pid_namespace`](crate::Options::allow_other_pid_namespace).
    pub fn attach(&self) -> Result<Attached<T, ReadWrite>, Error> {
        self.attach_as()
    }

    /// Maps the segment to read: shmat(2) with SHM_RDONLY. The hardware keeps this process from writing.
    ///
    /// # Errors
    ///
    /// As for [`attach`](Self::attach), but it takes only the permission to read, and any pid namespace will do.
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
        match if A::MAPS_WRITABLE { self.take_creator_mapping() } else { None } {
            Some((mapping, len)) => self.attached(mapping, len),
            None => self.attach_once_ready(),
        }
    }

    /// Maps it when it holds a `T`.
    fn attach_once_ready<A: Access>(&self) -> Result<Attached<T, A>, Error> {
        let start: LazyCell<Instant> = LazyCell::new(Instant::now);
        loop {
            let mapping = self.map(A::MAPS_WRITABLE)?;
            let by = match self.admit(&mapping, &start) {
                Ok(len) => return self.attached(mapping, len),
                Err(Refusal::Error(kind)) => return Err(self.error("attach", kind)),
                Err(Refusal::BeingReclaimed { by }) => by,
            };
            drop(mapping);
            let waited = start.elapsed();
            if waited >= self.terms.wait {
                return Err(self.being_reclaimed(by, waited));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// `by` is a process that has been reclaiming it for all of the time that this one waited.
    fn being_reclaimed(&self, by: Process, waited: Duration) -> Error {
        let creator_pid = if by.is_elsewhere() { 0 } else { by.pid };
        self.error("attach", ErrorKind::NotReady { creator_pid, waited })
    }

    fn attached<A: Access>(&self, mapping: Mapping, len: usize) -> Result<Attached<T, A>, Error> {
        let has_locks = A::MAPS_WRITABLE && Declared::of::<T::__Head>().thread_ids;
        if has_locks {
            self.same_thread_ids(&mapping).map_err(|kind| self.error("attach", kind))?;
        }
        let place = Place::new(mapping, len).map_err(|kind| self.error("attach", kind))?;
        if has_locks {
            self.reopen(place.mapping(), place.len());
        }
        Ok(Attached::new(self.clone(), place))
    }

    /// Opens again what an upgrade closed here, if it died before it removed this segment.
    fn reopen(&self, mapping: &Mapping, len: usize) {
        let (fields, region) = (Declared::of::<T::__Head>().fields(), mapping.region());
        if !is_closed(fields, len, region) || self.shares_pid_namespace(mapping) == Some(false) {
            return;
        }
        // While this thread has it, no other process removes the segment to upgrade it. One that has it is at it, or refuses others.
        let Ok(held) = hold(fields, len, region, Duration::ZERO) else { return };
        if self.stat().is_ok_and(|stat| !stat.removed) {
            held.iter().for_each(|held| held.close(false));
        }
    }

    /// That thread ids mean to this process what they mean to the creator, as far as that is known: both are in one pid
    /// namespace.
    pub(super) fn same_thread_ids(&self, mapping: &Mapping) -> Result<(), ErrorKind> {
        if self.terms.allows_other_pid_namespace || self.shares_pid_namespace(mapping) != Some(false) {
            return Ok(());
        }
        let known = |namespace| Some(namespace).filter(|&namespace| namespace != 0);
        let creator = self.creator_pid_namespace(mapping);
        Err(ErrorKind::OtherPidNamespace { creator: known(creator), this: known(Process::this().namespace) })
    }

    /// Whether the creator's pid namespace is this process's; `None` if that is not known.
    pub(crate) fn shares_pid_namespace(&self, mapping: &Mapping) -> Option<bool> {
        // So the kernel says, of a segment without a seal too.
        if mapping.observed().creator_is_out_of_sight() {
            return Some(false);
        }
        match self.creator_pid_namespace(mapping) {
            0 => None,
            creator => Some(Process::this().namespace).filter(|&this| this != 0).map(|this| creator == this),
        }
    }

    /// The inode of the creator's pid namespace, from the seal; 0 if it is not known.
    fn creator_pid_namespace(&self, mapping: &Mapping) -> u32 {
        let seal = if self.terms.bare { None } else { Seal::of(mapping.region()) };
        let seal = seal.filter(|seal| seal.has_magic()).and_then(|seal| seal.read().ok());
        seal.map_or(0, |fields| fields.creator.namespace)
    }

    /// Maps it, whatever is in it.
    pub(crate) fn map(&self, writable: bool) -> Result<Mapping, Error> {
        self.recognised(Mapping::new(self.id, writable, self.terms.trusts_writers))
    }

    /// The mapping, if it is of the segment that was found, and of users that are trusted.
    fn recognised(&self, mapped: Result<Mapping, Unmapped>) -> Result<Mapping, Error> {
        let mapping = mapped.map_err(|unmapped| self.unmapped(unmapped))?;
        self.same(mapping.observed(), "attach")?;
        match self.trusts_users(mapping.observed()) {
            Ok(()) => Ok(mapping),
            Err(kind) => Err(self.error("attach", kind)),
        }
    }

    /// Whether what was found under the id is this segment, as far as can be told.
    fn same(&self, found: &Observed, operation: &'static str) -> Result<(), Error> {
        if self.observed.may_be(found) {
            return Ok(());
        }
        Err(self.error(operation, ErrorKind::Removed).with_note(format!(
            "shmid {} means another segment now: {found}, and not {}. If that was not removed, this thread \
             has changed its IPC namespace since (unshare(2), setns(2)): there ids mean other segments",
            self.id, self.observed
        )))
    }

    /// Whether those are trusted whose the segment is now.
    fn trusts_users(&self, found: &Observed) -> Result<(), ErrorKind> {
        let Some(found) = found.users else { return Ok(()) };
        let known = self.observed.users;
        let same_owner = known.is_some_and(|known| known.owner == found.owner)
            || self.given_to.load(Relaxed) == found.owner;
        match (same_owner, known) {
            (true, Some(_)) => Ok(()),
            (true, None) => self.terms.trusted.check(found.creator, found.creator),
            // It was given away, which others than this handle can have done too.
            (false, Some(_)) => self.terms.trusted.check(found.owner, found.creator),
            (false, None) => {
                let checked = self.terms.trusted.check(found.owner, found.creator);
                // Where this process's own user has no number either: created by this handle, it is known without one.
                let unidentified = matches!(checked, Err(ErrorKind::Untrusted { unidentified: Some(_), .. }));
                if unidentified && [found.owner, found.creator] == [sys::effective_uid(); 2] {
                    Ok(())
                } else {
                    checked
                }
            }
        }
    }

    /// Whether the mapping holds a `T`; how long the slice at its end is.
    fn admit(&self, mapping: &Mapping, start: &LazyCell<Instant>) -> Result<usize, Refusal> {
        if self.terms.bare {
            return Ok(self.terms.len_of_bare::<T>(mapping)?);
        }
        let expected = self.expected();
        expected.admit(Seal::of(mapping.region()), self.id, mapping.size(), start)
    }

    /// What its seal has to say for this program to use it.
    pub(crate) fn expected(&self) -> Expected<'_> {
        Expected {
            extent: const { Extent::of::<T>() },
            len: self.terms.len,
            fingerprint: Schema::fingerprint::<T>(),
            schema: Schema::of::<T>,
            key: ExpectedKey::of(&self.identity),
            compatible: self.terms.compatible,
            wait: self.terms.wait,
        }
    }

    /// The schema in the seal.
    pub(crate) fn schema(&self, mapping: &Mapping) -> Result<Schema, Error> {
        if self.terms.bare {
            return Ok(Schema::of::<T>());
        }
        let bad = |reason: String| self.error("read the schema of", ErrorKind::BadSeal { reason });
        let seal = Seal::of(mapping.region()).filter(|seal| seal.has_magic());
        let seal = seal.ok_or_else(|| bad("there is no seal any more".to_owned()))?;
        let schema = seal.read().and_then(|fields| seal.schema_text(&fields));
        let schema = schema.map_err(|reason| bad(reason.to_owned()))?;
        Schema::from_text(schema).map_err(|error| bad(error.to_string()))
    }

    /// Maps the segment to read and write at `address`, in place of what is mapped there: shmat(2) with SHM_REMAP.
    ///
    /// For the few who need the same address in every process: reserve the range first, by mmap(2) with PROT_NONE,
    /// so that nothing else moves in. Values in the segment need no fixed address.
    ///
    /// # Safety
    ///
    /// From `address`, [`size`](Self::size) bytes rounded up to whole pages are not in use: no object lives there,
    /// and no other code counts on them being mapped otherwise.
    ///
    /// # Errors
    ///
    /// As for [`attach`](Self::attach), and if `address` is not a multiple of the size of the segment's pages, which may be
    /// huge, or nothing may be mapped there.
    pub unsafe fn attach_at(&self, address: usize) -> Result<Attached<T, ReadWrite>, Error> {
        // Waits and checks, and until it is dropped keeps the segment from being reclaimed and the id from another.
        // Mapped by this thread, as what follows is: the creator's mapping may be of another IPC namespace.
        let admitted: Attached<T, ReadWrite> = self.attach_once_ready()?;
        let pointer = core::ptr::with_exposed_provenance_mut(address);
        // SAFETY: the mapping covers the segment's size, which does not change, rounded up to pages; `admitted` keeps
        // the id from another segment. For that range the caller says what `over` asks: no object lives there, and no
        // code counts on its being mapped otherwise, nor unmapped.
        let mapped = unsafe { Mapping::over(self.id, pointer, self.terms.trusts_writers) };
        let attached = match mapped {
            // EINVAL for an odd address, ENOMEM for one outside the address space, EPERM for one where nothing may be
            // mapped; and each for other reasons.
            Err(Unmapped::Os(Call::Shmat, error))
                if matches!(error.raw_os_error(), Some(sys::EINVAL | sys::ENOMEM | sys::EPERM))
                    && !is_gone(ObjectKind::Segment, self.id)
                    && refused(Call::Shmat, &error).is_none() =>
            {
                let mapped = core::ptr::from_ref(&*admitted).cast::<u8>().addr();
                let page_size = proc::page_size_at(mapped).unwrap_or_else(sys::page_size);
                Err(self.error("attach", ErrorKind::Address { address, page_size, size: self.size() }))
            }
            mapped => {
                let len = admitted.tail_len();
                self.recognised(mapped).and_then(|mapping| self.attached(mapping, len))
            }
        };
        drop(admitted);
        attached
    }

    /// Whether this is still the segment that has the key: not removed, and not replaced by a new one. Of a
    /// private segment: whether it was not removed.
    ///
    /// # Errors
    ///
    /// If the key cannot be derived any more, or the kernel cannot be asked.
    pub fn is_current(&self) -> Result<bool, Error> {
        match &self.identity.key {
            Some(key) if !key.is_private() => {
                let error = |kind| self.error("look for", kind);
                let value = key.resolve().map_err(error)?.value;
                match sys::shmget(value, 0, 0) {
                    Ok(id) => Ok(id == self.id),
                    Err(none) if none.raw_os_error() == Some(sys::ENOENT) => Ok(false),
                    Err(source) => {
                        Err(error(refused(Call::Shmget, &source).unwrap_or(ErrorKind::Os { source })))
                    }
                }
            }
            _ => match self.stat() {
                Ok(stat) => Ok(!stat.removed),
                Err(error) if matches!(error.kind(), ErrorKind::Removed) => Ok(false),
                Err(error) => Err(error),
            },
        }
    }

    /// Which processes keep it from being reclaimed, if any are attached.
    pub(crate) fn who_keeps_it(&self) -> Option<String> {
        let attached = Stat::of(self.id).ok()?.attached;
        (attached > 0).then(|| {
            format!(
                "It was not replaced, because it is attached ({attached} in all). A child that was forked from an attached \
                 process counts too, until it detaches, ends, or calls exec(3)"
            )
        })
    }

    /// The error of attaching, which to read and write takes both.
    fn unmapped(&self, unmapped: Unmapped) -> Error {
        let error = self.error("attach", self.why_unmapped(unmapped));
        // Asking the kernel what it knows takes the permission to read, as attaching to read does.
        let readable = matches!(error.kind(), ErrorKind::Permission { .. }) && Observed::of(self.id).is_ok();
        match readable {
            true => error.with_note(
                "This user may read it and not write to it: `attach_read_only()` works".to_owned(),
            ),
            false => error,
        }
    }

    fn why_unmapped(&self, unmapped: Unmapped) -> ErrorKind {
        match unmapped {
            Unmapped::HugePages => ErrorKind::HugePages,
            Unmapped::Os(_, error) if error.raw_os_error() == Some(sys::ENOMEM) => {
                ErrorKind::NoMemory { size: self.size(), huge_pages: false }
            }
            Unmapped::Os(call, error) => diagnose::by_id(call, error, self.id),
        }
    }

    /// What the kernel records of the segment: shmctl(2) with IPC_STAT.
    ///
    /// # Errors
    ///
    /// If it was removed, its id means another segment by now, or it may not be read.
    pub fn stat(&self) -> Result<Stat, Error> {
        let stat = Stat::of(self.id).map_err(|error| self.error("stat", diagnose::shmctl(error, self.id)))?;
        self.same(&Observed::from(&stat), "stat")?;
        Ok(stat)
    }

    /// Sets owner, group and mode: shmctl(2) with IPC_SET. Those already attached stay so.
    ///
    /// This handle can be attached when the segment has its new owner. Other handles find it changed, and attach it only
    /// if they trust that user.
    ///
    /// # Errors
    ///
    /// If it was removed, belongs to another user, the mode has bits beyond 0o777, or the user or the group has no number in
    /// this process's user namespace.
    pub fn set_permissions(&self, permissions: Permissions) -> Result<(), Error> {
        let Permissions { uid, gid, mode } = permissions;
        let operation = "set the permissions of";
        let bits = mode_bits(mode).map_err(|kind| self.error(operation, kind))?;
        self.look(operation)?;
        sys::shm_set(self.id, uid, gid, bits)
            .map_err(|error| self.error(operation, diagnose::set_permissions(error, self.id, (uid, gid))))?;
        self.given_to.store(uid, Relaxed);
        Ok(())
    }

    /// Keeps the segment in memory, never swapped out: shmctl(2) with SHM_LOCK. It stays so until
    /// [`unlock`](Self::unlock), whichever processes are attached. Pages not yet touched are not made present; for that there
    /// is [`prefault`](Attached::prefault).
    ///
    /// # Errors
    ///
    /// If it was removed, belongs to another user, or is larger than RLIMIT_MEMLOCK allows.
    pub fn lock(&self) -> Result<(), Error> {
        self.look("lock")?;
        sys::shm_lock(self.id)
            .map_err(|error| self.error("lock", diagnose::shm_lock(error, self.id, self.size())))
    }

    /// Allows the segment to be swapped out again: shmctl(2) with SHM_UNLOCK.
    ///
    /// # Errors
    ///
    /// If it was removed, or belongs to another user.
    pub fn unlock(&self) -> Result<(), Error> {
        self.look("unlock")?;
        sys::shm_unlock(self.id)
            .map_err(|error| self.error("unlock", diagnose::shm_lock(error, self.id, self.size())))
    }

    /// Removes the segment: shmctl(2) with IPC_RMID, by id, so that it cannot hit a successor under the same key.
    /// It goes when the last process detaches; until then those attached go on using it.
    ///
    /// Ids are those of the calling thread's IPC namespace. After unshare(2) or setns(2) the same id can mean another
    /// segment of this user's, which this would remove: it does not look, which would be a call more in the life of every
    /// segment. [`remove_on_drop`](Self::remove_on_drop), where the call is not seen, does.
    ///
    /// # Errors
    ///
    /// If it was removed already, or belongs to another user.
    pub fn remove(&self) -> Result<(), Error> {
        // A mapping that no code can see must not be what keeps it.
        drop(self.take_creator_mapping());
        sys::shm_remove(self.id).map_err(|error| self.error("remove", diagnose::shmctl(error, self.id)))
    }

    /// A guard that removes the segment when it is dropped, also by a panic; not when the process is killed, and not
    /// another segment that has its id by then.
    ///
    /// In a forked child it removes nothing. A daemon makes it after daemonizing: see [`RemoveOnDrop`].
    pub fn remove_on_drop(self) -> RemoveOnDrop<Self> {
        RemoveOnDrop::new(self)
    }

    /// That the id does not mean another segment now: for calls that would change that one.
    fn look(&self, operation: &'static str) -> Result<(), Error> {
        // A mode can deny its owner to read, and so to ask for it.
        let stat = Observed::of(self.id).ok();
        let found = stat.or_else(|| Stat::from_proc(self.id).map(|stat| Observed::from(&stat)));
        // Where nothing is found, the call that follows says why.
        found.map_or(Ok(()), |found| self.same(&found, operation))
    }

    /// The hash of the key's derivation, as it goes into the seal.
    pub(crate) fn key_hash(&self) -> u64 {
        self.identity.key_hash.unwrap_or_default()
    }

    pub(crate) fn error(&self, operation: &'static str, kind: ErrorKind) -> Error {
        Error::new(operation, self.identity.clone(), kind)
    }
}

impl<T: ?Sized> private::Sealed for Segment<T> {}

impl<T: Whole + ?Sized> Removable for Segment<T> {
    fn remove(&self) -> Result<(), Error> {
        self.look("remove")?;
        Self::remove(self)
    }

    fn take(&self) -> Self {
        match self.take_creator_mapping() {
            Some((mapping, len)) => self.clone().with_creator_mapping(mapping, len),
            None => self.clone(),
        }
    }
}

impl<T: ?Sized> Clone for Segment<T> {
    fn clone(&self) -> Self {
        let &Self { id, observed, .. } = self;
        let (identity, terms) = (self.identity.clone(), self.terms.clone());
        let (given_to, creator_mapping) = (AtomicU32::new(self.given_to.load(Relaxed)), Mutex::new(None));
        Self { identity, id, observed, given_to, terms, creator_mapping, holds: PhantomData }
    }
}

impl<T: ?Sized> fmt::Debug for Segment<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("identity", &format_args!("{}", self.identity))
            .field("size", &self.observed.size)
            .finish()
    }
}
