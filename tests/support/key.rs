//! Keys that no other test has, and guards that leave no segment behind.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use shm_runtime::Key;

use crate::{hygiene, oracle};

/// The high byte of every key that a test makes up.
const MARK: u8 = 0x5a;

/// A key of this test's own. Dropped, also by a panic, it removes the segment that has the key, whoever made it.
///
/// Make it before the child processes, so that it is dropped after them.
#[derive(Debug)]
pub struct OwnKey {
    value: i32,
}

impl OwnKey {
    /// A key from the process's id and a count, under which there is no segment.
    pub fn new() -> Self {
        static COUNT: AtomicU8 = AtomicU8::new(0);
        hygiene::watch();
        loop {
            let [low, high, ..] = std::process::id().to_le_bytes();
            let value = i32::from_le_bytes([COUNT.fetch_add(1, Relaxed), low, high, MARK]);
            if oracle::by_key(value).is_none() {
                return Self { value };
            }
        }
    }

    /// The `key_t`.
    pub fn value(&self) -> i32 {
        self.value
    }

    /// The key, for `Options::key`.
    pub fn key(&self) -> Key {
        Key::fixed(self.value)
    }
}

impl Default for OwnKey {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for OwnKey {
    fn drop(&mut self) {
        while let Some(row) = oracle::by_key(self.value) {
            drop(OwnId::new(row.id));
        }
    }
}

/// Removes the segment with this id when it is dropped, also by a panic.
#[derive(Debug)]
pub struct OwnId(i32);

impl OwnId {
    /// Guards a segment that the test, or a program it ran, created.
    pub fn new(id: i32) -> Self {
        hygiene::watch();
        Self(id)
    }
}

impl Drop for OwnId {
    fn drop(&mut self) {
        // SAFETY: IPC_RMID takes numbers only. An error means that it is removed already.
        let _ = unsafe { libc::shmctl(self.0, libc::IPC_RMID, std::ptr::null_mut()) };
    }
}
