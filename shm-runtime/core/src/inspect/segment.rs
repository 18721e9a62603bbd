//! Finding a segment of which nothing is known but its key or its id.

use core::fmt;
use core::time::Duration;
use std::borrow::Cow;

use super::attached::Attached;
use crate::ipc::error::{Error, ErrorKind};
use crate::ipc::identity::Identity;
use crate::ipc::key::Key;
use crate::ipc::kind::ObjectKind;
use crate::ipc::lookup::Lookup;
use crate::ipc::object::Object;
use crate::ipc::record::Record;
use crate::ipc::stat::segment::Stat;
use crate::ipc::trusted::{Trust, Trusted};
use crate::segment::observed::Observed;
use crate::segment::{Segment as Typed, Terms};

/// A segment that any program created, sealed or not, found by its key or its id, and not yet mapped.
///
/// ```
/// # use shm_runtime::SharedSegment;
/// # #[derive(SharedSegment)]
/// # #[repr(C)]
/// # #[shm(private)]
/// # struct Station { celsius: f64 }
/// # let made = Station::create()?.remove_on_drop();
/// # let id = made.id();
/// use shm_runtime::inspect::{Segment, State};
///
/// let segment = Segment::from_id(id)?;
/// assert!(segment.stat()?.size > 8);
/// let attached = segment.attach_read_only()?;
/// let seal = attached.seal().expect("a program of this crate made it");
/// assert_eq!((seal.state, seal.creator.pid), (State::Ready, std::process::id() as i32));
/// assert_eq!(attached.schema()?.to_string(), "struct Station size 8 align 8\n  celsius @0 f64\n");
/// # Ok::<(), shm_runtime::Error>(())
/// ```
#[derive(Clone)]
pub struct Segment(Typed<[u8; 0]>);

/// Whose segments are opened, and which: what [`Segment::options`] returns.
#[derive(Clone)]
pub struct Options {
    trusted: Trusted,
    trusts_writers: bool,
}

impl Segment {
    /// Options of which the most cautious is the default: only this user's and root's segments, and none of huge pages.
    pub fn options() -> Options {
        Options { trusted: Trusted::new(Trust::Nobody), trusts_writers: false }
    }

    /// The segment that has this key: shmget(2) and shmctl(2) with IPC_STAT.
    ///
    /// # Errors
    ///
    /// If there is none, it may not be read, or it belongs to a user who is not trusted.
    pub fn open(key: Key) -> Result<Self, Error> {
        Self::options().open(key)
    }

    /// The segment with this shmid.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn from_id(id: i32) -> Result<Self, Error> {
        Self::options().open_id(id)
    }

    /// The shmid.
    pub fn id(&self) -> i32 {
        self.0.id()
    }

    /// Bytes in the segment.
    pub fn size(&self) -> usize {
        self.0.size()
    }

    /// What the kernel records of the segment.
    ///
    /// # Errors
    ///
    /// If it was removed, its id means another segment by now, or it may not be read.
    pub fn stat(&self) -> Result<Stat, Error> {
        self.0.stat()
    }

    /// Maps the segment to read, whatever is in it: shmat(2) with SHM_RDONLY. It does not wait for a creator that is still
    /// initialising it.
    ///
    /// # Errors
    ///
    /// If it was removed, or may not be read; if its id means another segment by now, or it has another owner, who is not
    /// trusted; if it is made of huge pages, and [`trust_writers`](Options::trust_writers) was not said.
    pub fn attach_read_only(&self) -> Result<Attached, Error> {
        Ok(Attached::new(self.clone(), self.0.map(false)?))
    }

    /// Maps the segment to read and write: shmat(2).
    ///
    /// # Errors
    ///
    /// As for [`attach_read_only`](Self::attach_read_only), and if it may not be written.
    pub fn attach(&self) -> Result<Attached, Error> {
        Ok(Attached::new(self.clone(), self.0.map(true)?))
    }

    pub(super) fn typed(&self) -> &Typed<[u8; 0]> {
        &self.0
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Options {
    /// Opens segments whose owner or creator is this user, too. See [`Options`](crate::Options::trust_owner) of typed ones.
    pub fn trust_owner(&mut self, uid: u32) -> &mut Self {
        self.trusted.add(uid);
        self
    }

    /// The same for a user with this name.
    pub fn trust_owner_named(&mut self, name: impl Into<Cow<'static, str>>) -> &mut Self {
        self.trusted.add_named(name.into());
        self
    }

    /// Opens any user's segments: for a tool that shows what is there. What is in them is checked in any case, so the worst
    /// that another user can do is to show what is not so. What such a tool *writes*, that user reads.
    pub fn trust_anybody(&mut self) -> &mut Self {
        self.trusted.add_anybody();
        self
    }

    /// Attaches segments of huge pages, too. **A process that may write to such a segment can end those that are attached to
    /// it**, by SIGBUS: see [`Options`](crate::Options::trust_writers) of typed ones.
    pub fn trust_writers(&mut self) -> &mut Self {
        self.trusts_writers = true;
        self
    }

    /// As [`Segment::open`].
    ///
    /// # Errors
    ///
    /// As for [`Segment::open`].
    pub fn open(&self, key: Key) -> Result<Segment, Error> {
        let lookup = self.lookup(key);
        let (identity, id) = lookup.find("open")?;
        self.look(&lookup, identity, id)
    }

    /// As [`Segment::from_id`].
    ///
    /// # Errors
    ///
    /// As for [`Segment::open`].
    pub fn open_id(&self, id: i32) -> Result<Segment, Error> {
        let lookup = self.lookup(Key::private());
        let identity = lookup.identity_of(id);
        self.look(&lookup, identity, id)
    }

    /// The segment that was listed or looked up as `object`, by what the kernel said of it then: it is asked again when the
    /// segment is attached.
    ///
    /// ```
    /// use shm_runtime::inspect::Segment;
    /// use shm_runtime::{Object, ObjectKind};
    ///
    /// for object in Object::all(ObjectKind::Segment)? {
    ///     let Ok(segment) = Segment::options().open_object(&object) else { continue };
    ///     println!("{}: {} bytes, which this program would open", segment.id(), segment.size());
    /// }
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it belongs to a user who is not trusted, or is not a segment.
    pub fn open_object(&self, object: &Object) -> Result<Segment, Error> {
        let Record::Segment(stat) = object.record() else {
            let identity = Identity { object: object.kind(), ..Identity::default() }.with_id(object.id());
            let reason = "it is not a segment";
            return Err(Error::new("open", identity, ErrorKind::InvalidInput { reason }));
        };
        let identity = Identity::default().with_id(object.id());
        match self.trusted.check(stat.permissions.uid, stat.creator_uid) {
            Ok(()) => Ok(self.found(identity, object.id(), Observed::from(stat))),
            Err(kind) => Err(Error::new("open", identity, kind)),
        }
    }

    fn lookup(&self, key: Key) -> Lookup {
        let trusted = self.trusted.clone();
        Lookup { trusted, ..Lookup::new(ObjectKind::Segment, key, None, Trust::Nobody) }
    }

    fn look(&self, lookup: &Lookup, identity: Identity, id: i32) -> Result<Segment, Error> {
        let observed = match lookup.look(id) {
            Ok(Some(Record::Segment(stat))) => Observed::from(&stat),
            // Of a segment, the kernel's answer is one of a segment.
            Ok(_) => return Err(Error::new("open", identity, ErrorKind::Removed)),
            Err(kind) => return Err(Error::new("open", identity, kind)),
        };
        Ok(self.found(identity, id, observed))
    }

    fn found(&self, identity: Identity, id: i32, observed: Observed) -> Segment {
        let terms = Terms {
            bare: true,
            len: None,
            allow_larger: true,
            compatible: false,
            wait: Duration::ZERO,
            trusted: self.trusted.clone(),
            trusts_writers: self.trusts_writers,
            allows_other_pid_namespace: true,
        };
        Segment(Typed::new(identity, id, observed, terms))
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("trusts_writers", &self.trusts_writers).finish_non_exhaustive()
    }
}
