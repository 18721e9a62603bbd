//! Removing a segment that a dead process left behind: only when nobody is attached, and by id.

use core::time::Duration;
use std::io;
use std::thread;
use std::time::Instant;

use crate::ipc::stat::segment::Stat;
use crate::seal::footer::{Seal, State};
use crate::segment::mapping::{Mapping, Unmapped};
use crate::segment::observed::Observed;
use crate::sys;
use crate::sys::liveness::Process;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The segment is removed, by this process or another: its key is free, or taken by a successor.
    Gone,
    /// It is in use, or may be: by its creator, by somebody attached, or by another process that is reclaiming it.
    InUse,
}

/// How long a claim is held at most while somebody is attached: those who only looked leave at once.
const PATIENCE: Duration = Duration::from_millis(100);

/// Which segments are reclaimed.
pub(crate) struct Rules {
    /// The size of a segment without a seal that is taken for one of ours.
    pub(crate) blank_size: usize,
    /// Whether one is that was initialised to the end.
    pub(crate) even_if_ready: bool,
    /// For those who are about to leave.
    pub(crate) wait: Duration,
    pub(crate) trusts_writers: bool,
}

/// Removes the segment `id`, if it is the one that was `observed`, its creator is certainly dead and nobody is attached.
///
/// A segment that was never initialised to the end is reclaimed; one that was, only with `even_if_ready`. One that has
/// no seal yet is taken for ours only if it has `blank_size` bytes.
///
/// Between looking and removing, a process could attach. So the state in the seal is changed first, to a claim of this
/// process: one that attaches after that sees it and detaches, and one that attached before is counted by the kernel.
/// The claim of a process that dies here is void: it says which process makes it.
pub(crate) fn reclaim(id: i32, observed: &Observed, rules: Rules) -> io::Result<Outcome> {
    let Rules { blank_size, even_if_ready, wait, trusts_writers } = rules;
    let gone = |error: io::Error| match error.raw_os_error() {
        Some(sys::EINVAL | sys::EIDRM) => Ok(Outcome::Gone),
        _ => Err(error),
    };
    let mapping = match Mapping::new(id, true, trusts_writers) {
        Ok(mapping) => mapping,
        Err(Unmapped::HugePages) => return Ok(Outcome::InUse),
        Err(Unmapped::Os(error)) => return gone(error),
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
    let ours = seal.has_magic() || (seal.is_blank() && stat.size == blank_size);
    let was_ready = match state {
        State::New | State::Initialising | State::Abandoned => false,
        State::Ready => true,
        State::Claiming(claim) => claim.was_ready,
        State::Reclaiming(claim) if seal.claimant(claim).is_dead() => claim.was_ready,
        State::Reclaiming(_) | State::Unknown(_) => return Ok(Outcome::InUse),
    };
    if !ours || !seal.creator_is_dead(&stat) {
        return Ok(Outcome::InUse);
    }
    // A claim would keep others out of a segment that is in use. (Nobody uses one that was never ready.)
    if was_ready && (!even_if_ready || stat.attached > 1) {
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
