//! The role of an end of a ring or queue: the words of a claim, as a [`SeqLock`](super::SeqLock) has them for its writer.

use core::mem::offset_of;
use core::sync::atomic::{AtomicU64, Ordering::Acquire};

use super::builtin::builtin;
use super::error::{self, WriterError};
use super::kernel::Linux;
use super::protocol::seqlock::{self as latch, Words};
use super::seqlock::{identity, process};
use crate::memory::access::Access;
use crate::memory::fields::{Fields, Member};
use crate::memory::shareable::Shareable;
use crate::memory::structure::Declared;
use crate::sys::liveness::Process;
use crate::sys::process as this_process;

/// The words; which count the role moves is said by the one who uses them. They are on a cache line that only the one end
/// uses: the other end, which looks at the count, does not take it away between the stores of one write.
#[repr(C, align(64))]
pub(super) struct Role {
    writer: AtomicU64,
    process: AtomicU64,
    namespace: AtomicU64,
    writing: AtomicU64,
}

builtin! {
    unsafe impl [] Role, Role: "Role", 4 {
        writer: AtomicU64, process: AtomicU64, namespace: AtomicU64, writing: AtomicU64
    } transient
}

/// One claim, of this process.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    pub(super) role: u64,
    /// The number of the process: a forked child has a copy of this, and another number.
    generation: u64,
}

impl Claim {
    /// Whether this is the process that claimed, which has asked for its number: one that has not is another.
    #[inline]
    pub(super) fn is_here(self) -> bool {
        self.generation == this_process::known_generation()
    }
}

impl Role {
    #[inline]
    pub(super) fn words<'a>(&'a self, sequence: &'a AtomicU64) -> Words<'a> {
        let Self { writer, process, namespace, writing } = self;
        Words { sequence, writer, marks: [process, namespace], writing }
    }

    pub(super) fn claim(&self, sequence: &AtomicU64, role: error::Role) -> Result<Claim, WriterError> {
        let words = self.words(sequence);
        match words.claim(identity(Process::this()), |who| process(who).is_dead(), &Linux) {
            Ok(claim) => Ok(Claim { role: claim, generation: this_process::generation() }),
            Err(found) => Err(match self.other_namespace(sequence, found) {
                Some(pid_namespace) => WriterError::HeldElsewhere { role, pid_namespace },
                None => WriterError::Held { role, pid: latch::pid(found) },
            }),
        }
    }

    pub(super) fn release(&self, sequence: &AtomicU64, claim: Claim) {
        if claim.is_here() {
            self.words(sequence).release(claim.role);
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn lost(&self, sequence: &AtomicU64, role: error::Role) -> WriterError {
        let now = self.writer.load(Acquire);
        let elsewhere = self.other_namespace(sequence, now).is_some();
        WriterError::Lost { role, pid: if elsewhere { 0 } else { latch::pid(now) } }
    }

    /// The pid namespace of the process that has this role, if it is known to be another one than this process's.
    fn other_namespace(&self, sequence: &AtomicU64, role: u64) -> Option<u32> {
        let process = process(self.words(sequence).identity(role)?);
        process.is_elsewhere().then_some(process.namespace)
    }
}
