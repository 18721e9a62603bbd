//! Finding a segment, and whether it may be opened.

use core::time::Duration;
use std::thread;
use std::time::Instant;

use super::Options;
use crate::ipc::error::{Error, ErrorKind};
use crate::ipc::identity::Identity;
use crate::ipc::stat::segment::Stat;
use crate::memory::shareable::Shareable;
use crate::seal::footer::Seal;
use crate::segment::Segment;
use crate::segment::diagnose;
use crate::segment::mapping::Mapping;
use crate::segment::observed::Observed;
use crate::segment::reclaim::{self, Outcome};
use crate::sys;

/// How often `open_or_create` goes back and forth between a segment that is missing and one that exists.
const MAX_TRIES: u32 = 1000;

impl<T: Shareable> Options<T> {
    /// Opens, or creates if there is none; and again, if another process was faster with either, or left a segment
    /// half-made.
    pub(super) fn open_or(
        &self,
        mut create: impl FnMut() -> Result<Segment<T>, Error>,
    ) -> Result<Segment<T>, Error> {
        if self.key.is_private() {
            return create();
        }
        let start = Instant::now();
        let mut tries = 0;
        loop {
            let missing = match self.open().and_then(|segment| self.usable(segment)) {
                Ok(Some(segment)) => return Ok(segment),
                // Reclaimed.
                Ok(None) => true,
                Err(error) => match error.kind() {
                    ErrorKind::NotFound | ErrorKind::Removed => true,
                    // Another process is reclaiming it, or somebody is attached.
                    ErrorKind::Abandoned { .. } if start.elapsed() < self.wait => false,
                    _ => return Err(error),
                },
            };
            if !missing {
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            match create() {
                // Another process created it just now; one that creates and removes all the time must not hold us.
                Err(error)
                    if matches!(error.kind(), ErrorKind::AlreadyExists { .. }) && tries < MAX_TRIES =>
                {
                    tries += 1
                }
                created => return created,
            }
        }
    }

    /// The segment, if it can be attached; `None` if it was stale, and is reclaimed.
    fn usable(&self, segment: Segment<T>) -> Result<Option<Segment<T>>, Error> {
        if self.settings.bare {
            return Ok(Some(segment));
        }
        let attached = segment.attach_read_only();
        let half_made =
            matches!(&attached, Err(error) if matches!(error.kind(), ErrorKind::Abandoned { .. }));
        // Detached before anything is reclaimed: otherwise we would be the one who is still attached.
        let attached = attached.map(drop);
        if (half_made || (self.reclaim_stale && attached.is_ok())) && self.reclaim(&segment)? == Outcome::Gone
        {
            return Ok(None);
        }
        attached.map(|()| Some(segment))
    }

    pub(super) fn reclaim(&self, segment: &Segment<T>) -> Result<Outcome, Error> {
        let outcome = reclaim::reclaim(
            segment.id(),
            segment.observed(),
            reclaim::Rules {
                blank_size: Self::size(self.texts().as_ref()),
                even_if_ready: self.reclaim_stale,
                wait: self.wait,
                trusts_writers: self.trusts_writers,
            },
        );
        outcome.map_err(|error| segment.error("reclaim", diagnose::shmctl(error, segment.id())))
    }

    pub(super) fn resolve(&self, operation: &'static str) -> Result<Identity, Error> {
        let type_name = Some(self.settings.name);
        Identity { type_name, ..Identity::key(self.key.clone()) }.derive(operation)
    }

    /// The id of the segment that has the key.
    pub(super) fn find(&self, operation: &'static str) -> Result<(Identity, i32), Error> {
        let identity = self.resolve(operation)?;
        if self.key.is_private() {
            let reason = "a private segment has no key to find it by: use its id, with `Segment::from_id`";
            return Err(Error::new(operation, identity, ErrorKind::InvalidInput { reason }));
        }
        match sys::shmget(identity.value.unwrap_or(sys::IPC_PRIVATE), 0, 0) {
            Ok(id) => Ok((identity, id)),
            Err(source) if source.raw_os_error() == Some(sys::ENOENT) => {
                Err(Error::new(operation, identity, ErrorKind::NotFound))
            }
            Err(source) => Err(Error::new(operation, identity, ErrorKind::Os { source })),
        }
    }

    /// The segment `id`, if its owner is trusted and, of a bare one, the size right.
    pub(super) fn check(&self, identity: Identity, id: i32, compatible: bool) -> Result<Segment<T>, Error> {
        let checked = Stat::of(id).map_err(|error| diagnose::shmctl(error, id)).and_then(|stat| {
            self.check_trust(&stat)?;
            self.check_size(&stat, id)?;
            Ok(Observed::from(&stat))
        });
        match checked {
            Ok(observed) => Ok(Segment::new(identity, id, observed, self.terms(compatible))),
            Err(kind) => Err(Error::new("open", identity.with_id(id), kind)),
        }
    }

    pub(super) fn check_trust(&self, stat: &Stat) -> Result<(), ErrorKind> {
        self.trusted().check(stat.permissions.uid, stat.creator_uid)
    }

    fn check_size(&self, stat: &Stat, id: i32) -> Result<(), ErrorKind> {
        let (found, expected) = (stat.size, size_of::<T>());
        if !self.settings.bare || found == expected || (found > expected && self.allow_larger) {
            return Ok(());
        }
        let mapping = Mapping::new(id, false, self.trusts_writers).ok();
        let sealed =
            mapping.as_ref().and_then(|mapping| Seal::of(mapping.region())).is_some_and(Seal::has_magic);
        match sealed && found > expected {
            true => Err(ErrorKind::Sealed { found, expected }),
            false => Err(ErrorKind::SizeDiffers { found, expected }),
        }
    }
}
