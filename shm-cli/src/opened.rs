//! Segments, attached for what is in them.

use std::fs;
use std::path::{Path, PathBuf};

use shm_runtime::inspect::{Attached, Builtin, Segment, SeqLock, View};
use shm_runtime::{ErrorKind, Object, Schema};

use crate::failure::Failure;

/// The schema of a segment that has none.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Like {
    /// Read it by the schema in this file (the text that `Schema` prints), and not by one in its seal.
    #[arg(long, value_name = "FILE")]
    like: Option<PathBuf>,
}

impl Like {
    /// The segment, mapped to be read.
    ///
    /// Any user's is, as far as the kernel lets this user.
    pub(crate) fn read(&self, object: &Object) -> Result<Attached, Failure> {
        self.give(segment(object)?.attach_read_only()?)
    }

    /// The segment, mapped to be read and written.
    pub(crate) fn write(&self, object: &Object) -> Result<Attached, Failure> {
        self.give(segment(object)?.attach()?)
    }

    fn give(&self, attached: Attached) -> Result<Attached, Failure> {
        match &self.like {
            Some(file) => Ok(attached.with_schema(schema(file)?)?),
            None => Ok(attached),
        }
    }
}

fn segment(object: &Object) -> Result<Segment, Failure> {
    Ok(Segment::options().trust_anybody().open_id(object.id())?)
}

fn schema(file: &Path) -> Result<Schema, Failure> {
    let path = file.display();
    let text =
        fs::read_to_string(file).map_err(|error| Failure::new(format!("cannot read {path}: {error}")))?;
    Schema::parse(&text).map_err(|error| Failure::new(format!("{path} is not a schema: {error}")))
}

/// The whole struct.
pub(crate) fn root(attached: &Attached) -> Result<View<'_>, Failure> {
    attached.root().map_err(|error| match error.kind() {
        ErrorKind::NotSealed { .. } => Failure::new(format!(
            "the segment (shmid {}) has no seal, which would say what is in it: give its schema by --like FILE",
            attached.segment().id()
        )),
        _ => error.into(),
    })
}

/// Where a part of a segment is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the segment.
    Memory,
    /// In a copy of the last whole value of a `SeqLock`.
    Copy,
}

/// Does something with the part that has this path. Of a `SeqLock`, `.value` is its last whole value.
pub(crate) fn with_part<R>(
    attached: &Attached,
    path: &str,
    done: impl FnOnce(View<'_>, Place) -> R,
) -> Result<R, Failure> {
    let root = root(attached)?;
    let error = match root.resolve(path) {
        Ok(view) => return Ok(done(view, Place::Memory)),
        Err(error) => error,
    };
    let Some((_, lock, rest)) = seqlock(attached, root, path) else {
        return Err(Failure::new(error.to_string()));
    };
    let copy = lock.read().map_err(|error| Failure::new(format!("{path}: {error}")))?;
    let within = copy.view().resolve(rest);
    let view = within.map_err(|error| Failure::new(format!("in the value of a SeqLock, {error}")))?;
    Ok(done(view, Place::Copy))
}

/// Of a path into the last whole value of a `SeqLock`: where the lock is, the lock, and the path from its value on.
pub(crate) fn seqlock<'a, 'p>(
    attached: &'a Attached,
    root: View<'a>,
    path: &'p str,
) -> Option<(View<'a>, SeqLock<'a>, &'p str)> {
    path.match_indices(".value").find_map(|(at, value)| {
        let (lock, rest) = (&path[..at], &path[at + value.len()..]);
        let view = root.resolve(lock).ok()?;
        let Some(Builtin::SeqLock(lock) | Builtin::Latest(lock)) = attached.builtin(view) else {
            return None;
        };
        match rest.strip_prefix('.') {
            // A dot that nothing follows is no path.
            Some(rest) if !rest.is_empty() => Some((view, lock, rest)),
            _ => (rest.is_empty() || rest.starts_with(['.', '['])).then_some((view, lock, rest)),
        }
    })
}
