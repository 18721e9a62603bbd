//! Segments that dead processes left behind, of whatever program.

use core::time::Duration;

use super::segment::Segment;
use crate::ipc::error::Error;
use crate::ipc::stat::segment::Stat;
use crate::seal::footer::{Seal, State};
use crate::segment::diagnose;
use crate::segment::reclaim::{self, Outcome, Replace, Rules};

impl Segment {
    /// Whether it is provably abandoned: it has a seal, the process that created it is certainly gone, and no process is
    /// attached. By the rule of [`reclaim_stale`](crate::Options::reclaim_stale), but for whose it is. What is in it may still
    /// be wanted: a program can leave data for its next run.
    ///
    /// # Errors
    ///
    /// As for [`attach_read_only`](Self::attach_read_only), which this does for a moment.
    pub fn is_abandoned(&self) -> Result<bool, Error> {
        let mapping = self.typed().map(false)?;
        let stat = Stat::of(self.id())
            .map_err(|error| self.typed().error("stat", diagnose::shmctl(error, self.id())))?;
        let seal = Seal::of(mapping.region()).filter(|seal| seal.has_magic() && seal.read().is_ok());
        let reclaimable = |seal: Seal<'_>| match seal.state() {
            State::Unknown(_) => false,
            State::Reclaiming(claim) => seal.claimant(claim).is_dead(),
            _ => true,
        };
        // One attachment is this one.
        let unused = !stat.removed && stat.attached == 1;
        Ok(unused && seal.is_some_and(|seal| reclaimable(seal) && seal.creator_is_dead(&stat)))
    }

    /// Removes it if [it is abandoned](Self::is_abandoned), and no process comes meanwhile: those that attach see that it is
    /// being removed. Returns whether it is gone.
    ///
    /// # Errors
    ///
    /// If this process may not read and write it, or does not own it.
    pub fn remove_abandoned(&self) -> Result<bool, Error> {
        let rules = Rules {
            expected: None,
            blank_size: 0,
            replace: Replace::Everything,
            wait: Duration::ZERO,
            trusts_writers: false,
        };
        match reclaim::reclaim(self.id(), self.typed().observed(), rules) {
            Ok(Outcome::Gone) => Ok(true),
            Ok(Outcome::InUse | Outcome::NotOurs(_)) => Ok(false),
            Err((call, error)) => Err(self.typed().error("remove", diagnose::by_id(call, error, self.id()))),
        }
    }
}
