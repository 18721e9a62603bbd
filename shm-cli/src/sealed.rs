//! What the seal of a segment says, for lists.

use shm_runtime::inspect::{Process, Seal, Segment, State};
use shm_runtime::{Object, Record};

/// How far a sealed segment has come, in a word.
pub(crate) fn state_of(seal: &Seal) -> &'static str {
    match seal.state {
        State::New | State::Initialising if seal.creator.alive() == Some(false) => "abandoned",
        State::New | State::Initialising => "initialising",
        State::Ready => "ready",
        State::Abandoned => "abandoned",
        State::Reclaiming { .. } => "being reclaimed",
        _ => "damaged",
    }
}

/// What is known of a sealed segment.
pub(crate) struct Sealed {
    /// The struct's name, if the schema begins with one.
    pub(crate) type_name: Option<String>,
    /// How its key was derived.
    pub(crate) derivation: Option<String>,
    /// How far it has come.
    pub(crate) state: &'static str,
    /// Which process created it.
    pub(crate) creator: Process,
}

impl Sealed {
    /// `None` if the object has no seal, or this user may not read it.
    ///
    /// It is attached for that, read-only, which the kernel notes down as the time of the last attach. One that no process ever
    /// attached has no seal, and is left alone.
    pub(crate) fn of(object: &Object) -> Option<Self> {
        let Record::Segment(stat) = object.record() else { return None };
        stat.attached_at?;
        let segment = Segment::options().trust_anybody().open_object(object).ok()?;
        let attached = segment.attach_read_only().ok()?;
        let seal = attached.seal()?;
        Some(Self {
            state: state_of(&seal),
            type_name: attached.type_name(),
            derivation: seal.key.ok(),
            creator: seal.creator,
        })
    }
}
