//! Whether this program may use the segment that it has mapped: initialised, and of the layout it expects.

use core::cell::LazyCell;
use core::time::Duration;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::ipc::diagnose;
use crate::ipc::error::ErrorKind;
use crate::ipc::identity::Identity;
use crate::ipc::key::Key;
use crate::ipc::kind::ObjectKind;
use crate::ipc::resolve::Derivations;
use crate::ipc::stat::segment::Stat;
use crate::memory::tail::Extent;
use crate::schema::{Relation, Schema};
use crate::seal::footer::{FOOTER, FooterFields, Seal, State};
use crate::sys::liveness::Process;
use crate::sys::refused::Call;

/// How long to sleep before looking again whether the creator still lives: its death wakes no process.
const SLICE: Duration = Duration::from_millis(20);

/// Why a program may not use a segment.
pub(crate) enum Refusal {
    /// For good.
    Error(ErrorKind),
    /// The process `by` is about to remove it, if no process is attached. So a process that finds that has to detach, or it
    /// would be in the way, and to look again.
    BeingReclaimed { by: Process },
}

impl From<ErrorKind> for Refusal {
    fn from(kind: ErrorKind) -> Self {
        Self::Error(kind)
    }
}

/// What a program expects of a sealed segment.
pub(crate) struct Expected<'a> {
    pub(crate) extent: Extent,
    /// How long the slice at the struct's end is to be, if that is known.
    pub(crate) len: Option<usize>,
    pub(crate) fingerprint: u64,
    pub(crate) schema: fn() -> Schema,
    /// If the segment was found by its key.
    pub(crate) key: Option<ExpectedKey<'a>>,
    /// Whether the segment may have more fields after ours.
    pub(crate) compatible: bool,
    pub(crate) wait: Duration,
}

/// The key by which a program found a segment.
#[derive(Clone, Copy)]
pub(crate) struct ExpectedKey<'a> {
    pub(crate) value: i32,
    /// Of the key's derivation.
    pub(crate) hash: u64,
    /// The derivation, for words.
    pub(crate) key: &'a Key,
}

impl<'a> ExpectedKey<'a> {
    /// That of an object that was found by its key.
    pub(crate) fn of(identity: &'a Identity) -> Option<Self> {
        let (value, hash, key) = (identity.value?, identity.key_hash?, identity.key.as_ref()?);
        Some(Self { value, hash, key })
    }

    fn compare(&self, fields: &FooterFields) -> Derivations {
        Derivations::compare(self.value, self.hash, fields.key_hash)
    }

    /// That what a seal says, of a struct of the name `theirs`, is not another program's segment, as far as its key tells.
    /// Two derivations that name two things mean two things, whatever is in the segment. By a number, everything can be
    /// meant: there the struct's name decides.
    fn agrees(
        &self,
        seal: Seal<'_>,
        fields: &FooterFields,
        theirs: &str,
        ours: &str,
    ) -> Result<(), ErrorKind> {
        match self.compare(fields) {
            Derivations::Same => return Ok(()),
            Derivations::Number if theirs == ours => return Ok(()),
            Derivations::Number | Derivations::Different => {}
        }
        let key = seal.key_text(fields).map_err(bad)?;
        Err(ErrorKind::KeyCollision {
            theirs: format!("{theirs} by {}", printable(&key)),
            ours: format!("{ours} by {}", self.key),
        })
    }
}

/// Whose a sealed segment is, as its seal says.
pub(crate) enum Whose {
    /// This program's: its key means the same, and its struct has the same name.
    Ours { same_layout: bool },
    /// Another program's, or unknown: why this program cannot use it.
    Other(ErrorKind),
}

/// That the segment with this seal is not another program's, for a companion of the segment, which has no seal.
pub(crate) fn companion_of(
    seal: Option<Seal<'_>>,
    key: &ExpectedKey<'_>,
    ours: &str,
) -> Result<(), ErrorKind> {
    // What is not ready, or not sealed, says nothing yet.
    let Some(seal) = seal.filter(|seal| seal.has_magic() && seal.state() == State::Ready) else {
        return Ok(());
    };
    let Ok(fields) = seal.read() else { return Ok(()) };
    if key.compare(&fields) == Derivations::Same {
        return Ok(());
    }
    let schema = seal.schema_text(&fields).ok().and_then(|text| Schema::from_text(text).ok());
    schema.map_or(Ok(()), |theirs| key.agrees(seal, &fields, theirs.name(), ours))
}

impl Expected<'_> {
    /// Whose the segment is: asked before anything is replaced.
    pub(crate) fn whose(&self, seal: Seal<'_>) -> Whose {
        let answer = || {
            let fields = seal.read().map_err(bad)?;
            if self.is_same(&fields)
                && self.key.is_none_or(|key| key.compare(&fields) != Derivations::Different)
            {
                return Ok(true);
            }
            let schema = seal.schema_text(&fields).map_err(bad)?;
            let theirs = Schema::from_text(schema).map_err(|error| bad(&error.to_string()))?;
            let ours = (self.schema)();
            self.key.map_or(Ok(()), |key| key.agrees(seal, &fields, theirs.name(), ours.name()))?;
            match (theirs.name() == ours.name(), theirs.relation(&ours) == Relation::Same) {
                (true, same) => Ok(same),
                (false, _) => {
                    Err(ErrorKind::LayoutDiffers { theirs: Box::new(theirs), ours: Box::new(ours) })
                }
            }
        };
        match answer() {
            Ok(same_layout) => Whose::Ours { same_layout },
            Err(kind) => Whose::Other(kind),
        }
    }

    /// That a segment which is not ready is not another program's, whose creator it would be vain to wait for. (Once its
    /// state is not `New`, what the seal says of whose it is is complete.)
    fn not_anothers(&self, seal: Seal<'_>) -> Result<(), ErrorKind> {
        if seal.state() == State::New || !seal.has_magic() {
            return Ok(());
        }
        match self.whose(seal) {
            Whose::Other(kind @ ErrorKind::KeyCollision { .. }) => Err(kind),
            Whose::Other(_) | Whose::Ours { .. } => Ok(()),
        }
    }

    /// Whether the struct is this program's, field by field.
    fn is_same(&self, fields: &FooterFields) -> bool {
        let expected = self.tail_len(fields).and_then(|len| self.extent.padded(len));
        fields.fingerprint == self.fingerprint
            && usize::try_from(fields.struct_size).is_ok_and(|size| Some(size) == expected)
    }

    /// Waits until the segment is initialised, and compares its layout; returns how long the slice at its end is: read once, and
    /// found to be within the segment.
    pub(crate) fn admit(
        &self,
        seal: Option<Seal<'_>>,
        id: i32,
        size: usize,
        start: &LazyCell<Instant>,
    ) -> Result<usize, Refusal> {
        let not_sealed = ErrorKind::NotSealed { found: size, expected: self.extent.head() };
        let Some(seal) = seal else {
            return Err(not_sealed.into());
        };
        if seal.state() != State::Ready {
            if size == self.extent.head() && seal.is_blank() {
                return Err(not_sealed.into());
            }
            self.not_anothers(seal)?;
            wait_until_ready(seal, id, self.wait, start)?;
        }
        let Some(fields) = seal.fields()? else {
            return Err(not_sealed.into());
        };
        // The fingerprint has the struct's name in it.
        let same_key = self.key.is_none_or(|key| key.compare(&fields) != Derivations::Different);
        let checked = match same_key && self.is_same(&fields) {
            true => self.room(&fields, size),
            false => self.compare(seal, &fields, size),
        };
        checked.map_err(Refusal::Error)
    }

    /// What the seal says of how long the slice at the struct's end is.
    fn tail_len(&self, fields: &FooterFields) -> Option<usize> {
        if self.extent.is_tailed() { usize::try_from(fields.tail_len).ok() } else { Some(0) }
    }

    /// That the struct ends in front of the footer, and of its texts: of a seal that was not forged, it does. Returns how long
    /// the slice at its end is.
    fn room(&self, fields: &FooterFields, size: usize) -> Result<usize, ErrorKind> {
        let claimed = usize::try_from(fields.struct_size).unwrap_or(usize::MAX);
        let room = size.checked_sub(FOOTER).map(|room| room.min(claimed));
        let len = self.tail_len(fields);
        match (room, len, len.and_then(|len| self.extent.padded(len))) {
            (Some(room), Some(found), Some(size)) if size <= room => match self.len {
                Some(expected) if expected != found => Err(ErrorKind::LengthDiffers { found, expected }),
                _ => Ok(found),
            },
            _ => Err(bad("the segment is too small for the struct that it claims to have")),
        }
    }

    /// Says what differs, or finds that it may.
    fn compare(&self, seal: Seal<'_>, fields: &FooterFields, size: usize) -> Result<usize, ErrorKind> {
        let schema = seal.schema_text(fields).map_err(bad)?;
        let theirs = Schema::from_text(schema).map_err(|error| bad(&error.to_string()))?;
        let ours = (self.schema)();
        self.key.map_or(Ok(()), |key| key.agrees(seal, fields, theirs.name(), ours.name()))?;
        if theirs == ours {
            return Err(bad("the fingerprint in its seal is not that of its schema"));
        }
        match theirs.relation(&ours) {
            Relation::Same => return self.room(fields, size),
            Relation::Newer if self.compatible => return self.room(fields, size),
            Relation::Newer | Relation::Older { .. } | Relation::Different => {}
        }
        Err(ErrorKind::LayoutDiffers { theirs: Box::new(theirs), ours: Box::new(ours) })
    }
}

/// A text of another process's, without what could confuse a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '?' } else { char }).collect()
}

fn bad(reason: &str) -> ErrorKind {
    ErrorKind::BadSeal { reason: reason.to_owned() }
}

impl Seal<'_> {
    /// What the seal says; `None` if there is none.
    fn fields(self) -> Result<Option<FooterFields>, ErrorKind> {
        if !self.has_magic() {
            return Ok(None);
        }
        self.read().map(Some).map_err(bad)
    }

    /// The process that created the segment: what the seal says of it, if that is said of the process that the kernel
    /// says it was. [`Process::UNKNOWN`] if it cannot be seen from this process's pid namespace.
    fn creator(self, stat: &Stat) -> Process {
        // As the kernel has it, it is the creator's pid in this process's namespace, or 0.
        let seen = Process::seen_here(stat.creator_pid);
        if seen.pid <= 0 {
            return Process::UNKNOWN;
        }
        let creator = self.read().ok().map(|fields| fields.creator).filter(|_| self.has_magic());
        match creator {
            // Inode and start are the same for all namespaces, and the pid is not.
            Some(creator) if creator.is_elsewhere() || creator.pid == seen.pid => {
                Process { inode: creator.inode, started: creator.started, ..seen }
            }
            _ => seen,
        }
    }

    /// Whether the process that created the segment is certainly gone.
    pub(crate) fn creator_is_dead(self, stat: &Stat) -> bool {
        let creator = self.creator(stat);
        // Of a creator that left only its pid: that process is a later one, if it started after the segment was made. (Its
        // time of change is that, or later.)
        let is_later = || {
            let only_a_pid = creator.inode == 0 && creator.started == 0;
            only_a_pid && stat.changed_at.is_some_and(|at| creator.started_after(at))
        };
        creator.is_dead() || is_later()
    }

    /// When it was sealed, or, if it was not, created.
    fn since(self, stat: &Stat) -> Option<SystemTime> {
        match self.incarnation() {
            0 => stat.changed_at,
            nanos => UNIX_EPOCH.checked_add(Duration::from_nanos(nanos)),
        }
    }
}

fn wait_until_ready(
    seal: Seal<'_>,
    id: i32,
    wait: Duration,
    start: &LazyCell<Instant>,
) -> Result<(), Refusal> {
    loop {
        let state = seal.state();
        if state == State::Ready {
            return Ok(());
        }
        let stat =
            Stat::of(id).map_err(|error| diagnose::by_id(ObjectKind::Segment, Call::Shmctl, error, id))?;
        if stat.removed {
            return Err(ErrorKind::Removed.into());
        }
        let abandoned = || {
            Err(Refusal::Error(ErrorKind::Abandoned {
                creator_pid: stat.creator_pid,
                created_at: seal.since(&stat),
            }))
        };
        match state {
            State::Unknown(word) if seal.has_magic() => {
                return Err(bad(&format!("{word:#x} is not a state of a seal")).into());
            }
            // A segment without a seal: the caller will see that.
            _ if !seal.is_blank() && !seal.has_magic() => return Ok(()),
            State::New | State::Initialising if seal.creator_is_dead(&stat) => match seal.state() {
                // It has done so since the look above, and then ended.
                State::Ready => return Ok(()),
                now if now == state => return abandoned(),
                _ => {}
            },
            State::Abandoned => return abandoned(),
            // It is what it was before: a claim that becomes valid later finds this process attached.
            State::Claiming(claim) if claim.was_ready => return Ok(()),
            State::Claiming(_) => return abandoned(),
            State::Reclaiming(claim) => {
                let (by, was_ready) = (seal.claimant(claim), claim.was_ready);
                if !by.is_dead() {
                    return Err(Refusal::BeingReclaimed { by });
                }
                // It died between its claim and its decision, so the claim is void. Should another process be making
                // one of its own just now, it will find us attached.
                if seal.is_writable() {
                    seal.give_up(claim);
                }
                return if was_ready { Ok(()) } else { abandoned() };
            }
            _ => {}
        }
        let waited = start.elapsed();
        match wait.checked_sub(waited) {
            Some(rest) if !rest.is_zero() => seal.wait(state, rest.min(SLICE)),
            _ => {
                return Err(Refusal::Error(ErrorKind::NotReady { creator_pid: stat.creator_pid, waited }));
            }
        }
    }
}
