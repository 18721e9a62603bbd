//! Removing a segment that a dead process left behind: only when no process is attached, and by id.

use core::time::Duration;
use std::io;
use std::thread;
use std::time::Instant;

use crate::ipc::error::ErrorKind;
use crate::ipc::stat::segment::Stat;
use crate::seal::admission::{Expected, Whose};
use crate::seal::footer::{Seal, State};
use crate::segment::mapping::{Mapping, Unmapped};
use crate::segment::observed::Observed;
use crate::sys;
use crate::sys::liveness::Process;
use crate::sys::refused::Call;

/// What came of it.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The segment is removed, by this process or another: its key is free, or taken by a successor.
    Gone,
    /// It is in use, or may be: by its creator, by a process that is attached, or by another process that is reclaiming it.
    InUse,
    /// It is another program's, or it cannot be told whose: why this program cannot use it.
    NotOurs(ErrorKind),
}

/// What may be replaced of a program's own segments. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Replace {
    /// One that was never initialised to the end: there is no data in it.
    HalfMade,
    /// One that this program cannot open, because its struct has changed since.
    OtherLayout,
    /// Data of the very struct too: only where a new segment is asked for.
    Everything,
}

/// How long a claim is held at most while a process is attached: those who only looked leave at once.
const PATIENCE: Duration = Duration::from_millis(100);

/// Which segments are reclaimed.
pub(crate) struct Rules<'a> {
    /// By which it is told whose a segment is. `None`: every program's is meant that has a seal.
    pub(crate) expected: Option<Expected<'a>>,
    /// The size of a segment without a seal that is taken for one of ours.
    pub(crate) blank_size: usize,
    pub(crate) replace: Replace,
    /// For those who are about to leave.
    pub(crate) wait: Duration,
    pub(crate) trusts_writers: bool,
}

/// Removes the segment `id`, if it is the one that was `observed`, it is this program's, its creator is certainly dead,
/// and no process is attached. In this order: of another program's, nothing else is asked.
///
/// A segment that was never initialised to the end is reclaimed; one that was, as `replace` says. One that has no seal
/// yet is taken for ours only if it has `blank_size` bytes, all of them zero: a program that does not seal can have made it.
///
/// Between looking and removing, a process could attach. So the state in the seal is changed first, to a claim of this
/// process: one that attaches after that sees it and detaches, and one that attached before is counted by the kernel. One of
/// the two is so on every processor: the kernel counts an attachment, and says how many there are, under one lock, that of the
/// segment. If it says so first, then by this lock a process that attaches later sees what was stored before it was asked.
/// The claim of a process that dies here is void: it says which process makes it.
pub(crate) fn reclaim(id: i32, observed: &Observed, rules: Rules<'_>) -> Result<Outcome, (Call, io::Error)> {
    let Rules { expected, blank_size, replace, wait, trusts_writers } = rules;
    let failed = |call: Call, error: io::Error| match error.raw_os_error() {
        Some(sys::EINVAL | sys::EIDRM) => Ok(Outcome::Gone),
        _ => Err((call, error)),
    };
    let gone = |error: io::Error| failed(Call::Shmctl, error);
    let mapping = match Mapping::new(id, true, trusts_writers) {
        Ok(mapping) => mapping,
        Err(Unmapped::HugePages) => return Ok(Outcome::InUse),
        Err(Unmapped::Os(call, error)) => return failed(call, error),
    };
    // What follows is said of the segment that is mapped: its id means no other while it is.
    if !mapping.observed().may_be(observed) {
        return Ok(Outcome::Gone);
    }
    let stat = match Stat::of(id) {
        Ok(stat) if stat.removed => return Ok(Outcome::Gone),
        Ok(stat) => stat,
        Err(error) => return gone(error),
    };
    let Some(seal) = Seal::of(mapping.region()) else {
        return Ok(Outcome::InUse);
    };
    let state = seal.state();
    let same_layout = match seal.has_magic() {
        true => match expected.as_ref().map(|expected| expected.whose(seal)) {
            Some(Whose::Ours { same_layout }) => same_layout,
            Some(Whose::Other(kind)) => return Ok(Outcome::NotOurs(kind)),
            None if seal.read().is_ok() => true,
            None => return Ok(Outcome::InUse),
        },
        // Its bytes are looked at when its creator is dead, and so does not write any.
        false if expected.is_some() && seal.is_blank() && stat.size == blank_size => true,
        false => return Ok(Outcome::InUse),
    };
    let was_ready = match state {
        State::New | State::Initialising | State::Abandoned => false,
        State::Ready => true,
        State::Claiming(claim) => claim.was_ready,
        State::Reclaiming(claim) if seal.claimant(claim).is_dead() => claim.was_ready,
        State::Reclaiming(_) | State::Unknown(_) => return Ok(Outcome::InUse),
    };
    if !seal.creator_is_dead(&stat) || !(seal.has_magic() || seal.is_zero()) {
        return Ok(Outcome::InUse);
    }
    let least = match (was_ready, same_layout) {
        (false, _) => Replace::HalfMade,
        (true, false) => Replace::OtherLayout,
        (true, true) => Replace::Everything,
    };
    // A claim would keep others out of a segment that is in use. (Nobody uses one that was never ready.)
    if was_ready && (replace < least || stat.attached > 1) {
        // One of a dead process.
        if let State::Reclaiming(claim) = state {
            seal.give_up(claim);
        }
        return Ok(Outcome::InUse);
    }
    let Some(claim) = seal.claim(state, Process::this()) else {
        return Ok(Outcome::InUse);
    };
    let start = Instant::now();
    loop {
        match Stat::of(id) {
            // Only this mapping is left.
            Ok(stat) if stat.attached == 1 => break,
            Ok(stat) if stat.removed => return Ok(Outcome::Gone),
            Ok(_) if start.elapsed() < wait.min(PATIENCE) => thread::sleep(Duration::from_millis(1)),
            Ok(_) => {
                seal.give_up(claim);
                return Ok(Outcome::InUse);
            }
            Err(error) => return gone(error),
        }
    }
    match sys::shm_remove(id) {
        Ok(()) => Ok(Outcome::Gone),
        Err(error) => {
            seal.give_up(claim);
            gone(error)
        }
    }
}
