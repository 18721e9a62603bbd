//! Finding a segment, and whether it may be opened.

use core::time::Duration;
use std::thread;
use std::time::Instant;

use super::Options;
use crate::diagnose;
use crate::error::{Error, ErrorKind};
use crate::identity::Identity;
use crate::mapping::{Mapping, Told};
use crate::reclaim::{self, Outcome};
use crate::seal::Seal;
use crate::segment::Segment;
use crate::shared_segment::{SharedSegment, Trust};
use crate::stat::Stat;
use crate::sys;

/// How often `open_or_create` goes back and forth between a segment that is missing and one that exists.
const MOST_TRIES: u32 = 1000;

impl<T: SharedSegment> Options<T> {
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
                    if matches!(error.kind(), ErrorKind::AlreadyExists { .. }) && tries < MOST_TRIES =>
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
        let (id, blank_size) = (segment.id(), Self::size(self.texts().as_ref()));
        let outcome = reclaim::reclaim(id, blank_size, self.reclaim_stale, self.wait);
        outcome.map_err(|error| segment.error("reclaim", diagnose::by_id(error, id)))
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
        let at = Instant::now();
        let checked = Stat::of(id).map_err(|error| diagnose::by_id(error, id)).and_then(|stat| {
            self.check_trust(&stat)?;
            self.check_size(&stat, id)?;
            Ok(Told { at, size: stat.size, creator_uid: Some(stat.creator_uid) })
        });
        match checked {
            Ok(told) => Ok(Segment::new(identity, id, told, self.wait).compatible(compatible)),
            Err(kind) => Err(Error::new("open", identity.with_id(id), kind)),
        }
    }

    pub(super) fn check_trust(&self, stat: &Stat) -> Result<(), ErrorKind> {
        let uid = sys::effective_uid();
        let trusted = |user: u32| {
            user == uid
                || user == 0
                || self.trusted.contains(&user)
                || match self.settings.trust {
                    Trust::Nobody => false,
                    Trust::User(trusted) => user == trusted,
                    Trust::Anybody => true,
                }
        };
        match trusted(stat.uid) && trusted(stat.creator_uid) {
            true => Ok(()),
            false => Err(ErrorKind::Untrusted { owner: stat.uid, creator: stat.creator_uid, uid }),
        }
    }

    fn check_size(&self, stat: &Stat, id: i32) -> Result<(), ErrorKind> {
        let (found, expected) = (stat.size, size_of::<T>());
        if !self.settings.bare || found == expected || (found > expected && self.allow_larger) {
            return Ok(());
        }
        let sealed = Mapping::new(id, false, None).is_ok_and(|mapping| {
            // SAFETY: mapped until the end of this closure, and of the size that the kernel says.
            unsafe { Seal::of(mapping.address().cast(), mapping.size()) }.is_some_and(Seal::has_magic)
        });
        match sealed && found > expected {
            true => Err(ErrorKind::Sealed { found, expected }),
            false => Err(ErrorKind::SizeDiffers { found, expected }),
        }
    }
}
