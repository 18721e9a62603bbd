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
/// assert_eq!(key.value()? as u32, 0xaf69_85af);
/// # Ok::<(), shm_runtime::Error>(())
/// ```
///
/// # Collisions
///
/// A key has 32 bits. Two names, or two files, can have the same one, and then two programs find each other's objects.
/// The seal of a segment says how its key was derived and for which struct, and those who find it compare:
///
/// | the derivations are | and the structs have | the segment is |
/// | --- | --- | --- |
/// | the same name; the same file and project; the same number | the same name | the program's own: its layout has to agree |
/// | the same | different names | refused: [`LayoutDiffers`](crate::ErrorKind::LayoutDiffers) |
/// | a number, and a name or a file | the same name | the program's own: its layout has to agree |
/// | a number, and a name or a file | different names | refused: [`KeyCollision`](crate::ErrorKind::KeyCollision) |
/// | two names, two files (or projects), or a name and a file | any | refused: `KeyCollision` |
///
/// A number names nothing: a program may have it from `ipcs`, from a C program's ftok(3) or from `Key::value`. A name and
/// a file do, so two different ones are taken for two things even if the structs agree: they may be two shops' accounts.
/// An object that is found by its id is not found by a key at all.
///
/// A bare segment, a semaphore set and a message queue have no room for such a mark: the kernel records their key only
/// (`ipcs` shows it), and a C program has to find in them what it expects. So those of two programs whose keys collide are
/// not told apart, but by their owner, by the number of semaphores, and by the size of messages. The
/// [companion](crate::SharedSegment::semaphore) of a segment is: if the segment exists, its seal speaks for both. For others,
/// choose names, whose keys use all 32 bits, and not ftok, whose keys use 16 bits of the file's number.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(pub(super) Source);

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Source {
    Ftok { path: Cow<'static, Path>, project: u8 },
    Fixed(i32),
    Name { name: Cow<'static, str>, key: i32 },
    Private,
}

impl Key {
    /// The key of an existing file and a project number, as ftok(3) makes it: 8 bits of the project, 8 of the
    /// file's device, 16 of its inode. All who use the same file and project get the same key, in C too.
    ///
    /// The key belongs to the inode: a file that was replaced (an editor's save, a package's upgrade) has
    /// another one. And with 16 bits of the inode, two files can have the same key.
    pub fn ftok(path: impl Into<PathBuf>, project: u8) -> Self {
        Self(Source::Ftok { path: Cow::Owned(path.into()), project })
    }

    /// This very key, as ipcs(1) shows it: `Key::fixed(0xdead_beef)`. C's `key_t`, and what [`value`](Self::value) gives, are
    /// the same bits as an `i32`: `Key::fixed(value as u32)`. 0 is refused when the key is used: it is IPC_PRIVATE.
    pub const fn fixed(key: u32) -> Self {
        Self(Source::Fixed(i32::from_ne_bytes(key.to_ne_bytes())))
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

    /// IPC_PRIVATE: a new object every time, found by its id only.
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

/// As `Display`: numbers of keys are shown as ipcs(1) shows them.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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
