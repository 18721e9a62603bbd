//! Semaphore sets and message queues by their keys: what the two share.

use std::io;

use crate::ipc::error::{Error, ErrorKind};
use crate::ipc::identity::Identity;
use crate::ipc::key::Key;
use crate::ipc::kind::ObjectKind;
use crate::ipc::mode::mode_bits;
use crate::sys;

/// Which object to look for or to create.
#[derive(Clone)]
pub(crate) struct Lookup {
    pub(crate) object: ObjectKind,
    pub(crate) key: Key,
    pub(crate) type_name: Option<&'static str>,
    /// The permissions of a new one.
    pub(crate) mode: u32,
    /// The semaphores of a new set; of a queue nothing.
    pub(crate) count: usize,
    /// Why a call that should have created `count` failed. What is in the way, if anything, has the id that is given.
    pub(crate) why_not_created: fn(io::Error, usize, Option<i32>) -> ErrorKind,
}

impl Lookup {
    /// Creates the object; the identity has its id.
    pub(crate) fn create(&self) -> Result<(Identity, i32), Error> {
        self.create_as(self.resolve("create")?)
    }

    /// The same, with the key that was derived.
    pub(crate) fn create_as(&self, identity: Identity) -> Result<(Identity, i32), Error> {
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
                let kind = (self.why_not_created)(source, self.count, existing);
                let identity = Identity { id: existing, ..identity };
                Err(Error::new("create", identity, kind))
            }
        }
    }

    /// Looks for the object that has the key; the identity has its id.
    pub(crate) fn find(&self, operation: &'static str) -> Result<(Identity, i32), Error> {
        let identity = self.resolve(operation)?;
        if self.key.is_private() {
            let reason =
                "a private key belongs to nothing that could be found by it: use the id, with `from_id`";
            return Err(Error::new(operation, identity, ErrorKind::InvalidInput { reason }));
        }
        match self.get(identity.value.unwrap_or(sys::IPC_PRIVATE), 0, 0) {
            Ok(id) => Ok((identity.with_id(id), id)),
            Err(source) if source.raw_os_error() == Some(sys::ENOENT) => {
                Err(Error::new(operation, identity, ErrorKind::NotFound))
            }
            Err(source) => Err(Error::new(operation, identity, ErrorKind::Os { source })),
        }
    }

    /// Opens, or creates if there is none; and again, if another process was faster with either.
    pub(crate) fn open_or_create<O>(
        &self,
        open: impl Fn() -> Result<O, Error>,
        create: impl Fn() -> Result<O, Error>,
    ) -> Result<O, Error> {
        if self.key.is_private() {
            return create();
        }
        loop {
            match open() {
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed) => {}
                opened => return opened,
            }
            match create() {
                // Removed: this process was so slow with it that another one took it for a dead one's.
                Err(error)
                    if matches!(error.kind(), ErrorKind::AlreadyExists { .. } | ErrorKind::Removed) => {}
                created => return created,
            }
        }
    }

    /// The identity of an object that is known by its id alone.
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
