//! How to create and open a semaphore set.

use core::fmt;
use core::time::Duration;
use std::borrow::Cow;
use std::io;
use std::thread;
use std::time::Instant;

use crate::ipc::error::{Error, ErrorKind};
use crate::ipc::identity::Identity;
use crate::ipc::key::Key;
use crate::ipc::kind::ObjectKind;
use crate::ipc::lookup::Lookup;
use crate::ipc::record::Record;
use crate::ipc::trusted::{Trust, Trusted};
use crate::sem::creation::{Creating, Outcome, replace};
use crate::sem::diagnose;
use crate::sem::op::{Wait, releases};
use crate::sem::{Op, Semaphore, SemaphoreSet};
use crate::sys;

/// Options for creating and opening a set of `N` semaphores, in the manner of [`std::fs::OpenOptions`].
///
/// ```
/// use shm_runtime::Key;
/// use shm_runtime::sem::Semaphore;
///
/// let key = Key::name(format!("org.example.semaphore.options.{}", std::process::id()));
/// let semaphore = Semaphore::options(key).mode(0o660).create(2)?.remove_on_drop();
/// assert_eq!(semaphore.stat()?.permissions.mode, 0o660);
/// # Ok::<(), shm_runtime::Error>(())
/// ```
#[derive(Clone)]
pub struct Options<const N: usize = 1> {
    lookup: Lookup,
    undo: bool,
    wait: Duration,
    allow_unused: bool,
    of_segment: Option<CheckSegment>,
}

/// Of a companion: that the segment with this key, if there is one of a user who is trusted, is this program's.
type CheckSegment = fn(&Identity, &Trusted) -> Result<(), ErrorKind>;

impl<const N: usize> Options<N> {
    pub(crate) fn new(key: Key) -> Self {
        const {
            assert!(N > 0 && N <= 65536, "a set has at least one semaphore, and indices of 16 bits");
        }
        Self {
            lookup: Lookup { count: N, ..Lookup::new(ObjectKind::Semaphore, key, None, Trust::Nobody) },
            undo: true,
            wait: Duration::from_secs(1),
            allow_unused: false,
            of_segment: None,
        }
    }

    /// The companion of a segment: what these are for it, but for its number. `of_segment` tells of a key whether the segment
    /// that has it is that of another program.
    pub(crate) fn companion(segment: &Lookup, of_segment: CheckSegment) -> Self {
        let mut options = Self::new(segment.key.clone());
        options.lookup = Lookup { object: ObjectKind::Semaphore, count: N, ..segment.clone() };
        options.of_segment = Some(of_segment);
        options
    }

    /// Another key.
    pub fn key(&mut self, key: Key) -> &mut Self {
        self.lookup.key = key;
        self
    }

    /// The permissions of a new set, for owner, group and others: read (4) to look at it, alter (2) to acquire and
    /// release. At most 0o777; by default 0o600. The umask has no part in it. An existing set keeps its own.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.lookup.mode = mode;
        self
    }

    /// Accepts sets whose owner or creator is this user too. Without, only our own and root's are opened: the rule is
    /// that of segments, see [`trust_owner`](crate::Options::trust_owner) there.
    pub fn trust_owner(&mut self, uid: u32) -> &mut Self {
        self.lookup.trusted.add(uid);
        self
    }

    /// The same for a user with this name: see [`trust_owner_named`](crate::Options::trust_owner_named).
    pub fn trust_owner_named(&mut self, name: impl Into<Cow<'static, str>>) -> &mut Self {
        self.lookup.trusted.add_named(name.into());
        self
    }

    /// Accepts sets of any user.
    pub fn trust_anybody(&mut self) -> &mut Self {
        self.lookup.trusted.add_anybody();
        self
    }

    /// Whether the kernel undoes what this process did when it ends, however it ends (SEM_UNDO): by default it does,
    /// so that a killed holder gives back.
    ///
    /// Turn it off, in every process, where one process acquires and another one releases: there the end of the
    /// releasing process would take back what it released.
    pub fn undo(&mut self, undo: bool) -> &mut Self {
        self.undo = undo;
        self
    }

    /// How long to wait for the creator of an existing set to give it its initial values. By default one second.
    ///
    /// After that time, [`open_or_create_set`](Self::open_or_create_set) takes the creator for dead: see there.
    pub fn wait(&mut self, wait: Duration) -> &mut Self {
        self.wait = wait;
        self
    }

    /// How long opening waits for a set that does not exist yet, where another process is to create it; also for the file
    /// that an [ftok](Key::ftok) key comes from. Not at all, if not given.
    ///
    /// Its initial values are waited for within the same time, or within that of [`wait`](Self::wait) if it is longer.
    ///
    /// The kernel does not announce a new set: it is asked every 5 ms. [`open_or_create`](Self::open_or_create_set) waits this
    /// long too, before it creates one. `open_id` does not wait, because an id is of what exists.
    ///
    /// ```
    /// use core::time::Duration;
    /// use shm_runtime::{ErrorKind, Key, sem::Semaphore};
    ///
    /// let start = std::time::Instant::now();
    /// let key = Key::name("org.example.semaphore-that-nobody-makes");
    /// let error = Semaphore::options(key).wait_for_creation(Duration::from_millis(20)).open().unwrap_err();
    /// assert!(matches!(error.kind(), ErrorKind::NotFound));
    /// assert!(start.elapsed() >= Duration::from_millis(20));
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    pub fn wait_for_creation(&mut self, wait: Duration) -> &mut Self {
        self.lookup.wait_for_creation = wait;
        self
    }

    /// Whether to open a set on which no process ever did a semop(2). By default that is a set whose creator is not
    /// done; but a C program may set the initial values by SETVAL, and no process has used the set since.
    pub fn allow_unused(&mut self, allow_unused: bool) -> &mut Self {
        self.allow_unused = allow_unused;
        self
    }

    /// Creates the set, with these values: semget(2) with IPC_CREAT and IPC_EXCL, then one semop(2), which gives all
    /// values at once. Until then they are 0, so a process that is early can only wait; and `sem_otime` is 0, by which
    /// those who open it, here and in C, know that it is not ready.
    ///
    /// # Errors
    ///
    /// If it exists already, a limit is reached (of the sets, the semaphores, those in one set, a value), the key
    /// cannot be derived, or the mode keeps the creator from giving the values. A companion: also if the segment with its
    /// key is another program's.
    pub fn create_set(&self, initial: [u16; N]) -> Result<SemaphoreSet<N>, Error> {
        let identity = self.lookup.resolve("create")?;
        if !self.owner_may_give(initial) && !sys::user::has_ipc_owner() {
            return Err(self.cannot_give(&identity));
        }
        self.check_segment(&identity).map_err(|kind| Error::new("create", identity.clone(), kind))?;
        // Nobody looks for a private set.
        let key = identity.value.filter(|&key| key != sys::IPC_PRIVATE);
        let _creating = key.map(Creating::begin);
        let (identity, id) =
            self.lookup.create(identity, |error, existing| diagnose::semget(error, N, existing))?;
        // If the values cannot be given, no process may find the set.
        let set = SemaphoreSet::<N>::new(identity, id, false).remove_on_drop();
        let given = match initial {
            zeros if zeros == [0; N] && self.lookup.mode & 0o400 != 0 => {
                set.operate("create", [Op::WaitForZero { index: 0 }], Wait::No)
            }
            // What changes nothing, and takes no permission to read.
            zeros if zeros == [0; N] => {
                let both = [Op::Release { index: 0, units: 1 }, Op::Acquire { index: 0, units: 1 }];
                set.operate("create", both, Wait::No)
            }
            values => set.operate("create", releases(&values), Wait::No),
        };
        if let Err(error) = given {
            // CAP_IPC_OWNER of another user namespace than the set's.
            let denied = matches!(error.kind(), ErrorKind::Permission { .. });
            return Err(if denied && !self.owner_may_give(initial) {
                self.cannot_give(set.identity())
            } else {
                error
            });
        }
        let set = set.keep();
        Ok(set.with_undo(self.undo))
    }

    /// Opens the existing set: semget(2), and semctl(2) with IPC_STAT to see whether it has `N` semaphores, and
    /// whether its creator gave them their initial values (`sem_otime` is not 0), for which it waits.
    ///
    /// # Errors
    ///
    /// If there is none, its owner or creator is not trusted, it has another number of semaphores, or is still without
    /// initial values when the waiting time is over. If it may be neither read nor
    /// altered: to acquire and release takes the permission to alter it (0o200) only. A companion: also if the segment with its key
    /// is another program's.
    pub fn open(&self) -> Result<SemaphoreSet<N>, Error> {
        let (start, wait) = (Instant::now(), self.wait.max(self.lookup.wait_for_creation));
        let mut half_made = false;
        loop {
            let opened = self.lookup.open(|identity, id| {
                match self.usable(&identity, id, start, wait, &mut half_made) {
                    Ok(()) => Ok(SemaphoreSet::new(identity, id, self.undo)),
                    Err(kind) => Err(Error::new("open", identity, kind)),
                }
            });
            let error = match opened {
                Ok(set) => return Ok(set),
                Err(error) => error,
            };
            // One that this process waited for is being replaced by another process: the next one has the same key.
            let replaced = matches!(error.kind(), ErrorKind::Removed | ErrorKind::NotFound) && half_made;
            if !replaced || start.elapsed() >= wait {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Opens the set with this semid: for private ones, whose id is all there is to find them by.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_id(&self, id: i32) -> Result<SemaphoreSet<N>, Error> {
        let identity = self.lookup.identity_of(id);
        match self.ready(id, Instant::now(), self.wait, &mut false) {
            Ok(()) => Ok(SemaphoreSet::new(identity, id, self.undo)),
            Err(kind) => Err(self.lookup.not_opened(identity, id, kind)),
        }
    }

    /// Opens the set, or creates it with these values if there is none.
    ///
    /// A set whose creator died before it gave the initial values is replaced, by a new one with these. That a creator of
    /// this library is dead is certain then. Of one in C it is assumed, when nothing at all was done with the set in the
    /// [waiting time](Self::wait), and no process waits at it; one that is alive after all finds that the set was removed.
    /// (With an initial value of 0 there is no difference, and nothing is removed.)
    ///
    /// # Errors
    ///
    /// As for [`create_set`](Self::create_set) and [`open`](Self::open); a set without initial values that could not be
    /// replaced is [`ErrorKind::Uninitialised`], which says why.
    pub fn open_or_create_set(&self, initial: [u16; N]) -> Result<SemaphoreSet<N>, Error> {
        self.lookup.open_or_create(|| self.open_or_replace(&initial), || self.create_set(initial))
    }

    /// Opens the set, and removes it if its creator died before it was ready: then it is not found.
    fn open_or_replace(&self, initial: &[u16; N]) -> Result<SemaphoreSet<N>, Error> {
        let mut found = self.lookup.open(|identity, id| Ok((identity, id)));
        loop {
            let (identity, id) = found?;
            let set = SemaphoreSet::new(identity, id, self.undo);
            match self.usable(set.identity(), id, Instant::now(), self.wait, &mut false) {
                Ok(()) => return Ok(set),
                Err(ErrorKind::Uninitialised { existing, waited, .. }) => match replace(&set, initial)? {
                    Outcome::LookAgain => {}
                    Outcome::Kept(reason) => {
                        let kind = ErrorKind::Uninitialised { existing, waited, kept: Some(reason) };
                        return Err(set.error("open", kind));
                    }
                },
                Err(kind) => return Err(set.error("open", kind)),
            }
            // Not waited for: if it is gone, this process is the one to create it.
            found = self.lookup.find("open");
        }
    }

    /// Removes the set that now has the key, whatever it holds: semctl(2) with IPC_RMID. A process that waits for it gets
    /// an error.
    ///
    /// # Errors
    ///
    /// If there is none, or it belongs to another user.
    pub fn remove(&self) -> Result<(), Error> {
        let (identity, id) = self.lookup.find("remove")?;
        SemaphoreSet::<N>::new(identity, id, false).remove()
    }

    /// Waits until the set may be used.
    fn usable(
        &self,
        identity: &Identity,
        id: i32,
        start: Instant,
        wait: Duration,
        half_made: &mut bool,
    ) -> Result<(), ErrorKind> {
        self.ready(id, start, wait, half_made)?;
        self.check_segment(identity)
    }

    /// Of a companion: that the segment with this key, if there is one, is that of this program's struct. Of other sets,
    /// and of one whose segment was not made yet, nothing tells how their key was derived.
    fn check_segment(&self, identity: &Identity) -> Result<(), ErrorKind> {
        self.of_segment.map_or(Ok(()), |check| check(identity, &self.lookup.trusted))
    }

    /// Whether the mode of a new set lets its owner, as its owner, give it these values.
    fn owner_may_give(&self, initial: [u16; N]) -> bool {
        let needed = if initial == [0; N] { 0o600 } else { 0o200 };
        self.lookup.mode & needed != 0
    }

    fn cannot_give(&self, identity: &Identity) -> Error {
        let reason = "the mode keeps the creator itself from giving the semaphores their initial values: the owner's bits \
                      count for the owner, whatever group and others may. Create the set with 0o200 or more, and take \
                      that away later with `set_permissions`";
        let error = Error::new("create", identity.clone(), ErrorKind::InvalidInput { reason });
        error.with_note(format!("The mode asked for is {:#05o}", self.lookup.mode))
    }

    /// Waits until the set, which has to have `N` semaphores, has their initial values; and says whether it had to wait.
    fn ready(&self, id: i32, start: Instant, wait: Duration, half_made: &mut bool) -> Result<(), ErrorKind> {
        let mut pause = Duration::from_micros(100);
        loop {
            let stat = match self.lookup.look(id)? {
                Some(Record::Semaphore(stat)) => stat,
                _ => {
                    return Err(diagnose::semctl(io::Error::from_raw_os_error(sys::EACCES), id));
                }
            };
            if stat.semaphores != N {
                return Err(ErrorKind::SizeDiffers { found: stat.semaphores, expected: N });
            }
            if stat.operated_at.is_some() || self.allow_unused {
                return Ok(());
            }
            *half_made = true;
            let waited = start.elapsed();
            let left = wait.saturating_sub(waited);
            if left.is_zero() {
                let existing = Some(Box::new(Record::Semaphore(stat)));
                return Err(ErrorKind::Uninitialised { existing, waited, kept: None });
            }
            // Nothing tells when the creator is done; it takes microseconds if it lives.
            thread::sleep(pause.min(left));
            pause = (2 * pause).min(Duration::from_millis(10));
        }
    }
}

impl Options<1> {
    /// Creates the semaphore, with this many units: as [`create_set`](Self::create_set).
    ///
    /// # Errors
    ///
    /// As for `create_set`.
    pub fn create(&self, initial: u16) -> Result<Semaphore, Error> {
        self.create_set([initial])
    }

    /// Opens the semaphore, or creates it with this many units if there is none.
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create) and [`open`](Self::open).
    pub fn open_or_create(&self, initial: u16) -> Result<Semaphore, Error> {
        self.open_or_create_set([initial])
    }
}

impl<const N: usize> fmt::Debug for Options<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("key", &self.lookup.key)
            .field("mode", &format_args!("{:#o}", self.lookup.mode))
            .field("undo", &self.undo)
            .field("wait", &self.wait)
            .field("wait_for_creation", &self.lookup.wait_for_creation)
            .field("allow_unused", &self.allow_unused)
            .finish()
    }
}
