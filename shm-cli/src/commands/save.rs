//! `shm save`: the plain values of a segment, for `shm restore`.

use std::fmt::Display;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::ser::{Error as _, SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use shm_runtime::Schema;
use shm_runtime::inspect::{Attached, Builtin, Location, Snapshot, Type, View};

use crate::failure::{Failure, Outcome};
use crate::json::is_plain;
use crate::opened::{Like, root};
use crate::target::Target;
use crate::terminal::{Terminal, complain};

/// Save what is in a segment as JSON, with its layout.
///
/// Each number is read by itself: save while no program changes what belongs together. Locks are not saved; the last whole value of
/// a SeqLock is, to be read, but `shm restore` leaves it to the lock's writer.
#[derive(clap::Args)]
pub(crate) struct Save {
    name: Target,
    /// Where to; stdout if it is not given.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    like: Like,
}

/// The format of the files. Another one has another number.
pub(crate) const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Saved<'a> {
    shm_save: u32,
    schema: &'a Schema,
    values: Plain<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "by_path")]
    snapshots: Vec<(String, Snapshot<'a>)>,
}

impl Save {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        let attached = self.like.read(&self.name.segment()?)?;
        let root = root(&attached)?;
        let mut left_out = Vec::new();
        not_plain(root.location(), String::new(), &mut left_out);
        let mut snapshots = Vec::new();
        if left_out.iter().any(|part| is_seqlock(part)) {
            copy_seqlocks(&attached, root, String::new(), &mut snapshots)?;
            left_out.retain(|part| !is_seqlock(part));
        }
        let saved = Saved { shm_save: FORMAT, schema: attached.schema()?, values: Plain(root), snapshots };
        match self.output {
            None => terminal.json(&saved)?,
            Some(file) => {
                let failed =
                    |error: &dyn Display| Failure::new(format!("cannot write {}: {error}", file.display()));
                let mut json = serde_json::to_string_pretty(&saved).map_err(|error| failed(&error))?;
                json.push('\n');
                fs::write(&file, json).map_err(|error| failed(&error))?;
            }
        }
        if !left_out.is_empty() {
            complain(format_args!("not saved: {}", left_out.join(", ")));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether [`not_plain`] says that it is one that has whole values.
fn is_seqlock(part: &str) -> bool {
    part.ends_with("(SeqLock)") || part.ends_with("(Latest)")
}

/// The last whole values of all `SeqLock`s, with their paths.
fn copy_seqlocks<'a>(
    attached: &'a Attached,
    view: View<'a>,
    path: String,
    copies: &mut Vec<(String, Snapshot<'a>)>,
) -> Result<(), Failure> {
    if is_plain(view.ty()) {
        return Ok(());
    }
    if view.location().builtin().is_some() {
        if let Some(Builtin::SeqLock(lock) | Builtin::Latest(lock)) = attached.builtin(view) {
            let copy = lock.read().map_err(|error| Failure::new(format!("cannot save {path}: {error}")))?;
            copies.push((path, copy));
        }
        return Ok(());
    }
    for (name, field) in view.fields() {
        copy_seqlocks(attached, field, joined(&path, name), copies)?;
    }
    for (i, element) in view.elements().enumerate() {
        copy_seqlocks(attached, element, format!("{path}[{i}]"), copies)?;
    }
    Ok(())
}

fn by_path<S: Serializer>(copies: &[(String, Snapshot<'_>)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut out = serializer.serialize_map(Some(copies.len()))?;
    for (path, copy) in copies {
        out.serialize_entry(path, &copy.view())?;
    }
    out.end()
}

/// The paths of what is not plain data, each with its type; of all elements of an array, one.
pub(crate) fn not_plain(location: Location<'_>, path: String, found: &mut Vec<String>) {
    match location.ty() {
        Type::Struct(of) if of.is_builtin() => found.push(format!("{path} ({})", of.name())),
        Type::Struct(_) => {
            for (name, field) in location.fields().filter(|(_, field)| !is_plain(field.ty())) {
                not_plain(field, joined(&path, name), found);
            }
        }
        Type::Array(_) => {
            if let Some(element) = location.elements().next() {
                not_plain(element, format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}

/// The path of a field.
pub(crate) fn joined(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

/// Whether it is one of the crate's own types, or an array of them: then there is nothing plain in it.
pub(crate) fn is_builtin(ty: Type<'_>) -> bool {
    match ty {
        Type::Array(array) => is_builtin(array.of()),
        Type::Struct(of) => of.is_builtin(),
        _ => false,
    }
}

/// Plain data, and what is around it.
struct Plain<'a>(View<'a>);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.ty() {
            Type::Struct(of) if !of.is_builtin() => {
                let mut out = serializer.serialize_map(None)?;
                for (name, field) in self.0.fields().filter(|(_, field)| !is_builtin(field.ty())) {
                    out.serialize_entry(name, &Plain(field))?;
                }
                out.end()
            }
            Type::Array(array) if !is_plain(array.of()) => {
                let elements = self.0.elements();
                let mut out = serializer.serialize_seq(Some(elements.len()))?;
                for element in elements {
                    out.serialize_element(&Plain(element))?;
                }
                out.end()
            }
            Type::Struct(of) => Err(S::Error::custom(format!("it is a {}, and no plain data", of.name()))),
            _ => self.0.serialize(serializer),
        }
    }
}
