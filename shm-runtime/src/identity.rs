//! Which object an operation was about: what every error says first.

use core::fmt;

use crate::key::Key;

/// A System V object as its user knows it: type, key and how that is derived, id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    /// The struct's name.
    pub(crate) type_name: Option<&'static str>,
    pub(crate) key: Option<Key>,
    /// The `key_t`, once it is known.
    pub(crate) value: Option<i32>,
    /// The inode that an ftok key came from.
    pub(crate) inode: Option<u64>,
    /// The hash of the key's derivation, once it is known.
    pub(crate) key_hash: Option<u64>,
    /// The shmid, once it is known.
    pub(crate) id: Option<i32>,
}

impl Identity {
    pub(crate) fn key(key: Key) -> Self {
        Self {
            key: Some(key),
            ..Self::default()
        }
    }
}

/// `Station (key 0x57010c03, ftok("/var/lib/weather", 'W') of inode 3075, shmid 5)`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let derived = self.key.as_ref().is_none_or(|key| !key.is_fixed());
        if let Some(value) = self.value.filter(|&value| value != 0 && derived) {
            parts.push(format!("key {value:#010x}"));
        }
        if let Some(key) = &self.key {
            parts.push(match self.inode {
                Some(inode) => format!("{key} of inode {inode}"),
                None => key.to_string(),
            });
        }
        if let Some(id) = self.id {
            parts.push(format!("shmid {id}"));
        }
        write!(f, "{} ({})", self.type_name.unwrap_or("a key"), parts.join(", "))
    }
}
