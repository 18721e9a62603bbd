//! `shm key`: what ftok(3) and `Key::name` make of a file or a name.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use shm_runtime::Key as Derived;

use crate::failure::{Failure, Outcome};
use crate::terminal::{Terminal, complain};

/// Show the key that a file and a project, or a name, gives, in hexadecimal and as a signed number.
#[derive(clap::Args)]
pub(crate) struct Key {
    /// An existing file, for ftok(3).
    #[arg(required_unless_present = "name", requires = "project")]
    path: Option<PathBuf>,
    /// The project: a character, or a number of several digits or after `0x`.
    project: Option<String>,
    /// The name of `#[shm(name = "..")]` instead.
    #[arg(long, conflicts_with_all = ["path", "project"])]
    name: Option<String>,
    /// For programs.
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Shown {
    key: String,
    number: i32,
    derivation: String,
}

impl Key {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        let (number, derivation) = match (self.name, self.path, self.project) {
            (Some(name), ..) => {
                let key = Derived::name(name);
                (key.value()?, key.to_string())
            }
            (None, Some(path), Some(project)) => {
                let project = project_of(&project)?;
                (ftok(&path, project)?, Derived::ftok(path, project).to_string())
            }
            // clap has seen to it.
            _ => return Err(Failure::new("a key comes from PATH and PROJECT, or from --name NAME")),
        };
        let shown = Shown { key: format!("{number:#010x}"), number, derivation };
        match self.json {
            true => terminal.json(&shown)?,
            false => terminal.line(format_args!("{}  {}  {}", shown.key, shown.number, shown.derivation))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// `W` as well as `87` and `0x57`. Of a number, ftok(3) uses the low eight bits.
fn project_of(text: &str) -> Result<u8, Failure> {
    let mut chars = text.chars();
    if let (Some(char), None) = (chars.next(), chars.next()) {
        let byte = u8::try_from(char).ok().filter(u8::is_ascii);
        return byte
            .ok_or_else(|| Failure::new(format!("the project {char:?} is not one byte: use its number")));
    }
    let number = match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => text.parse::<i64>(),
    };
    let number = number
        .map_err(|_| Failure::new(format!("the project {text:?} is neither a character nor a number")))?;
    let [project, ..] = number.to_le_bytes();
    if number != i64::from(project) {
        complain(format_args!(
            "warning: ftok uses the low eight bits of the project: {number} gives the same key as {project}"
        ));
    }
    Ok(project)
}

/// As ftok(3) makes it, of project 0 too, which [`Derived::ftok`] refuses.
fn ftok(path: &Path, project: u8) -> Result<i32, Failure> {
    if project != 0 {
        return Ok(Derived::ftok(path, project).value()?);
    }
    complain(
        "warning: with project 0, the key of an unlucky file is 0, which is IPC_PRIVATE, and each process gets an object \
         of its own: use 1 to 255",
    );
    // The project is the uppermost byte.
    Ok(Derived::ftok(path, 1).value()? & 0x00ff_ffff)
}
