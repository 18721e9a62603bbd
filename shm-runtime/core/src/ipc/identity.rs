//! Which object an operation was about: what every error says first.

use core::fmt;

use crate::ipc::key::Key;
use crate::ipc::kind::ObjectKind;

/// A System V object as its user knows it: type, key and how that is derived, id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    pub(crate) object: ObjectKind,
    /// The struct's name; of a segment's companion, that of the segment.
    pub(crate) type_name: Option<&'static str>,
    pub(crate) key: Option<Key>,
    /// The `key_t`, once it is known.
    pub(crate) value: Option<i32>,
    /// The inode that an ftok key came from.
    pub(crate) inode: Option<u64>,
    /// The hash of the key's derivation, once it is known.
    pub(crate) key_hash: Option<u64>,
    /// The shmid, semid or msqid, once it is known.
    pub(crate) id: Option<i32>,
}

impl Identity {
    pub(crate) fn key(key: Key) -> Self {
        Self { key: Some(key), ..Self::default() }
    }

    pub(crate) fn with_id(self, id: i32) -> Self {
        Self { id: Some(id), ..self }
    }

    /// Whether there is a struct whose attribute has settings for it.
    pub(crate) fn has_struct(&self) -> bool {
        self.object != ObjectKind::Queue && self.type_name.is_some()
    }

    /// How the user's program would choose this option.
    pub(crate) fn option(&self, option: &str) -> String {
        match (self.object, self.type_name) {
            (ObjectKind::Segment, name) => format!("{}::options().{option}", name.unwrap_or("Segment")),
            (ObjectKind::Semaphore, Some(name)) => format!("{name}::semaphore().{option}"),
            (ObjectKind::Semaphore, None) => format!("Semaphore::options(key).{option}"),
            (ObjectKind::Queue, _) => format!("Queue::options(key).{option}"),
        }
    }

    /// How the user's program would call `create()`, `open()` or `remove()` of this.
    pub(crate) fn call(&self, function: &str) -> String {
        let arguments = match (self.object, function) {
            (ObjectKind::Semaphore, "create" | "open_or_create") => "initial",
            _ => "",
        };
        match (self.object, self.type_name) {
            (ObjectKind::Segment, name) => format!("{}::{function}()", name.unwrap_or("T")),
            (ObjectKind::Semaphore, Some(name)) => format!("{name}::semaphore().{function}({arguments})"),
            (ObjectKind::Semaphore, None) => format!("Semaphore::options(key).{function}({arguments})"),
            (ObjectKind::Queue, _) => format!("Queue::options(key).{function}()"),
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
            parts.push(format!("{} {id}", self.object.id_name()));
        }
        match (self.object, self.type_name) {
            (ObjectKind::Segment, Some(name)) => f.write_str(name)?,
            // Nothing but a key was asked about.
            (ObjectKind::Segment, None) if self.value.is_none() && self.id.is_none() => {
                f.write_str("a key")?
            }
            (object, Some(name)) => write!(f, "{} of {name}", object.noun())?,
            (object, None) => f.write_str(object.noun())?,
        }
        write!(f, " ({})", parts.join(", "))
    }
}
