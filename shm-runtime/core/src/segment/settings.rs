//! What `#[shm(...)]` says.

use crate::ipc::trusted::Trust;

/// What `#[shm(...)]` says; of the key, the name only.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub name: &'static str,
    /// What [`name_key`](crate::ipc::key::name_key) hashes, if the key is that of a name.
    pub key_name: &'static str,
    pub mode: u32,
    pub bare: bool,
    pub trust: Trust,
}
