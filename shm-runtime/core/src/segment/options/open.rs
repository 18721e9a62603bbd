//! Finding a segment, and whether it may be opened.

use core::time::Duration;
use std::thread;
use std::time::Instant;

use super::Options;
use crate::ipc::error::{Error, ErrorKind};
use crate::ipc::identity::Identity;
use crate::ipc::record::Record;
use crate::ipc::stat::segment::Stat;
use crate::memory::tail::{Extent, Whole};
use crate::seal::footer::Seal;
use crate::segment::diagnose;
use crate::segment::mapping::Mapping;
use crate::segment::observed::Observed;
use crate::segment::reclaim::{self, Outcome, Replace};
use crate::segment::{Segment, Terms, bare_len};

impl<T: Whole + ?Sized> Options<T> {
    /// Opens, or creates if there is none; and again, if another process was faster with either, or left a segment
    /// half-made.
    pub(super) fn open_or(
        &self,
        compatible: bool,
        create: impl FnMut() -> Result<Segment<T>, Error>,
    ) -> Result<Segment<T>, Error> {
        self.lookup.open_or_create(|| self.open_or_reclaim(compatible), create)
    }

    /// The segment; if it is older and to be upgraded, its next generation. It is waited for, if it is to be.
    pub(super) fn open_as(&self, compatible: bool) -> Result<Segment<T>, Error> {
        self.lookup.waiting(|left| match self.upgrade {
            None => self.open_within(compatible, left),
            Some(init) => self.open_upgraded(init, compatible),
        })
    }

    /// The segment, which is there now.
    pub(super) fn open_as_it_is(&self, compatible: bool) -> Result<Segment<T>, Error> {
        self.open_within(compatible, Duration::ZERO)
    }

    /// The same, whose initialisation may take as long as this, if that is longer than usual.
    fn open_within(&self, compatible: bool, left: Duration) -> Result<Segment<T>, Error> {
        let (identity, id) = self.lookup.find("open")?;
        let terms = self.terms(compatible);
        self.check(identity, id, Terms { wait: terms.wait.max(left), ..terms })
    }

    /// The segment, once it can be attached. Not found, if there is none, or if it was a stale one, and is removed now.
    fn open_or_reclaim(&self, compatible: bool) -> Result<Segment<T>, Error> {
        let start = Instant::now();
        loop {
            let opened = match self.open_as(compatible) {
                // It was attached already.
                Ok(segment) if self.upgrade.is_some() => return Ok(segment),
                // What there is to be said of it, and what is replaced, is the same without an upgrade.
                Err(error)
                    if self.upgrade.is_some()
                        && matches!(
                            error.kind(),
                            ErrorKind::Abandoned { .. } | ErrorKind::LayoutDiffers { .. }
                        ) =>
                {
                    self.open_as_it_is(compatible)
                }
                opened => opened,
            };
            match opened.and_then(|segment| self.usable(segment)) {
                // Another process is reclaiming it, or is attached.
                Err(error)
                    if matches!(error.kind(), ErrorKind::Abandoned { .. }) && start.elapsed() < self.wait =>
                {
                    thread::sleep(Duration::from_millis(1));
                }
                opened => return opened,
            }
        }
    }

    /// The segment, if it can be attached; not found, if it was stale, and is reclaimed.
    fn usable(&self, segment: Segment<T>) -> Result<Segment<T>, Error> {
        if self.settings.bare {
            return Ok(segment);
        }
        // Detached before anything is reclaimed: otherwise this process would be the one that is still attached.
        let Err(error) = segment.attach_read_only().map(drop) else {
            return Ok(segment);
        };
        let replace = match error.kind() {
            ErrorKind::Abandoned { .. } => Replace::HalfMade,
            ErrorKind::LayoutDiffers { .. } if self.reclaim_stale => Replace::OtherLayout,
            _ => return Err(error),
        };
        match self.reclaim(&segment, replace)? {
            Outcome::Gone => Err(segment.error("open", ErrorKind::NotFound)),
            Outcome::NotOurs(kind) => Err(segment.error("open", kind)),
            Outcome::InUse => Err(match segment.who_keeps_it() {
                Some(note) => error.with_note(note),
                None => error,
            }),
        }
    }

    pub(super) fn reclaim(&self, segment: &Segment<T>, replace: Replace) -> Result<Outcome, Error> {
        // Without a length, it is not known.
        self.reclaim_blank(segment, replace, self.size(self.texts().as_ref()).unwrap_or(0))
    }

    /// The same, where a segment without a seal is taken for ours if it has this size.
    pub(super) fn reclaim_blank(
        &self,
        segment: &Segment<T>,
        replace: Replace,
        blank_size: usize,
    ) -> Result<Outcome, Error> {
        let outcome = reclaim::reclaim(
            segment.id(),
            segment.observed(),
            reclaim::Rules {
                expected: Some(segment.expected()),
                blank_size,
                replace,
                wait: self.wait,
                trusts_writers: self.trusts_writers,
            },
        );
        outcome.map_err(|(call, error)| segment.error("reclaim", diagnose::by_id(call, error, segment.id())))
    }

    /// The segment `id`, if its owner is trusted and, of a bare one, the size right.
    pub(super) fn check(&self, identity: Identity, id: i32, terms: Terms) -> Result<Segment<T>, Error> {
        let checked = self.look(id).and_then(|stat| {
            self.check_size(&stat, id)?;
            Ok(Observed::from(&stat))
        });
        match checked {
            Ok(observed) => Ok(Segment::new(identity, id, observed, terms)),
            Err(kind) => Err(self.lookup.not_opened(identity, id, kind)),
        }
    }

    /// What the kernel knows of the segment `id`, if its users are trusted.
    pub(super) fn look(&self, id: i32) -> Result<Stat, ErrorKind> {
        match self.lookup.look(id)? {
            Some(Record::Segment(stat)) => Ok(stat),
            // Of a segment that may not be read, it is an error.
            _ => Err(ErrorKind::Removed),
        }
    }

    fn check_size(&self, stat: &Stat, id: i32) -> Result<(), ErrorKind> {
        if !self.settings.bare {
            return Ok(());
        }
        let extent = const { Extent::of::<T>() };
        let Err(differs) = bare_len(extent, stat.size, self.len, self.allow_larger) else { return Ok(()) };
        let (found, expected) = (stat.size, extent.head());
        let mapping = Mapping::new(id, false, self.trusts_writers).ok();
        let sealed =
            mapping.as_ref().and_then(|mapping| Seal::of(mapping.region())).is_some_and(Seal::has_magic);
        match sealed && found > expected {
            true => Err(ErrorKind::Sealed { found, expected }),
            false => Err(differs),
        }
    }
}
