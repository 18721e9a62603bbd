//! The name of a System V object: a key, as its user gives it.

use core::fmt;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::memory::fingerprint::{FNV_BASIS, fnv1a};

/// How a key is derived: what `#[shm(...)]` names, and what the options can override.
///
/// ```
/// use shm_runtime::Key;
///
/// let key = Key::name("org.example.weather");
/// assert_eq!(key.value()?.cast_unsigned(), 0xaf69_85af);
/// # Ok::<(), shm_runtime::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(pub(super) Source);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Ftok { path: Cow<'static, Path>, project: u8 },
    Fixed(i32),
    Name { name: Cow<'static, str>, key: i32 },
    Private,
}

impl Key {
    /// The key of an existing file and a project number, as ftok(3) makes it: 8 bits of the project, 8 of the
    /// file's device, 16 of its inode. Whoever uses the same file and project gets the same key, in C too.
    ///
    /// The key belongs to the inode: a file that was replaced (an editor's save, a package's upgrade) has
    /// another one. And with 16 bits of the inode, two files can have the same key.
    pub fn ftok(path: impl Into<PathBuf>, project: u8) -> Self {
        Self(Source::Ftok { path: Cow::Owned(path.into()), project })
    }

    /// This very `key_t`. 0 is refused when the key is used: it is IPC_PRIVATE.
    pub const fn fixed(key: i32) -> Self {
        Self(Source::Fixed(key))
    }

    /// A key hashed from a name, the same in every program, that depends on no file. By custom the name starts
    /// with a domain: `org.example.weather`.
    ///
    /// The hash is FNV-1a of 64 bits, its halves combined by exclusive or; 1 where that is 0.
    pub fn name(name: impl Into<Cow<'static, str>>) -> Self {
        let name = name.into();
        let key = hash(&name);
        Self(Source::Name { name, key })
    }

    /// IPC_PRIVATE: a new object every time, found by its id alone.
    pub const fn private() -> Self {
        Self(Source::Private)
    }

    pub(crate) fn is_fixed(&self) -> bool {
        matches!(self.0, Source::Fixed(_))
    }

    pub(crate) fn is_private(&self) -> bool {
        matches!(self.0, Source::Private)
    }

    /// `Key::name` of a constant name, which was [hashed](hash) at compile time.
    pub(crate) const fn hashed_name(name: &'static str, key: i32) -> Self {
        Self(Source::Name { name: Cow::Borrowed(name), key })
    }
}

/// `Key::ftok` of a constant path, without allocating: what the derive calls.
#[doc(hidden)]
pub fn ftok_key(path: &'static (impl AsRef<Path> + ?Sized), project: u8) -> Key {
    Key(Source::Ftok { path: Cow::Borrowed(path.as_ref()), project })
}

/// FNV-1a, folded to 32 bits; never 0.
pub(crate) const fn hash(name: &str) -> i32 {
    let hash = fnv1a(FNV_BASIS, name.as_bytes());
    let [a, b, c, d, e, f, g, h] = hash.to_le_bytes();
    match i32::from_le_bytes([a ^ e, b ^ f, c ^ g, d ^ h]) {
        0 => 1,
        key => key,
    }
}

/// How the key is derived: `ftok("/var/lib/weather", 'W')`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Ftok { path, project } if project.is_ascii_graphic() => {
                write!(f, "ftok({path:?}, '{}')", char::from(*project))
            }
            Source::Ftok { path, project } => write!(f, "ftok({path:?}, {project})"),
            Source::Fixed(key) => write!(f, "key {key:#010x}"),
            Source::Name { name, .. } => write!(f, "name {name:?}"),
            Source::Private => f.write_str("private"),
        }
    }
}
