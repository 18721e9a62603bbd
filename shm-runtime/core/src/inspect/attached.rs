//! One mapping of a segment whose type is not known.

use core::fmt;
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use super::seal::{Process, Seal, State};
use super::segment::Segment;
use crate::ipc::error::{Error, ErrorKind};
use crate::memory::span::Span;
use crate::schema::Schema;
use crate::schema::location::PathError;
use crate::schema::parse;
use crate::schema::view::View;
use crate::seal::footer::{self, FOOTER};
use crate::segment::mapping::Mapping;
use crate::sys::liveness;

/// A segment mapped into this process, with the schema by which it is read: that of its seal, or one that it was
/// [given](Self::with_schema). It detaches when dropped.
pub struct Attached {
    segment: Segment,
    mapping: Mapping,
    /// Whether the last bytes are a seal if they look like one, and not what a given schema says of them.
    sealed: bool,
    /// The schema, once it was asked for. From then on it is the same: what accesses the mapping agrees on the widths.
    schema: OnceLock<Result<Schema, NoSchema>>,
}

/// Why there is no schema in a segment.
#[derive(Clone, Debug)]
enum NoSchema {
    /// The creator has not sealed it, or not yet.
    NotSealed,
    /// What the seal says cannot be.
    Bad(String),
}

impl Attached {
    pub(super) fn new(segment: Segment, mapping: Mapping) -> Self {
        Self { segment, mapping, sealed: true, schema: OnceLock::new() }
    }

    /// The segment that is mapped here.
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Bytes that are mapped.
    pub fn size(&self) -> usize {
        self.mapping.size()
    }

    /// Whether it can be written through.
    pub fn is_writable(&self) -> bool {
        self.mapping.is_writable()
    }

    /// What its seal says now; `None` if it has none.
    pub fn seal(&self) -> Option<Seal> {
        let seal = self.footer()?;
        let fields = seal.read().ok()?;
        let state = match seal.state() {
            footer::State::New => State::New,
            footer::State::Initialising => State::Initialising,
            footer::State::Ready => State::Ready,
            footer::State::Abandoned => State::Abandoned,
            // A claim that is being made is not one yet.
            footer::State::Claiming(claim) if claim.was_ready => State::Ready,
            footer::State::Claiming(_) => State::Abandoned,
            footer::State::Reclaiming(claim) => {
                State::Reclaiming { by: seal.claimant(claim).into(), was_ready: claim.was_ready }
            }
            footer::State::Unknown(word) => State::Unknown(word),
        };
        let printable = |text: String| text.replace(char::is_control, "?");
        Some(Seal {
            state,
            fingerprint: fields.fingerprint,
            struct_size: fields.struct_size,
            key: seal.key_text(&fields).map(printable),
            creator: Process::from(fields.creator),
            incarnation: match seal.incarnation() {
                0 => None,
                nanos => UNIX_EPOCH.checked_add(Duration::from_nanos(nanos)),
            },
        })
    }

    /// Whether pids in the segment mean to this process what they mean to the creator; as far as is known.
    pub(super) fn shares_pid_namespace(&self) -> bool {
        let creator = self.footer().and_then(|seal| seal.read().ok()).map(|fields| fields.creator);
        !self.mapping.observed().creator_is_out_of_sight()
            && !creator.is_some_and(liveness::Process::is_elsewhere)
    }

    fn footer(&self) -> Option<footer::Seal<'_>> {
        footer::Seal::of(self.mapping.region()).filter(|seal| self.sealed && seal.has_magic())
    }

    /// The schema: that of the seal, as it was when it was first asked for, or the one that was given.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotSealed`](crate::ErrorKind::NotSealed) if the segment has no seal;
    /// [`BadSeal`](crate::ErrorKind::BadSeal) if what it says cannot be.
    pub fn schema(&self) -> Result<&Schema, Error> {
        let schema = self.schema.get_or_init(|| self.read_schema());
        schema.as_ref().map_err(|why| {
            let kind = match why {
                NoSchema::NotSealed => ErrorKind::NotSealed { found: self.size(), expected: 0 },
                NoSchema::Bad(reason) => ErrorKind::BadSeal { reason: reason.clone() },
            };
            self.segment.typed().error("read the schema of", kind)
        })
    }

    /// The name of the struct, as the schema begins with it; `None` if there is no seal, or no name where it should be.
    ///
    /// For lists: it takes as long as for the smallest struct, however large the schema is, of which the rest is not checked.
    pub fn type_name(&self) -> Option<String> {
        if let Some(Ok(schema)) = self.schema.get() {
            return schema.struct_name().map(str::to_owned);
        }
        let seal = self.footer()?;
        let line = seal.schema_line(&seal.read().ok()?).ok()?;
        parse::struct_name(&line).map(str::to_owned)
    }

    fn read_schema(&self) -> Result<Schema, NoSchema> {
        let bad = |reason: &str| NoSchema::Bad(reason.to_owned());
        let seal = self.footer().ok_or(NoSchema::NotSealed)?;
        let fields = seal.read().map_err(bad)?;
        let text = seal.schema_text(&fields).map_err(bad)?;
        let schema = Schema::from_text(text).map_err(|error| NoSchema::Bad(error.to_string()))?;
        // In front of the texts, and so of the footer.
        match usize::try_from(fields.struct_size).is_ok_and(|size| size == schema.size()) {
            true => Ok(schema),
            false => Err(bad("the struct in its seal is not as large as its schema says")),
        }
    }

    /// The same, read by this schema: for a segment that has none, or of a C program.
    ///
    /// # Errors
    ///
    /// If the segment is smaller than the schema says; of a sealed one, what is in front of its texts and its footer.
    pub fn with_schema(self, schema: Schema) -> Result<Self, Error> {
        let footer = self.footer();
        let sealed = footer.is_some();
        let fields = footer.and_then(|seal| seal.read().ok());
        let in_front = fields.map(|fields| usize::try_from(fields.struct_size).unwrap_or(usize::MAX));
        let room = in_front.unwrap_or(usize::MAX).min(self.size() - if sealed { FOOTER } else { 0 });
        if schema.size() > room {
            let kind = ErrorKind::SizeDiffers { found: room, expected: schema.size() };
            return Err(self.segment.typed().error("read by this schema", kind));
        }
        Ok(Self { sealed, schema: OnceLock::from(Ok(schema)), ..self })
    }

    /// The whole struct, to be read and written.
    ///
    /// # Errors
    ///
    /// As for [`schema`](Self::schema).
    pub fn root(&self) -> Result<View<'_>, Error> {
        let schema = self.schema()?;
        // SAFETY: all views of this mapping are by one schema, in which no two scalars overlap: `schema` does not change but
        // by `with_schema`, which takes `self`, of which no view borrows then. Its struct is in front of the footer of a sealed
        // segment; of another, the footer is accessed by nothing (`sealed`) once there are views.
        let memory = unsafe { Span::of_region(self.mapping.region(), schema.size()) };
        View::new(memory, schema.root()).ok_or_else(|| {
            let kind = ErrorKind::SizeDiffers { found: self.size(), expected: schema.size() };
            self.segment.typed().error("read", kind)
        })
    }

    /// The part with this path: `wind.speed`, `series[3]`. It can be kept, and read again and again.
    ///
    /// # Errors
    ///
    /// As for [`schema`](Self::schema) and [`Schema::resolve`].
    pub fn resolve(&self, path: &str) -> Result<View<'_>, ResolveError> {
        self.root()?.resolve(path).map_err(ResolveError::Path)
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").field("segment", &self.segment).finish_non_exhaustive()
    }
}

/// Why a part of a segment was not found: what [`Attached::resolve`] returns.
#[derive(Debug)]
#[non_exhaustive]
pub enum ResolveError {
    /// The segment has no schema.
    Schema(Error),
    /// The schema has no such part.
    Path(PathError),
}

impl From<Error> for ResolveError {
    fn from(error: Error) -> Self {
        Self::Schema(error)
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(error) => error.fmt(f),
            Self::Path(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ResolveError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Schema(error) => Some(error),
            Self::Path(error) => Some(error),
        }
    }
}
