//! Segments that are upgraded, and what an upgrade leaves.

use std::time::Duration;

use shm_runtime::{Key, Options, SharedSegment};

use crate::key::OwnKey;
#[cfg(target_env = "gnu")]
use crate::oracle::Table;
use crate::oracle::{self, Row};
use crate::seal::{key_of, unique};
#[cfg(target_env = "gnu")]
use crate::traced::Stopped;

/// How the segment of this name is found and made, whichever version of the struct it has.
pub fn options<T: SharedSegment>(name: &str) -> Options<T> {
    let mut options = T::options();
    options.key(Key::name(name.to_owned())).wait(Duration::from_secs(20));
    options
}

/// A name, and what removes whatever is under it and under the key of its spare.
#[derive(Debug)]
pub struct Name {
    /// The name.
    pub name: String,
    _own: [OwnKey; 2],
}

impl Name {
    /// One that nothing has.
    #[allow(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        let name = unique();
        let _own = [OwnKey::name(&name), OwnKey::name(&spare_of(&name))];
        Self { name, _own }
    }

    /// What is under the key of the spare.
    pub fn spares(&self) -> Vec<Row> {
        oracle::with_key(key_of(&spare_of(&self.name)))
    }

    /// Has upgrades killed, each at a later one of its system calls, until one has left what is looked for. `None` if this
    /// process may not trace.
    ///
    /// # Panics
    ///
    /// If none leaves it.
    #[cfg(target_env = "gnu")]
    pub fn left_by_the_dead<R>(
        &self,
        stopped_at: impl Fn(usize) -> Option<Stopped>,
        look: impl Fn() -> Option<R>,
    ) -> Option<R> {
        for point in 0.. {
            let mut stopped = stopped_at(point)?;
            assert!(!stopped.ended, "there is a moment in which that is left");
            stopped.traced.kill();
            let left = look();
            if left.is_some() {
                return left;
            }
            self.spares().iter().for_each(|spare| Table::Segments.remove(spare.id));
        }
        None
    }

    /// Whether nothing has the name.
    pub fn is_free(&self) -> bool {
        oracle::with_key(key_of(&self.name)).is_empty()
    }

    /// The segment that has the name.
    ///
    /// # Panics
    ///
    /// If it is not one.
    pub fn only(&self) -> Row {
        let rows = oracle::with_key(key_of(&self.name));
        let [row] = &rows[..] else { panic!("one segment: {rows:?}") };
        *row
    }
}

/// The name of the spare's key.
fn spare_of(name: &str) -> String {
    format!("next generation of {:#010x}", key_of(name))
}
