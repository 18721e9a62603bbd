//! `shm man`: made of the command line's description.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_mangen::{Man as Page, generate_to};

use crate::failure::{Failure, Outcome};
use crate::terminal::Terminal;

/// Print the manual page, or write one for each command.
#[derive(clap::Args)]
pub(crate) struct Man {
    /// Where to write `shm.1`, `shm-list.1` and so on, instead of printing the first: /usr/local/share/man/man1, say.
    directory: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        let command = crate::Shm::command();
        match self.directory {
            Some(directory) => generate_to(command, &directory).map_err(|error| {
                Failure::new(format!("cannot write manual pages to {}: {error}", directory.display()))
            })?,
            None => {
                let mut page = Vec::new();
                Page::new(command).render(&mut page)?;
                terminal.raw(&page)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
