//! `shm completions`: made of the command line's description.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use crate::failure::Outcome;
use crate::terminal::Terminal;

/// Print what a shell needs to complete the command line.
///
/// For bash: `shm completions bash > /usr/share/bash-completion/completions/shm`.
#[derive(clap::Args)]
pub(crate) struct Completions {
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        let mut script = Vec::new();
        generate(self.shell, &mut crate::Shm::command(), "shm", &mut script);
        terminal.raw(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}
