//! `shm`: see, change and manage System V shared memory, semaphores and message queues.
//!
//! On the public interface of `shm-runtime` only. Each command is a file of its own in `commands`.

#![forbid(unsafe_code)]

mod attachments;
mod commands;
mod failure;
mod hexdump;
mod json;
mod kinds;
mod leaves;
mod opened;
mod process;
mod readings;
mod render;
mod roles;
mod sealed;
mod signals;
mod source;
mod table;
mod target;
mod terminal;
mod user;
mod words;

use std::process::ExitCode;

use clap::Parser;

use crate::terminal::Terminal;

/// See, change and manage System V shared memory, semaphores and message queues.
#[derive(Parser)]
#[command(name = "shm", version, after_help = HELP, disable_help_subcommand = true)]
struct Shm {
    #[command(subcommand)]
    command: commands::Command,
}

/// What holds for every command.
const HELP: &str = "\
Where a command takes a NAME, it is a key (0x53480001, or key:1397227521), an id (id:12, or 12), the name that \
a key is made of (org.example.weather, or name:org.example.weather), or, of a sealed segment, the name of its struct (Station) if it is \
the only one.

Exit status: 0 if all was done, 1 if not, 2 if the command line makes no sense. That of `diff` is diff's.";

fn main() -> ExitCode {
    let Shm { command } = Shm::parse();
    let mut terminal = Terminal::new();
    let trouble = command.trouble();
    let done = command.run(&mut terminal);
    // What is still to be written can fail too.
    let flushed = terminal.flush().map_err(Into::into);
    match done.and_then(|status| flushed.map(|()| status)) {
        Ok(status) => status,
        Err(failure) => failure.report(trouble),
    }
}
