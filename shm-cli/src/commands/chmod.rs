//! `shm chmod`: the mode of one object.

use std::process::ExitCode;

use shm_runtime::Permissions;

use crate::failure::Outcome;
use crate::kinds::Kinds;
use crate::target::Target;
use crate::terminal::Terminal;

/// Change the mode of an object. Processes that are attached stay so.
#[derive(clap::Args)]
pub(crate) struct Chmod {
    /// In octal: 660, 0640.
    #[arg(value_parser = mode)]
    mode: u32,
    name: Target,
    #[command(flatten)]
    kinds: Kinds,
}

impl Chmod {
    pub(crate) fn run(self, _terminal: &mut Terminal) -> Outcome {
        let object = self.name.find(self.kinds)?;
        object.set_permissions(Permissions { mode: self.mode, ..object.record().permissions() })?;
        Ok(ExitCode::SUCCESS)
    }
}

fn mode(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let mode = u32::from_str_radix(digits, 8).ok().filter(|&mode| mode <= 0o777 && !digits.starts_with('+'));
    mode.ok_or_else(|| format!("{text:?} is not a mode, which is octal, from 0 to 777"))
}
