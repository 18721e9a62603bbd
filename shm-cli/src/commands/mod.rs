//! The commands, each in a file of its own: its arguments, and a `run`.

mod chmod;
mod chown;
mod completions;
mod diff;
mod doctor;
mod export;
mod header;
mod key;
mod layout;
mod list;
mod man;
mod plot;
mod record;
mod remove;
mod restore;
mod save;
mod set;
mod show;
mod stat;
mod watch;
mod who;

use std::process::ExitCode;

use crate::failure::Outcome;
use crate::terminal::Terminal;

/// Where a command is registered, beside its `mod`: in the order in which `shm --help` lists them.
macro_rules! commands {
    ($($module:ident :: $Command:ident),* $(,)?) => {
        #[derive(clap::Subcommand)]
        pub(crate) enum Command {
            $($Command($module::$Command),)*
        }

        impl Command {
            pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
                match self {
                    $(Self::$Command(command) => command.run(terminal),)*
                }
            }
        }
    };
}

impl Command {
    /// The exit status of a failure.
    pub(crate) fn trouble(&self) -> ExitCode {
        match self {
            Self::Diff(_) => diff::TROUBLE.into(),
            _ => ExitCode::FAILURE,
        }
    }
}

commands! {
    list::List,
    stat::Stat,
    show::Show,
    watch::Watch,
    record::Record,
    plot::Plot,
    set::Set,
    save::Save,
    restore::Restore,
    export::Export,
    who::Who,
    doctor::Doctor,
    remove::Remove,
    chmod::Chmod,
    chown::Chown,
    key::Key,
    layout::Layout,
    diff::Diff,
    header::Header,
    completions::Completions,
    man::Man,
}
