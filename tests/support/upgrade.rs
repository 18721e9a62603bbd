//! Segments that are upgraded, and what an upgrade leaves.

use std::time::Duration;

use shm_runtime::{Key, Options, SharedSegment};

use crate::key::OwnKey;
use crate::oracle::{self, Row};
use crate::seal::{key_of, unique};

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
