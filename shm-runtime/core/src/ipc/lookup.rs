//! Segments, semaphore sets and message queues by their keys: what the three share.

use core::time::Duration;
use std::io;
use std::thread;
use std::time::Instant;

use crate::ipc::diagnose;
use crate::ipc::error::{Error, ErrorKind};
use crate::ipc::identity::Identity;
use crate::ipc::key::Key;
use crate::ipc::kind::ObjectKind;
use crate::ipc::mode::mode_bits;
use crate::ipc::record::Record;
use crate::ipc::trusted::{Trust, Trusted};
use crate::sys;

/// Which object to look for or to create.
#[derive(Clone)]
pub(crate) struct Lookup {
    pub(crate) object: ObjectKind,
    pub(crate) key: Key,
    pub(crate) type_name: Option<&'static str>,
    /// The permissions of a new one.
    pub(crate) mode: u32,
    /// The semaphores of a new set; of a queue and of a segment, which says its size itself, nothing.
    pub(crate) count: usize,
    /// Whose is opened.
    pub(crate) trusted: Trusted,
    /// How long to wait for one that is not there yet.
    pub(crate) wait_for_creation: Duration,
}

/// How long to wait before the kernel is asked again for an object that another process is to create, which nothing announces.
const POLL: Duration = Duration::from_millis(5);

/// How often `open_or_create` goes back and forth between an object that is missing and one that exists.
const MAX_TRIES: u32 = 1000;

impl Lookup {
    /// An object with this key, of a new one for its owner only.
    pub(crate) fn new(object: ObjectKind, key: Key, type_name: Option<&'static str>, trust: Trust) -> Self {
        Self {
            object,
            key,
            type_name,
            mode: 0o600,
            count: 0,
            trusted: Trusted::new(trust),
            wait_for_creation: Duration::ZERO,
        }
    }

    /// Creates the object with the key that was derived; the identity has its id. If it fails, `why` tells from the error,
    /// and from the id of what is in the way.
    pub(crate) fn create(
        &self,
        identity: Identity,
        why: impl FnOnce(io::Error, Option<i32>) -> ErrorKind,
    ) -> Result<(Identity, i32), Error> {
        let mode = match mode_bits(self.mode) {
            Ok(mode) => i32::from(mode),
            Err(kind) => return Err(Error::new("create", identity, kind)),
        };
        let key = identity.value.unwrap_or(sys::IPC_PRIVATE);
        match self.get(key, self.count, sys::IPC_CREAT | sys::IPC_EXCL | mode) {
            Ok(id) => Ok((identity.with_id(id), id)),
            Err(source) => {
                let exists = source.raw_os_error() == Some(sys::EEXIST);
                let existing = self.get(key, 0, 0).ok().filter(|_| exists);
                let refused = diagnose::refused(self.object.get(), &source);
                let kind = refused.unwrap_or_else(|| why(source, existing));
                let identity = Identity { id: existing, ..identity };
                Err(Error::new("create", identity, kind))
            }
        }
    }

    /// Looks for the object that has the key; the identity has its id.
    pub(crate) fn find(&self, operation: &'static str) -> Result<(Identity, i32), Error> {
        let identity = self.resolve(operation)?;
        if self.key.is_private() {
            let reason = match self.object {
                ObjectKind::Segment => {
                    "a private segment has no key to find it by: use its id, with `Segment::from_id`"
                }
                ObjectKind::Semaphore | ObjectKind::Queue => {
                    "a private key belongs to nothing that could be found by it: use the id, with `from_id`"
                }
            };
            return Err(Error::new(operation, identity, ErrorKind::InvalidInput { reason }));
        }
        match self.get(identity.value.unwrap_or(sys::IPC_PRIVATE), 0, 0) {
            Ok(id) => Ok((identity.with_id(id), id)),
            Err(source) if source.raw_os_error() == Some(sys::ENOENT) => {
                Err(Error::new(operation, identity, ErrorKind::NotFound))
            }
            Err(source) => {
                let refused = diagnose::refused(self.object.get(), &source);
                Err(Error::new(operation, identity, refused.unwrap_or(ErrorKind::Os { source })))
            }
        }
    }

    /// Opens what `find` finds, by `open`; waits for it as `waiting` does.
    pub(crate) fn open<O>(
        &self,
        mut open: impl FnMut(Identity, i32) -> Result<O, Error>,
    ) -> Result<O, Error> {
        self.waiting(|_| self.find("open").and_then(|(identity, id)| open(identity, id)))
    }

    /// Opens by `open`, to which it says how much of the time to wait is left; waits for the object, if that was asked
    /// for, and it is not there yet, or is removed before it is open.
    pub(crate) fn waiting<O>(&self, mut open: impl FnMut(Duration) -> Result<O, Error>) -> Result<O, Error> {
        let start = Instant::now();
        loop {
            let left = || self.wait_for_creation.saturating_sub(start.elapsed());
            let error = match open(left()) {
                Err(error) if !self.wait_for_creation.is_zero() && error.is_of_nothing_yet() => error,
                opened => return opened,
            };
            let left = left();
            if left.is_zero() {
                return Err(error.with_note(format!(
                    "It was waited for, for {} ms (`wait_for_creation`)",
                    start.elapsed().as_millis()
                )));
            }
            thread::sleep(POLL.min(left));
        }
    }

    /// Opens, or creates if there is none; and again, if another process was faster with either. One that creates and
    /// removes all the time does not hold this one for ever.
    pub(crate) fn open_or_create<O>(
        &self,
        mut open: impl FnMut() -> Result<O, Error>,
        mut create: impl FnMut() -> Result<O, Error>,
    ) -> Result<O, Error> {
        if self.key.is_private() {
            return create();
        }
        let mut tries = 0;
        loop {
            match open() {
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed) => {}
                opened => return opened,
            }
            match create() {
                // Removed: this process was so slow with it that another one took it for a dead one's.
                Err(error)
                    if matches!(error.kind(), ErrorKind::AlreadyExists { .. } | ErrorKind::Removed)
                        && tries < MAX_TRIES =>
                {
                    tries += 1;
                }
                created => return created,
            }
        }
    }

    /// What the kernel knows of the object `id`, if it is of users who are trusted: every way to open one comes through
    /// here. `None` if it does not say, and any user's will do.
    ///
    /// A semaphore set and a queue can be used by those who may not read what the kernel knows of it: it is told without.
    /// A segment cannot.
    pub(crate) fn look(&self, id: i32) -> Result<Option<Record>, ErrorKind> {
        let existing = match Record::of(self.object, id) {
            Ok(existing) => existing,
            Err(error) if error.raw_os_error() == Some(sys::EACCES) && self.object != ObjectKind::Segment => {
                match Record::of_any(self.object, id) {
                    Some(existing) if self.may_be_altered(&existing, id) => existing,
                    Some(_) => return Err(diagnose::by_id(self.object, self.object.control(), error, id)),
                    None if self.trusted.is_anybody() => return Ok(None),
                    None => return Err(diagnose::by_id(self.object, self.object.control(), error, id)),
                }
            }
            Err(error) => return Err(diagnose::by_id(self.object, self.object.control(), error, id)),
        };
        let (owner, creator) = existing.users();
        self.trusted.check(owner, creator)?;
        Ok(Some(existing))
    }

    /// Whether a set that may not be read may be altered, if that can be asked for: it takes a key. (A queue is opened as it
    /// is, and says so when it is used.)
    fn may_be_altered(&self, existing: &Record, id: i32) -> bool {
        match existing {
            Record::Semaphore(stat) if stat.key != sys::IPC_PRIVATE => {
                self.get(stat.key, 0, 0o200).is_ok_and(|found| found == id)
            }
            _ => true,
        }
    }

    /// The error of opening what cannot be opened.
    pub(crate) fn not_opened(&self, identity: Identity, id: i32, kind: ErrorKind) -> Error {
        let kind = match kind {
            // It was given as a number, and never seen.
            ErrorKind::Removed if identity.key.is_none() => diagnose::no_such_id(self.object, id),
            kind => kind,
        };
        Error::new("open", identity.with_id(id), kind)
    }

    /// The identity of an object that is known by its id only.
    pub(crate) fn identity_of(&self, id: i32) -> Identity {
        let (object, type_name) = (self.object, self.type_name);
        Identity { object, type_name, ..Identity::default() }.with_id(id)
    }

    pub(crate) fn resolve(&self, operation: &'static str) -> Result<Identity, Error> {
        let (object, type_name) = (self.object, self.type_name);
        Identity { object, type_name, ..Identity::key(self.key.clone()) }.derive(operation)
    }

    fn get(&self, key: i32, count: usize, flags: i32) -> io::Result<i32> {
        match self.object {
            ObjectKind::Segment => sys::shmget(key, count, flags),
            // A number that does not fit is above every limit.
            ObjectKind::Semaphore => sys::ipc::semget(key, i32::try_from(count).unwrap_or(i32::MAX), flags),
            ObjectKind::Queue => sys::ipc::msgget(key, flags),
        }
    }
}
