//! What the seal of a segment says, to be shown.

use std::time::SystemTime;

use crate::sys::liveness;

/// What the seal of a segment says: another process's words, of which nothing is relied on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seal {
    /// How far the segment's life has come.
    pub state: State,
    /// The hash of the layout: [`Schema::fingerprint`](crate::Schema::fingerprint).
    pub fingerprint: u64,
    /// The bytes of the struct, which is at offset 0.
    pub struct_size: u64,
    /// How the creator derived the key, as `Display` of a [`Key`](crate::Key) says it: `name "org.example.weather"`. Control
    /// characters are replaced, and a text of more than 4096 bytes is cut. Why it cannot be read, if it cannot.
    pub key: Result<String, &'static str>,
    /// The process that created it.
    pub creator: Process,
    /// When it was sealed; no two segments under one key have the same. `None` if it says that it was not.
    pub incarnation: Option<SystemTime>,
}

/// How far the life of a sealed segment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// The creator has not got further than to create it.
    New,
    /// Sealed, and the creator's initialiser is running; or its process died in the middle.
    Initialising,
    /// In use.
    Ready,
    /// The initialiser panicked.
    Abandoned,
    /// This process is about to remove it as a stale one, or died in the middle of that.
    #[non_exhaustive]
    Reclaiming {
        /// The process.
        by: Process,
        /// Whether the segment is in use, as it will be again if no process removes it.
        was_ready: bool,
    },
    /// Nothing that this crate writes.
    Unknown(u32),
}

/// A process that left its name in a segment. It is compared by all that the segment says of it, and not by its pid only, which
/// another process can have by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Process {
    /// Its pid in its own pid namespace; 0 if it is not known.
    pub pid: i32,
    /// The inode of that namespace, as its /proc/self/ns/pid shows it; 0 if it is not known.
    pub pid_namespace: u32,
    /// What tells it from others with its pid.
    identity: liveness::Process,
}

impl Process {
    /// Whether it lives; `None` where that cannot be told, as of a process in another pid namespace. It is not asked of the
    /// pid only, which another process can have by now.
    ///
    /// The kernel is asked each time, by several calls: of a process that left its name in many segments, ask once.
    pub fn alive(&self) -> Option<bool> {
        let here = liveness::Process::this().namespace;
        let known = self.pid > 0 && here != 0 && self.pid_namespace == here;
        known.then(|| !self.identity.is_dead())
    }
}

impl From<liveness::Process> for Process {
    fn from(identity: liveness::Process) -> Self {
        Self { pid: identity.pid, pid_namespace: identity.namespace, identity }
    }
}
