//! Creating a segment, and sealing it.

use super::Options;
use crate::ipc::error::{Error, ErrorKind};
use crate::ipc::identity::Identity;
use crate::ipc::mode::mode_bits;
use crate::memory::access::ReadWrite;
use crate::memory::region::Region;
use crate::memory::structure::Declared;
use crate::memory::tail::{Extent, Whole};
use crate::schema::Schema;
use crate::schema::write::text;
use crate::seal::admission::Whose;
use crate::seal::footer::{self, FooterFields, Seal, State};
use crate::segment::Segment;
use crate::segment::diagnose::{self, Creation};
use crate::segment::mapping::Mapping;
use crate::segment::observed::Observed;
use crate::segment::place::Place;
use crate::segment::reclaim::{Outcome, Replace};
use crate::sys::liveness::Process;
use crate::sys::{self, process::Maker};

impl<T: Whole + ?Sized> Options<T> {
    /// Creates the segment, and seals it once `init` has run.
    pub(super) fn create_then(
        &self,
        init: Option<impl FnOnce(&T::__View<ReadWrite>)>,
    ) -> Result<Segment<T>, Error> {
        self.create_with_mapping(init.map(|init| {
            |_: &Segment<T>, place: &Place<T, ReadWrite>| {
                init(place.view());
                Ok(())
            }
        }))
    }

    /// Creates the segment, and seals it once `fill` has filled it in: all of its bytes, or by its fields. If that is an error,
    /// it is removed.
    pub(super) fn create_filled(
        &self,
        fill: impl FnOnce(&Segment<T>, Region<'_>, &T::__View<ReadWrite>) -> Result<(), Error>,
    ) -> Result<Segment<T>, Error> {
        self.create_with_mapping(Some(|segment: &Segment<T>, place: &Place<T, ReadWrite>| {
            fill(segment, place.mapping().region(), place.view())
        }))
    }

    fn create_with_mapping(
        &self,
        init: Option<impl FnOnce(&Segment<T>, &Place<T, ReadWrite>) -> Result<(), Error>>,
    ) -> Result<Segment<T>, Error> {
        let texts = self.texts();
        let written = !self.settings.bare || init.is_some();
        let segment = self.create_bytes(texts.as_ref(), written)?;
        if !written {
            return Ok(segment);
        }
        // Until it is made, every way out of here removes it.
        let segment = segment.remove_on_drop();
        let mapping = match segment.map(true) {
            Ok(mapping) => mapping,
            // Removed by another process, and perhaps the id given to another segment. That one is not ours to remove.
            Err(error) if matches!(error.kind(), ErrorKind::Removed | ErrorKind::Untrusted { .. }) => {
                segment.keep();
                return Err(error);
            }
            // CAP_IPC_OWNER of another user namespace than the segment's.
            Err(error) if !self.owner_may_write() && matches!(error.kind(), ErrorKind::Permission { .. }) => {
                return Err(self.unwritable(segment.identity()));
            }
            Err(error) => return Err(error),
        };
        // By which it is told from another one, should `init` change this thread's IPC namespace and panic.
        let segment = segment.keep().observed_as(*mapping.observed()).remove_on_drop();
        let place = match Place::new(mapping, self.len.unwrap_or(0)) {
            Ok(place) => place,
            Err(kind) => return Err(segment.error("create", kind)),
        };
        let made = initialise(&segment, &place, texts.as_ref(), init)?;
        let segment = segment.keep();
        // A child that `init` forked waits for its parent, as every process does that attaches.
        if !made {
            return Ok(segment);
        }
        let len = place.len();
        Ok(segment.with_creator_mapping(place.into_mapping(), len))
    }

    /// shmget(2) with IPC_CREAT and IPC_EXCL.
    fn create_bytes(&self, texts: Option<&Texts>, written: bool) -> Result<Segment<T>, Error> {
        let identity = self.lookup.resolve("create")?;
        let error = |identity, kind| Err(Error::new("create", identity, kind));
        let mode = match mode_bits(self.lookup.mode) {
            Ok(mode) => i32::from(mode),
            Err(kind) => return error(identity, kind),
        };
        if written && !self.owner_may_write() && !sys::user::has_ipc_owner() {
            return Err(self.unwritable(&identity));
        }
        if self.huge_pages && self.no_reserve {
            let reason = "huge pages without a reservation would be SIGBUS when the pool runs empty";
            return error(identity, ErrorKind::InvalidInput { reason });
        }
        if self.huge_pages && !self.trusts_writers {
            return error(identity, ErrorKind::HugePages);
        }
        let huge_pages = if self.huge_pages { sys::SHM_HUGETLB } else { 0 };
        let no_reserve = if self.no_reserve { sys::SHM_NORESERVE } else { 0 };
        let flags = sys::IPC_CREAT | sys::IPC_EXCL | mode | huge_pages | no_reserve;
        let key = identity.value.unwrap_or(sys::IPC_PRIVATE);
        let size = match self.size(texts) {
            Ok(size) => size,
            Err(kind) => return error(identity, kind),
        };
        loop {
            let source = match sys::shmget(key, size, flags) {
                Ok(id) => {
                    let observed = Observed::created(size);
                    return Ok(Segment::new(identity, id, observed, self.terms(false)));
                }
                Err(source) => source,
            };
            let exists = source.raw_os_error() == Some(sys::EEXIST);
            let existing = sys::shmget(key, 0, 0).ok().filter(|_| exists);
            let mut note = None;
            // A stranger's is not even looked into.
            let found = existing.filter(|_| !self.settings.bare);
            if let Some((id, stat)) = found.and_then(|id| Some((id, self.look(id).ok()?))) {
                let segment = Segment::new(identity.clone(), id, Observed::from(&stat), self.terms(false));
                let kind = match self.reclaim_stale {
                    true => match self.reclaim(&segment, Replace::Everything)? {
                        Outcome::Gone => continue,
                        Outcome::NotOurs(kind) => Some(kind),
                        Outcome::InUse => {
                            note = segment.who_keeps_it();
                            None
                        }
                    },
                    false => self.collision(&segment),
                };
                // Not something to be removed, as the error below would say.
                if let Some(kind @ (ErrorKind::KeyCollision { .. } | ErrorKind::LayoutDiffers { .. })) = kind
                {
                    return error(identity.with_id(id), kind);
                }
            }
            let kind = diagnose::shmget(source, Creation { size, huge_pages: self.huge_pages }, existing);
            let error = Error::new("create", Identity { id: existing, ..identity }, kind);
            return Err(match note {
                Some(note) => error.with_note(note),
                None => error,
            });
        }
    }

    /// Whether the mode lets the owner of a new segment, as its owner, fill it in.
    fn owner_may_write(&self) -> bool {
        self.lookup.mode & 0o600 == 0o600
    }

    fn unwritable(&self, identity: &Identity) -> Error {
        let reason = "the mode keeps the creator itself from reading and writing a new segment, and so from filling it in \
                      and sealing it: the owner's bits count for the owner, whatever group and others may. Create it with \
                      them (0o600 and more), and take them away later with `set_permissions`";
        let error = Error::new("create", identity.clone(), ErrorKind::InvalidInput { reason });
        error.with_note(format!("The mode asked for is {:#05o}", self.lookup.mode))
    }

    /// That the segment in the way is another program's, if its seal says so.
    fn collision(&self, segment: &Segment<T>) -> Option<ErrorKind> {
        let mapping = Mapping::new(segment.id(), false, self.trusts_writers).ok()?;
        let seal = Seal::of(mapping.region()).filter(|seal| seal.has_magic())?;
        match segment.expected().whose(seal) {
            Whose::Other(kind @ ErrorKind::KeyCollision { .. }) => Some(kind),
            Whose::Ours { .. } | Whose::Other(_) => None,
        }
    }

    /// The texts in the seal of a segment that we would create; `None` of a bare one.
    pub(super) fn texts(&self) -> Option<Texts> {
        (!self.settings.bare)
            .then(|| Texts { schema: text(Declared::of::<T::__Head>()), key: self.lookup.key.to_string() })
    }

    /// The size of a segment with these.
    pub(super) fn size(&self, texts: Option<&Texts>) -> Result<usize, ErrorKind> {
        let extent = const { Extent::of::<T>() };
        let invalid = |reason| ErrorKind::InvalidInput { reason };
        let len = match self.len {
            None if extent.is_tailed() => {
                return Err(invalid(
                    "the struct ends in a slice, and a new segment takes a length for it: say how many elements, with \
                     `options().len(...)`",
                ));
            }
            len => len.unwrap_or(0),
        };
        let size = match texts {
            None => extent.exact(len),
            Some(texts) => {
                let sealed = |size| footer::sealed_size(size, texts.schema.len() + texts.key.len());
                extent.padded(len).map(sealed)
            }
        };
        size.ok_or_else(|| {
            invalid("a slice of so many elements is larger than the address space: ask for fewer")
        })
    }
}

/// The texts in a seal.
pub(super) struct Texts {
    schema: String,
    key: String,
}

/// Whether it is made: not in a child that `init` forked and that returned from it, where its parent still makes it.
fn initialise<T: Whole + ?Sized>(
    segment: &Segment<T>,
    place: &Place<T, ReadWrite>,
    texts: Option<&Texts>,
    init: Option<impl FnOnce(&Segment<T>, &Place<T, ReadWrite>) -> Result<(), Error>>,
) -> Result<bool, Error> {
    let maker = Maker::this();
    let sealing = texts.and_then(|texts| Sealing::begin(segment, place, texts));
    if let Some(init) = init {
        init(segment, place)?;
    }
    if let Some(sealing) = sealing {
        sealing.finish();
    }
    Ok(maker.is_this_process())
}

/// A seal that is being made. Until it is finished, dropping it, as a panic or an error of the initialiser does, says that the
/// segment is abandoned. In a forked child, neither says anything.
struct Sealing<'a> {
    seal: Seal<'a>,
    maker: Maker,
}

impl<'a> Sealing<'a> {
    /// Writes the seal of a new segment; `None` if its size has no room for one, which [`Options::size`] sees to.
    fn begin<T: Whole + ?Sized>(
        segment: &Segment<T>,
        place: &'a Place<T, ReadWrite>,
        texts: &Texts,
    ) -> Option<Self> {
        let seal = Seal::of(place.mapping().region())?;
        let Texts { schema, key } = texts;
        seal.write(
            FooterFields {
                fingerprint: Schema::fingerprint::<T>(),
                struct_size: u64::try_from(const { Extent::of::<T>() }.padded(place.len())?).ok()?,
                tail_len: u64::try_from(place.len()).ok()?,
                schema_len: u32::try_from(schema.len()).ok()?,
                key_len: u32::try_from(key.len()).ok()?,
                key_hash: segment.key_hash(),
                creator: Process::this(),
            },
            schema,
            key,
        );
        seal.begin();
        Some(Self { seal, maker: Maker::this() })
    }

    fn publish(&self, state: State) {
        if self.maker.is_this_process() {
            self.seal.set_state(state);
        }
    }

    fn finish(self) {
        self.publish(State::Ready);
        core::mem::forget(self);
    }
}

impl Drop for Sealing<'_> {
    fn drop(&mut self) {
        self.publish(State::Abandoned);
    }
}
