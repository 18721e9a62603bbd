//! Keys that no other test has, and guards that leave no segment.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use shm_runtime::{Key, Segment, SharedSegment};

use crate::hygiene;
use crate::oracle::Table;

/// The high four bits of every key that a test makes up. 22 are the process's id, 6 tell its keys apart.
const MARK: i32 = 0x5000_0000;

/// The keys that tests of this process have now.
fn taken() -> MutexGuard<'static, HashSet<i32>> {
    static TAKEN: LazyLock<Mutex<HashSet<i32>>> = LazyLock::new(Mutex::default);
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A key of this test's own. Dropped, also by a panic, it removes the segment, the semaphore set and the queue that have the
/// key, whichever process made them.
///
/// Make it before the child processes, so that it is dropped after them.
#[derive(Debug)]
pub struct OwnKey {
    value: i32,
}

impl OwnKey {
    /// A key that no other test has, here or in another process, and no object of the kernel's.
    ///
    /// # Panics
    ///
    /// If the tests of this process have 64 already.
    pub fn new() -> Self {
        hygiene::watch();
        let pid = i32::try_from(std::process::id()).expect("a process id has 22 bits");
        let mut taken = taken();
        let free = (0..64).map(|count| MARK | pid << 6 | count).find(|&value| {
            !taken.contains(&value) && Table::ALL.iter().all(|table| table.by_key(value).is_none())
        });
        let value = free.expect("a free key");
        taken.insert(value);
        Self { value }
    }

    /// The key of a name, which is one that no other test has: see [`unique`](crate::seal::unique).
    pub fn name(name: &str) -> Self {
        Self::of(crate::seal::key_of(name))
    }

    /// This key.
    pub fn of(value: i32) -> Self {
        hygiene::watch();
        Self { value }
    }

    /// The `key_t`.
    pub fn value(&self) -> i32 {
        self.value
    }

    /// The key, for `Options::key`.
    pub fn key(&self) -> Key {
        Key::fixed(self.value.cast_unsigned())
    }
}

impl Default for OwnKey {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for OwnKey {
    fn drop(&mut self) {
        for table in Table::ALL {
            while let Some(row) = table.by_key(self.value) {
                table.remove(row.id);
            }
        }
        taken().remove(&self.value);
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

    /// The id.
    pub fn id(&self) -> i32 {
        self.0
    }
}

impl Drop for OwnId {
    fn drop(&mut self) {
        Table::Segments.remove(self.0);
    }
}

/// A segment for the time of a test, removed when this is dropped; not by the library, which may fail the test.
#[derive(Debug)]
pub struct Own<T> {
    segment: Segment<T>,
    _id: OwnId,
}

impl<T: SharedSegment> Own<T> {
    /// Creates the segment of a struct that is `private`.
    ///
    /// # Panics
    ///
    /// If it cannot be created.
    pub fn create() -> Self {
        let segment = T::create().expect("create a segment");
        Self { _id: OwnId::new(segment.id()), segment }
    }

    /// The same, without the attachment that a creator has from the start.
    ///
    /// # Panics
    ///
    /// If it cannot be created.
    pub fn create_unattached() -> Self {
        let created = Self::create();
        let segment = Segment::from_id(created.id()).expect("open a segment just created");
        Self { segment, ..created }
    }
}

impl<T> Deref for Own<T> {
    type Target = Segment<T>;

    fn deref(&self) -> &Segment<T> {
        &self.segment
    }
}
