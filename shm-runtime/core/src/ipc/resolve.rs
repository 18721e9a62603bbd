//! From a key to its `key_t`.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::ipc::error::{Error, ErrorKind};
use crate::ipc::identity::Identity;
use crate::ipc::key::{Key, Source};
use crate::memory::fingerprint::{FNV_BASIS, fnv1a};

/// A key as it was derived just now.
pub(crate) struct Resolved {
    pub(crate) value: i32,
    /// The inode that an ftok key came from.
    pub(crate) inode: Option<u64>,
    /// Of the derivation: two that could have given the same key by accident differ in this.
    pub(crate) hash: u64,
}

/// What the derivations of one key, this program's and another's, say of what is meant by it.
///
/// A derivation is not an identity: a program that has the number of a key, from `ipcs` say, means what has that key.
/// A name and a file mean something of their own: two that differ and give one number do so by accident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Derivations {
    /// They are the same.
    Same,
    /// They differ, and one of them is a number, which names nothing.
    Number,
    /// They name two things.
    Different,
}

impl Derivations {
    /// Of a key of this value, by the hashes of its derivations.
    pub(crate) fn compare(value: i32, ours: u64, theirs: u64) -> Self {
        let number = fixed_hash(value);
        match ours == theirs {
            true => Self::Same,
            false if ours == number || theirs == number => Self::Number,
            false => Self::Different,
        }
    }
}

fn fixed_hash(value: i32) -> u64 {
    fnv1a(fnv1a(FNV_BASIS, b"fixed"), &value.to_le_bytes())
}

impl Key {
    /// The `key_t`: what `ipcs` shows, and what a C program passes to shmget(2).
    ///
    /// # Errors
    ///
    /// If the file of an ftok key is missing or cannot be looked at, or the key or project is 0.
    pub fn value(&self) -> Result<i32, Error> {
        match self.resolve() {
            Ok(resolved) => Ok(resolved.value),
            Err(kind) => Err(Error::new("derive the key", Identity::key(self.clone()), kind)),
        }
    }

    /// The `key_t`, and what it came from.
    pub(crate) fn resolve(&self) -> Result<Resolved, ErrorKind> {
        let resolved = |value, kind: &[u8], parts: [&[u8]; 3]| {
            let hash = parts.iter().fold(fnv1a(FNV_BASIS, kind), |hash, part| fnv1a(hash, part));
            Resolved { value, inode: None, hash }
        };
        match &self.0 {
            Source::Ftok { project: 0, .. } => {
                Err(ErrorKind::InvalidInput { reason: "an ftok project is a number from 1 to 255" })
            }
            Source::Ftok { path, project } => {
                let file = fs::metadata(path).map_err(|source| ErrorKind::KeyFile { source })?;
                let (device, inode) = (file.dev(), file.ino());
                let parts: [&[u8]; 3] = [&device.to_le_bytes(), &inode.to_le_bytes(), &[*project]];
                let value = ftok(device, inode, *project);
                Ok(Resolved { inode: Some(inode), ..resolved(value, b"ftok", parts) })
            }
            Source::Fixed(0) => {
                Err(ErrorKind::InvalidInput { reason: "key 0 is IPC_PRIVATE: use `Key::private()`" })
            }
            Source::Fixed(key) => Ok(resolved(*key, b"fixed", [&key.to_le_bytes(), b"", b""])),
            Source::Name { name, key } => Ok(resolved(*key, b"name", [name.as_bytes(), b"", b""])),
            Source::Private => Ok(resolved(0, b"private", [b"", b"", b""])),
        }
    }
}

impl Identity {
    /// The same with what its key gives now.
    pub(crate) fn derive(self, operation: &'static str) -> Result<Self, Error> {
        match self.key.as_ref().map(Key::resolve) {
            None => Ok(self),
            Some(Ok(Resolved { value, inode, hash })) => {
                Ok(Self { value: Some(value), inode, key_hash: Some(hash), ..self })
            }
            Some(Err(kind)) => Err(Error::new(operation, self, kind)),
        }
    }
}

/// The formula of ftok(3).
fn ftok(device: u64, inode: u64, project: u8) -> i32 {
    let [inode_0, inode_1, ..] = inode.to_le_bytes();
    let [device, ..] = device.to_le_bytes();
    i32::from_le_bytes([inode_0, inode_1, device, project])
}
