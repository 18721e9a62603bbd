//! What the kernel knows of an object: `ipc_perm`, and what each kind adds to it.

pub(crate) mod queue;
pub(crate) mod segment;
pub(crate) mod semaphore;
