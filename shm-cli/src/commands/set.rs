//! `shm set`: one field.

use std::process::ExitCode;

use shm_runtime::inspect::{Scalar, Type, View};

use crate::failure::{Failure, Outcome};
use crate::opened::{Like, Place, with_part};
use crate::target::Target;
use crate::terminal::Terminal;

/// Write one field of a segment.
///
/// What belongs to a lock, or is not a value of the field's type, is refused, and nothing is written.
#[derive(clap::Args)]
pub(crate) struct Set {
    name: Target,
    /// The field: `wind.speed`, `series[3]`.
    path: String,
    /// As Rust writes it: `true`, `-3`, `0xff`, `2.5`, a variant's name; of a `[u8; N]` the text, and of a `char` the character.
    #[arg(allow_hyphen_values = true)]
    value: String,
    #[command(flatten)]
    like: Like,
}

impl Set {
    pub(crate) fn run(self, _terminal: &mut Terminal) -> Outcome {
        let attached = self.like.write(&self.name.segment()?)?;
        let path = &self.path;
        with_part(&attached, path, |view, place| {
            if place == Place::Copy {
                return Err(Failure::new(format!(
                    "{path}: this is the value of a SeqLock, which only its writer publishes"
                )));
            }
            match parts(view, path) {
                Some(example) => Err(Failure::new(format!(
                    "{path}: it is {}, which is written part by part: {example}, say",
                    view.ty()
                ))),
                None => view
                    .set_text(&self.value)
                    .map_err(|error| Failure::new(format!("{path}: nothing was written: {error}"))),
            }
        })??;
        Ok(ExitCode::SUCCESS)
    }
}

/// The path of a part, if it is written part by part.
fn parts(view: View<'_>, path: &str) -> Option<String> {
    // What belongs to a lock has an error of its own.
    if view.location().builtin().is_some() {
        return None;
    }
    match view.ty() {
        Type::Struct(of) if of.is_text() => None,
        Type::Struct(of) => {
            let field = of.fields().next()?.name;
            Some(if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") })
        }
        Type::Array(array) => match array.of() {
            Type::Scalar(Scalar::U8) => None,
            _ => Some(format!("{path}[0]")),
        },
        _ => None,
    }
}
