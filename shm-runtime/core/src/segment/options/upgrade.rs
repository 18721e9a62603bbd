//! The next generation of a segment: another one under its key, with its values.
//!
//! A key has one segment, and a segment keeps its size and, until it is removed, its key. So the values have to be somewhere while
//! the old segment is removed and the new one is not there yet: in a *spare*, which is a segment of the new layout under a key of its
//! own, derived from the key.
//!
//! 1. The spare is created. That is possible for one process at a time; the others wait for it.
//! 2. The values are copied into it, and the user's function gives those of new fields. Now the spare is ready.
//! 3. The old segment is removed: from here on, the values are those of the spare.
//! 4. The new one is created under the key, and is ready when the spare is copied.
//! 5. The spare is removed.
//!
//! A process that dies before the third step leaves the old segment as it was, and a spare that is thrown away, ready or not; after
//! it, a spare that the next one goes on with. Which of the two it is, is seen by the key: it has the old segment, or it does
//! not. (A program that creates an empty old one in that moment makes one that is younger than the spare.)

use std::thread;
use std::time::{Duration, Instant};

use super::{Init, Options};
use crate::ipc::error::{Error, ErrorKind};
use crate::ipc::key::Key;
use crate::ipc::stat::segment::Stat;
use crate::memory::carry::{Held, carry, hold, needs_hold};
use crate::memory::layout::Field;
use crate::memory::structure::Declared;
use crate::memory::tail::{Extent, Whole};
use crate::schema::Relation;
use crate::seal::footer::{FOOTER, Seal};
use crate::segment::Segment;
use crate::segment::diagnose;
use crate::segment::mapping::Mapping;
use crate::segment::reclaim::{Outcome, Replace};
use crate::sys;

/// How long to wait before looking again what another process has done.
const PAUSE: Duration = Duration::from_millis(1);

/// What has the key.
enum Under<T: ?Sized> {
    /// What this program can use.
    Current(Segment<T>),
    /// An older one, or one whose slice at the end has another length than it is to have.
    Old(Old<T>),
    Nothing,
    /// A new one, whose creator died before it was complete.
    HalfMade(Segment<T>, Error),
}

/// A segment of an older layout, which stays what it is while it is mapped here.
struct Old<T: ?Sized> {
    segment: Segment<T>,
    mapping: Mapping,
    /// How many fields it has.
    fields: usize,
    /// How long the slice at its end is.
    len: usize,
    /// Whether it is older only in that the slice has another length than it is to have.
    same_layout: bool,
}

impl<T: Whole + ?Sized> Old<T> {
    /// Another mapping, to be written, if there is something to be held while it is carried.
    fn to_hold(&self, fields: &[Field]) -> Result<Option<Mapping>, Error> {
        if !needs_hold(fields) {
            return Ok(None);
        }
        let mapping = self.segment.map(true)?;
        // Of no other size than the one that was compared with the fields.
        assert!(mapping.size() >= self.mapping.size(), "a segment does not shrink");
        self.segment.same_thread_ids(&mapping).map_err(|kind| self.segment.error("upgrade", kind))?;
        Ok(Some(mapping))
    }
}

impl<T: Whole + ?Sized> Options<T> {
    /// The segment under the key, in this program's layout: an older one is replaced by its next generation.
    pub(super) fn open_upgraded(&self, init: Init<T>, compatible: bool) -> Result<Segment<T>, Error> {
        self.open_next(init, compatible, false)
    }

    /// The same; one whose slice has another length too, if it `resizes`.
    fn open_next(&self, init: Init<T>, compatible: bool, resizes: bool) -> Result<Segment<T>, Error> {
        let identity = self.lookup.resolve("open")?;
        if self.settings.bare {
            let reason = "a bare segment says neither of which layout it is nor when its values are complete, and so no other can \
                          be put in its place: remove `bare`, or copy its values into a new one";
            return Err(Error::new("upgrade", identity, ErrorKind::InvalidInput { reason }));
        }
        let spare = self.spare(identity.value.unwrap_or_default());
        let start = Instant::now();
        // The spare of which this call is to make the new segment.
        let mut mine = None;
        loop {
            let under = self.under(compatible, resizes)?;
            // Looked for after that: where an upgrade has left nothing under the key, there is a spare.
            let left = match spare.open_as_it_is(false) {
                Ok(segment) => Some(segment),
                Err(error) if is_missing(&error) => None,
                Err(error) => return Err(error),
            };
            let done = match (under, &left) {
                (Under::Current(segment), left) => {
                    match left {
                        Some(left) if mine == Some(left.id()) => removed(left)?,
                        // One of a living process is in use: it removes it itself.
                        Some(left) => drop(spare.discard(left, &segment)?),
                        None => {}
                    }
                    Some(segment)
                }
                // Unless an upgrade was completed just now.
                (Under::Nothing, None) => match self.under(compatible, resizes)? {
                    // Unless another one has begun since.
                    Under::Nothing => match spare.open_as_it_is(false) {
                        Ok(_) => None,
                        Err(error) if is_missing(&error) => {
                            return Err(Error::new("open", identity, ErrorKind::NotFound));
                        }
                        Err(error) => return Err(error),
                    },
                    Under::Current(segment) => Some(segment),
                    Under::Old(_) | Under::HalfMade(..) => None,
                },
                // The values are in it: what is left, if it is not of a living process, is from before.
                (Under::Old(old), Some(left)) if old.same_layout => {
                    match mine == Some(left.id()) {
                        true => removed(left)?,
                        false => drop(spare.discard(left, &old.segment)?),
                    }
                    None
                }
                // Unless another process has completed the upgrade since, in which it was left.
                (Under::HalfMade(segment, error), None) => match segment.stat() {
                    Ok(stat) if !stat.removed => return Err(error),
                    _ => None,
                },
                (Under::Old(old), None) => self.begin(&spare, old, init, &mut mine)?,
                (under, Some(left)) if mine == Some(left.id()) || is_of_a_dead(left) => {
                    match self.recover(under, &spare, left, init, mine.is_some()) {
                        // It was removed: by the one that made it, which had completed the upgrade, and then ended.
                        Err(error) if is_missing(&error) => None,
                        // Those who look whether what is half-made is ready are attached to it for a moment.
                        Err(error)
                            if matches!(error.kind(), ErrorKind::Abandoned { .. })
                                && start.elapsed() < self.wait =>
                        {
                            None
                        }
                        recovered => recovered?,
                    }
                }
                // A living process is at it.
                (_, Some(_)) => None,
            };
            if let Some(segment) = done {
                return Ok(segment);
            }
            if start.elapsed() >= self.wait {
                let creator = left.and_then(|left| left.stat().ok());
                let creator_pid = creator.map_or(0, |stat| stat.creator_pid);
                let kind = ErrorKind::NotReady { creator_pid, waited: start.elapsed() };
                return Err(Error::new("upgrade", identity, kind));
            }
            thread::sleep(PAUSE);
        }
    }

    /// The segment under the key, with a slice of this length at its end: one of another length is replaced by its next generation.
    pub(super) fn open_with_len(&self, len: usize) -> Result<Segment<T>, Error> {
        let options = Self { len: Some(len), ..self.plain() };
        options.open_next(self.upgrade.unwrap_or(|_| {}), false, true)
    }

    /// What has the key now, and can be used, upgraded or replaced.
    fn under(&self, compatible: bool, resizes: bool) -> Result<Under<T>, Error> {
        loop {
            match self.under_now(compatible, resizes) {
                // While it was looked at: there is another one under the key, or none.
                Err(error) if matches!(error.kind(), ErrorKind::Removed) => {}
                under => return under,
            }
        }
    }

    /// The same; an error, if it is removed meanwhile.
    fn under_now(&self, compatible: bool, resizes: bool) -> Result<Under<T>, Error> {
        let segment = match self.open_as_it_is(compatible) {
            Ok(segment) => segment,
            Err(error) if is_missing(&error) => return Ok(Under::Nothing),
            Err(error) => return Err(error),
        };
        let error = match segment.attach_read_only() {
            Ok(_) => return Ok(Under::Current(segment)),
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::Abandoned { .. } => Ok(Under::HalfMade(segment, error)),
            ErrorKind::LayoutDiffers { .. } => Ok(Under::Old(older(segment, error)?)),
            ErrorKind::LengthDiffers { .. } if resizes => Ok(Under::Old(older(segment, error)?)),
            _ => Err(error),
        }
    }

    /// Makes the spare from the old segment, and the new one from the spare. `None` if another process began before, or there
    /// is another one under the key now; then `mine` is the spare, if the old one is removed.
    fn begin(
        &self,
        spare: &Self,
        old: Old<T>,
        init: Init<T>,
        mine: &mut Option<i32>,
    ) -> Result<Option<Segment<T>>, Error> {
        let (stat, id) = (old.segment.stat()?, old.segment.id());
        let len = self.len.unwrap_or(old.len);
        let old_fields = &fields::<T>()[..old.fields];
        let (writable, mut held) = (old.to_hold(old_fields)?, Vec::new());
        let made = spare.with_mode_of(&stat, len).create_filled(|new, to, value| {
            // While this process has the spare, no other removes the old one to upgrade it; but one may have done so before.
            if old.segment.stat()?.removed {
                return Err(old.segment.error("upgrade", ErrorKind::Removed));
            }
            if let Some(seal) = Seal::of(to) {
                seal.succeed(sealed_at(&old.mapping));
            }
            if let Some(mapping) = &writable {
                held = self.held(&old, old_fields, mapping)?;
            }
            carry(old_fields, old.len.min(len), old.mapping.region(), to);
            if !old.same_layout {
                init(value);
            }
            keep_users(new, &stat)
        });
        let spare = match made {
            Ok(spare) => spare.remove_on_drop(),
            Err(error) if is_overtaken(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        // What was copied, and no other: while it is mapped, its id is its own.
        let closed = |closed| held.iter().for_each(|held| held.close(closed));
        closed(true);
        if let Err(error) = sys::shm_remove(id) {
            closed(false);
            let error = old.segment.error("upgrade", diagnose::shmctl(error, id));
            // Removed by a user: what was copied is to go, too.
            return if is_overtaken(&error) { Ok(None) } else { Err(error) };
        }
        // From here on, the values are those of the spare: it stays until they are in the new one.
        let spare = spare.keep();
        *mine = Some(spare.id());
        drop(old);
        // Those who are refused then find the new one. What is not held needs no third copy.
        let _until_it_is_there = (!held.is_empty()).then_some(held);
        match spare.map(false) {
            Ok(mapping) => self.finish(&spare, &mapping, fields::<T>(), len, None),
            Err(error) => Err(error),
        }
    }

    /// Holds what has to be held while it is carried; one that carried it before may have died, and left it closed.
    fn held<'a>(
        &self,
        old: &Old<T>,
        fields: &[Field],
        mapping: &'a Mapping,
    ) -> Result<Vec<Box<dyn Held + 'a>>, Error> {
        let start = Instant::now();
        let held = hold(fields, old.len, mapping.region(), self.wait).map_err(|unheld| {
            let kind = ErrorKind::QueueHeld { holder: unheld.holder, waited: start.elapsed() };
            old.segment.error("upgrade", kind)
        })?;
        held.iter().for_each(|held| held.close(false));
        Ok(held)
    }

    /// Goes on with a spare of a process that died, or of this call (`mine`).
    fn recover(
        &self,
        under: Under<T>,
        options: &Self,
        spare: &Segment<T>,
        init: Init<T>,
        mine: bool,
    ) -> Result<Option<Segment<T>>, Error> {
        let discarded = |outcome| match outcome {
            Outcome::NotOurs(kind) => Err(spare.error("upgrade", kind)),
            Outcome::Gone | Outcome::InUse => Ok(None),
        };
        let is_older =
            |old: &Old<T>| Ok::<_, Error>(sealed_at(&old.mapping) <= sealed_at(&spare.map(false)?));
        match under {
            // It died before it removed the old one, whose values may have changed since.
            Under::Old(old) if !mine && is_older(&old)? => {
                return discarded(options.discard(spare, &old.segment)?);
            }
            Under::Old(_) | Under::HalfMade(..) | Under::Nothing | Under::Current(_) => {}
        }
        // Of an older version of this program that had removed a still older one, it lacks fields, too.
        let (mapping, known, len) = match spare.attach_read_only() {
            Ok(attached) => (spare.map(false)?, None, attached.tail_len()),
            Err(error) => match error.kind() {
                ErrorKind::Abandoned { .. } => {
                    return discarded(options.reclaim_any(spare, Replace::Everything)?);
                }
                ErrorKind::LayoutDiffers { .. } => {
                    let old = older(spare.clone(), error)?;
                    (old.mapping, Some(old.fields), old.len)
                }
                _ => return Err(error),
            },
        };
        match under {
            // Made by a program that found nothing. Those who use its queues are told.
            Under::Old(old) => {
                let fields = &fields::<T>()[..old.fields];
                let mapping = old.to_hold(fields)?;
                let held = mapping.as_ref().map(|mapping| self.held(&old, fields, mapping)).transpose()?;
                let close = |closed| held.iter().flatten().for_each(|held| held.close(closed));
                close(true);
                removed(&old.segment).map(|()| None).inspect_err(|_| close(false))
            }
            Under::HalfMade(segment, error) => match self.reclaim_any(&segment, Replace::HalfMade)? {
                Outcome::Gone => Ok(None),
                Outcome::NotOurs(kind) => Err(segment.error("upgrade", kind)),
                Outcome::InUse => Err(error),
            },
            Under::Nothing => {
                let fields = fields::<T>();
                let known_fields = known.map_or(fields, |known| &fields[..known]);
                self.finish(spare, &mapping, known_fields, len, known.map(|_| init))
            }
            Under::Current(segment) => Ok(Some(segment)),
        }
    }

    /// Makes the new segment from these fields of the spare, which is ready, and whose slice at the end has `len` elements; `init` gives it those that the spare has not.
    /// `None` if there is one under the key.
    fn finish(
        &self,
        spare: &Segment<T>,
        mapping: &Mapping,
        fields: &[Field],
        len: usize,
        init: Option<Init<T>>,
    ) -> Result<Option<Segment<T>>, Error> {
        let stat = spare.stat()?;
        let new_len = self.len.unwrap_or(len);
        let made = self.with_mode_of(&stat, new_len).create_filled(|new, to, value| {
            // While this one has the key, no other is made from the spare; but one may have been before.
            if spare.stat()?.removed {
                return Err(spare.error("upgrade", ErrorKind::Removed));
            }
            carry(fields, len.min(new_len), mapping.region(), to);
            if let Some(init) = init {
                init(value);
            }
            keep_users(new, &stat)
        });
        match made {
            Ok(segment) => removed(spare).map(|()| Some(segment)),
            Err(error) if is_overtaken(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a spare that a dead process left, as another segment has the values: if that is certain. As long as the one that made the
    /// spare lived, it could remove the other segment, also after that was found; so it is looked at again.
    fn discard(&self, left: &Segment<T>, other: &Segment<T>) -> Result<Outcome, Error> {
        match is_of_a_dead(left) && other.stat().is_ok_and(|stat| !stat.removed) {
            true => self.reclaim_any(left, Replace::Everything),
            false => Ok(Outcome::InUse),
        }
    }

    /// As `reclaim`, of a segment that an upgrade has left: without a seal, it can be of the size of another version's, and all
    /// of its bytes are zero.
    fn reclaim_any(&self, segment: &Segment<T>, replace: Replace) -> Result<Outcome, Error> {
        self.reclaim_blank(segment, replace, segment.size())
    }

    /// What finds and creates the spare: as these options do, but for the key.
    fn spare(&self, of: i32) -> Self {
        let mut spare = Self { len: None, ..self.plain() };
        // Of the number, because a key by name and one by its number mean the same segment.
        spare.lookup.key = Key::name(format!("next generation of {of:#010x}"));
        spare
    }

    /// The same, which neither upgrade nor reclaim.
    fn plain(&self) -> Self {
        Self { lookup: self.lookup.clone(), upgrade: None, reclaim_stale: false, ..*self }
    }

    /// The same, for a segment that another one's values are for: with its mode, and what it takes to write them, and this length.
    fn with_mode_of(&self, stat: &Stat, len: usize) -> Self {
        let mut options = Self { len: Some(len), ..self.plain() };
        options.lookup.mode = stat.permissions.mode | 0o600;
        options
    }
}

/// The segment that was refused with this error, mapped, if that is because it is older, or of another length.
fn older<T: Whole + ?Sized>(segment: Segment<T>, error: Error) -> Result<Old<T>, Error> {
    let (fields, len, size, same_layout) = match error.kind() {
        ErrorKind::LayoutDiffers { theirs, ours } => match theirs.relation(ours) {
            // Only ours has a slice at its end, or neither.
            Relation::Older { fields } => (fields, 0, Some(theirs.size()), false),
            _ => return Err(error),
        },
        &ErrorKind::LengthDiffers { found: len, .. } => {
            (fields::<T>().len(), len, const { Extent::of::<T>() }.padded(len), true)
        }
        _ => return Err(error),
    };
    let mapping = segment.map(false)?;
    // What was compared was a copy of what the seal says; this is where the fields are.
    match mapping.size().checked_sub(FOOTER).zip(size) {
        Some((room, size)) if size <= room => Ok(Old { segment, mapping, fields, len, same_layout }),
        _ => {
            let reason = "the segment is too small for the struct that it claims to have".to_owned();
            Err(segment.error("upgrade", ErrorKind::BadSeal { reason }))
        }
    }
}

/// The fields of the struct.
fn fields<T: Whole + ?Sized>() -> &'static [Field] {
    Declared::of::<T::__Head>().fields()
}

/// Gives a new segment the owner, group and mode of the one whose values it has.
fn keep_users<T: Whole + ?Sized>(new: &Segment<T>, stat: &Stat) -> Result<(), Error> {
    match new.stat()?.permissions == stat.permissions {
        true => Ok(()),
        false => new.set_permissions(stat.permissions),
    }
}

/// When a segment was sealed, by the system's clock. (If a process died in an upgrade, and the clock was set back after that, and an old
/// program made an empty segment then, that one is taken for the older.)
fn sealed_at(mapping: &Mapping) -> u64 {
    Seal::of(mapping.region()).map_or(0, Seal::incarnation)
}

fn is_missing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed)
}

/// Whether another process did the same before.
fn is_overtaken(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::AlreadyExists { .. } | ErrorKind::Removed)
}

/// Whether the process that made this is certainly dead.
fn is_of_a_dead<T: Whole + ?Sized>(segment: &Segment<T>) -> bool {
    let Ok(mapping) = segment.map(false) else { return false };
    let seal = Seal::of(mapping.region());
    seal.zip(segment.stat().ok()).is_some_and(|(seal, stat)| seal.creator_is_dead(&stat))
}

/// Removes a segment, by its id, if that was not done.
fn removed<T: Whole + ?Sized>(segment: &Segment<T>) -> Result<(), Error> {
    match segment.remove() {
        Err(error) if !matches!(error.kind(), ErrorKind::Removed) => Err(error),
        _ => Ok(()),
    }
}
