//! The protocols of the sync types, over words in shared memory and a [`Kernel`](super::kernel::Kernel): what loom runs.

pub(super) mod bell;
pub(super) mod event;
pub(super) mod frames;
pub(super) mod mutex;
pub(super) mod queue;
pub(super) mod ring;
pub(super) mod seqlock;
pub(super) mod spsc;

#[cfg(all(loom, test))]
mod model;
#[cfg(all(test, not(loom)))]
mod stopped;
