//! The commands, each in a file of its own: its arguments, and a `run`.

mod chmod;
mod chown;
mod completions;
mod doctor;
mod export;
mod key;
mod list;
mod man;
mod remove;
mod restore;
mod save;
mod set;
mod show;
mod stat;
mod who;

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
commands! {
    list::List,
    stat::Stat,
    show::Show,
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
    completions::Completions,
    man::Man,
}
