//! `shm restore`: what `shm save` saved, back into a segment.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::Value as Json;
use shm_runtime::Schema;
use shm_runtime::inspect::{Location, Type};

use super::save::{FORMAT, is_builtin, joined, not_plain};
use crate::failure::{Failure, Outcome};
use crate::opened::{Like, root};
use crate::target::{Target, describe};
use crate::terminal::{Terminal, complain};

/// Write what `shm save` saved into a segment, which may have another layout: fields go by their names.
///
/// If a field is gone, or has another type, nothing is written. Fields that were not saved stay as they are, and so do locks and
/// the values of a SeqLock. Each number is written by itself: restore while no program uses the segment.
#[derive(clap::Args)]
pub(crate) struct Restore {
    name: Target,
    /// What `shm save` wrote; `-` is stdin.
    file: PathBuf,
    /// Restore what fits, and leave out the fields that are gone or have another type.
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    like: Like,
}

#[derive(Deserialize)]
struct Saved {
    shm_save: u32,
    schema: Schema,
    values: Json,
}

impl Restore {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        let object = self.name.segment()?;
        let Saved { schema, values, .. } = read(&self.file)?;
        let attached = self.like.write(&object)?;
        let root = root(&attached)?;
        let mut fit = Fit::default();
        fit.compare(schema.root(), root.location(), "");
        let values = fit.keep(schema.root(), root.location(), values, "")?;
        match (fit.problems.is_empty(), self.partial) {
            (true, _) => {}
            (false, true) => complain(format_args!("not restored:{}", fit.list())),
            (false, false) => {
                return Err(Failure::new(format!(
                    "nothing was restored, because these do not fit (--partial restores the others):{}",
                    fit.list()
                )));
            }
        }
        if let Some(values) = values {
            let refused = |error| Failure::new(format!("nothing was restored: {error}"));
            root.restore(values).map_err(refused)?;
        }
        let mut left = Vec::new();
        new_fields(schema.root(), root.location(), "", &mut left);
        not_plain(root.location(), String::new(), &mut left);
        let left =
            if left.is_empty() { String::new() } else { format!("; as they were: {}", left.join(", ")) };
        terminal.line(format_args!("restored {} to {}{left}", schema.root().ty(), describe(&object)))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn read(file: &Path) -> Result<Saved, Failure> {
    let path = file.display();
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("cannot read {path}: {error}"));
    let mut text = String::new();
    let read = match file.as_os_str() == "-" {
        true => io::stdin().read_to_string(&mut text).map(drop),
        false => fs::read_to_string(file).map(|read| text = read),
    };
    read.map_err(|error| failed(&error))?;
    let saved: Saved = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("{path} is not what `shm save` writes: {error}")))?;
    match saved.shm_save {
        FORMAT => Ok(saved),
        other => Err(failed(&format_args!("it is of the format {other}, and this tool knows {FORMAT}"))),
    }
}

/// What of the saved values fits the segment.
#[derive(Default)]
struct Fit {
    /// What does not, and why.
    problems: Vec<String>,
}

impl Fit {
    fn list(&self) -> String {
        /// As many as one would read.
        const MOST: usize = 50;
        let mut list: String =
            self.problems.iter().take(MOST).map(|problem| format!("\n  {problem}")).collect();
        if let Some(more @ 1..) = self.problems.len().checked_sub(MOST) {
            list.push_str(&format!("\n  and {more} more"));
        }
        list
    }

    /// Notes down the fields of the saved layout that are gone, or have another type. `path` has no indices.
    fn compare(&mut self, saved: Location<'_>, found: Location<'_>, path: &str) {
        if let Err(why) = fits(saved.ty(), found.ty()) {
            let path = if path.is_empty() { "the whole" } else { path };
            self.problems.push(format!("{path}: {why}"));
            return;
        }
        let theirs: HashMap<_, _> = found.fields().collect();
        for (name, field) in saved.fields().filter(|(_, field)| !is_builtin(field.ty())) {
            let path = joined(path, name);
            match theirs.get(name) {
                Some(&found) => self.compare(field, found, &path),
                None => self.problems.push(format!("{path}: it is gone")),
            }
        }
        if let (Some(saved), Some(found)) = (saved.elements().next(), found.elements().next())
            && let Type::Struct(_) | Type::Array(_) = saved.ty()
        {
            self.compare(saved, found, &format!("{path}[]"));
        }
    }

    /// The values that fit.
    fn keep(
        &mut self,
        saved: Location<'_>,
        found: Location<'_>,
        values: Json,
        path: &str,
    ) -> Result<Option<Json>, Failure> {
        if fits(saved.ty(), found.ty()).is_err() {
            return Ok(None);
        }
        match (saved.ty(), found.ty(), values) {
            (Type::Struct(_), _, Json::Object(mut values)) => {
                let theirs: HashMap<_, _> = found.fields().collect();
                let mut kept = serde_json::Map::new();
                for (name, field) in saved.fields() {
                    let Some(value) = values.remove(name) else { continue };
                    if is_builtin(field.ty()) {
                        let (path, ty) = (joined(path, name), field.ty());
                        return Err(Failure::new(format!(
                            "nothing was restored: {path} is a {ty}, which is not restored"
                        )));
                    }
                    let Some(&found) = theirs.get(name) else { continue };
                    if let Some(value) = self.keep(field, found, value, &joined(path, name))? {
                        kept.insert(name.to_owned(), value);
                    }
                }
                match values.keys().next() {
                    None => Ok(Some(Json::Object(kept))),
                    Some(name) => Err(Failure::new(format!(
                        "nothing was restored: the file has a value for {}, and its schema has no such field",
                        joined(path, name)
                    ))),
                }
            }
            (Type::Array(array), _, Json::Array(values)) => {
                let (of, is_simple) = (array.of(), is_scalar(array.of()));
                // Indices past the end are left for `restore` to refuse.
                if is_simple || values.len() != array.len() || of.size() == 0 {
                    return Ok(Some(Json::Array(values)));
                }
                let mut kept = Vec::with_capacity(values.len());
                let mut is_whole = true;
                for (i, ((value, saved), found)) in
                    values.into_iter().zip(saved.elements()).zip(found.elements()).enumerate()
                {
                    match self.keep(saved, found, value, &format!("{path}[{i}]"))? {
                        Some(value) => kept.push(value),
                        None => is_whole = false,
                    }
                }
                if !is_whole {
                    self.problems.push(format!("{path}: it is restored as a whole only"));
                    return Ok(None);
                }
                Ok(Some(Json::Array(kept)))
            }
            (Type::Enum(_), Type::Enum(of), Json::String(name)) => {
                if of.variants().any(|variant| variant.name == name) {
                    return Ok(Some(Json::String(name)));
                }
                self.problems.push(format!("{path}: {} has no variant {name:?} any more", of.name()));
                Ok(None)
            }
            // Whether it is a value of its type, `restore` finds out.
            (_, _, value) => Ok(Some(value)),
        }
    }
}

/// Whether values of one type go into the other, apart from what is in a struct; why not.
fn fits(saved: Type<'_>, found: Type<'_>) -> Result<(), String> {
    let fits = match (saved, found) {
        (Type::Scalar(a) | Type::Atomic(a), Type::Scalar(b) | Type::Atomic(b)) => a == b,
        (Type::Enum(a), Type::Enum(b)) => a.name() == b.name(),
        (Type::Array(a), Type::Array(b)) => a.len() == b.len() && fits(a.of(), b.of()).is_ok(),
        (Type::Struct(a), Type::Struct(b)) => !a.is_builtin() && !b.is_builtin(),
        _ => false,
    };
    if fits { Ok(()) } else { Err(format!("it was {saved}, and is {found} now")) }
}

fn is_scalar(ty: Type<'_>) -> bool {
    match ty {
        Type::Array(array) => is_scalar(array.of()),
        Type::Scalar(_) | Type::Atomic(_) => true,
        _ => false,
    }
}

/// The paths of what is in the segment, and was not saved.
fn new_fields(saved: Location<'_>, found: Location<'_>, path: &str, new: &mut Vec<String>) {
    let ours: HashMap<_, _> = saved.fields().collect();
    for (name, field) in found.fields().filter(|(_, field)| !is_builtin(field.ty())) {
        let path = joined(path, name);
        match ours.get(name) {
            Some(&saved) => new_fields(saved, field, &path, new),
            None => new.push(path),
        }
    }
    if let (Some(saved), Some(found)) = (saved.elements().next(), found.elements().next()) {
        new_fields(saved, found, &format!("{path}[]"), new);
    }
}
