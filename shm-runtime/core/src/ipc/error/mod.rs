//! What can go wrong at run time.

mod explain;
mod key;
mod kind;
mod limits;
mod memory;
mod permission;
mod queue;
mod refused;
mod seal;
mod semaphore;
mod words;

use core::fmt;
use std::io;

pub use self::kind::ErrorKind;
use crate::ipc::identity::Identity;
use crate::ipc::key::Key;
use crate::ipc::kind::ObjectKind;

/// A failed operation: what was tried, on which object, why it failed and the way out.
///
/// `Display` says all of it in one paragraph; [`kind`](Self::kind) is for programs that react to it.
///
/// ```
/// use shm_runtime::{ErrorKind, SharedSegment};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(name = "org.example.nobody-created-this")]
/// struct Nothing { count: u64 }
///
/// let error = Nothing::open().unwrap_err();
/// assert!(matches!(error.kind(), ErrorKind::NotFound));
/// let text = error.to_string();
/// assert!(text.contains("Nothing") && text.contains("org.example.nobody-created-this"));
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    operation: &'static str,
    identity: Identity,
    kind: ErrorKind,
    /// What else is known.
    note: Option<String>,
}

impl Error {
    pub(crate) fn new(operation: &'static str, identity: Identity, kind: ErrorKind) -> Self {
        Self(Box::new(Inner { operation, identity, kind, note: None }))
    }

    /// The same, and what else is known.
    pub(crate) fn with_note(mut self, note: String) -> Self {
        self.0.note = Some(note);
        self
    }

    /// Whether what was looked for may still be created: it, or the file that its key comes from.
    pub(crate) fn is_of_nothing_yet(&self) -> bool {
        match self.kind() {
            ErrorKind::NotFound | ErrorKind::Removed => true,
            ErrorKind::KeyFile { source } => source.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// Why it failed.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What was tried: `"create"`, `"attach"`.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The kind of the object.
    pub fn object(&self) -> ObjectKind {
        self.0.identity.object
    }

    /// The number of the object's key, if it was known: [`Key::fixed`], which is shown in hex, as by ipcs(1), and by which the
    /// object can be found, or what has the key instead.
    pub fn key(&self) -> Option<Key> {
        self.0.identity.value.map(|value| Key::fixed(u32::from_ne_bytes(value.to_ne_bytes())))
    }

    /// The shmid, semid or msqid of the object, if it was known.
    pub fn id(&self) -> Option<i32> {
        self.0.identity.id
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { operation, identity, kind, note } = &*self.0;
        write!(f, "cannot {operation} {identity}: ")?;
        kind.explain(operation, identity, f)?;
        note.as_ref().map_or(Ok(()), |note| write!(f, ". {note}"))
    }
}

/// As `Display`: `unwrap` and `fn main() -> Result` show this one.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self.kind() {
            ErrorKind::KeyFile { source }
            | ErrorKind::Os { source }
            | ErrorKind::CallRefused { source, .. } => Some(source),
            ErrorKind::UnknownUser { source: Some(source), .. } => Some(source),
            ErrorKind::WrongMessage { invalid: Some(invalid), .. } => Some(invalid),
            _ => None,
        }
    }
}
