//! `shm show`: what is in a segment now.

use std::process::ExitCode;

use shm_runtime::inspect::Attached;
use shm_runtime::{ErrorKind, Object};

use crate::failure::{Failure, Outcome};
use crate::hexdump;
use crate::json::Live;
use crate::opened::{Like, root, with_part};
use crate::render::Renderer;
use crate::sealed::state_of;
use crate::target::{Target, describe};
use crate::terminal::{Style, Terminal};

/// Show what is in a segment, field by field.
///
/// Each number is read by itself: of a struct that a program is changing, some fields may be old and some new. A SeqLock is shown
/// with its last whole value. What has no schema is shown as bytes.
#[derive(clap::Args)]
pub(crate) struct Show {
    name: Target,
    /// A part of it: `wind.speed`, `series[3]`, `cells[2].mode`. Of a SeqLock, `.value` is its last whole value.
    #[arg(default_value = "", hide_default_value = true)]
    path: String,
    /// All elements of arrays, and all of long texts.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    like: Like,
    /// For programs: the value only. Of a Mutex it is in `value`, beside `holder`; of a SeqLock too, beside `writer`.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        let object = self.name.segment()?;
        let attached = self.like.read(&object)?;
        let is_bare =
            attached.schema().is_err_and(|error| matches!(error.kind(), ErrorKind::NotSealed { .. }));
        if is_bare && self.path.is_empty() && !self.json {
            hexdump::print(attached, self.all, terminal)?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.json {
            with_part(&attached, &self.path, |view, _| terminal.json(&Live::new(&attached, view)))??;
            return Ok(ExitCode::SUCCESS);
        }
        if self.path.is_empty() {
            terminal.styled(Style::Bold, heading(&object, &attached)?)?;
            terminal.line("")?;
        }
        with_part(&attached, &self.path, |view, _| {
            Renderer::new(&attached, self.all, terminal).print(view, &self.path)
        })??;
        Ok(ExitCode::SUCCESS)
    }
}

/// `Station: segment, shmid 5, key 0x53480001, name "org.example.weather", ready`.
fn heading(object: &Object, attached: &Attached) -> Result<String, Failure> {
    let mut heading = format!("{}: {}", root(attached)?.ty(), describe(object));
    if let Some(seal) = attached.seal() {
        if let Ok(key) = &seal.key {
            heading.extend([", ", key]);
        }
        heading.extend([", ", state_of(&seal)]);
    }
    Ok(heading)
}
