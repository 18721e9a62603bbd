//! What the kernel knows of an object: `ipc_perm`, and what each kind adds to it.

pub(crate) mod queue;
pub(crate) mod segment;
pub(crate) mod semaphore;

use std::time::{Duration, SystemTime};

/// A time in whole seconds, 0 meaning never.
fn time(seconds: i64) -> Option<SystemTime> {
    match u64::try_from(seconds) {
        Ok(seconds @ 1..) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)),
        _ => None,
    }
}
