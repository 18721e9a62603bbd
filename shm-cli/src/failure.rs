//! What a command failed of, and the exit statuses.

use std::io;
use std::process::ExitCode;

use crate::terminal::{Lines, complain};

/// What a command comes to: its exit status, or why it could not do what it was told.
pub(crate) type Outcome = Result<ExitCode, Failure>;

/// Why a command failed: said on stderr, after `shm: `.
#[derive(Debug)]
pub(crate) enum Failure {
    /// In words, with the way out.
    Message(String),
    /// The output cannot be written.
    Output(io::Error),
}

/// As a shell has it for a process that was killed by SIGPIPE (13), which is how other programs end when nobody reads on.
const BROKEN_PIPE: u8 = 128 + 13;

impl Failure {
    /// A failure in words.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Message(message.into())
    }

    /// Says it, and ends with this status: nothing is said of a pipe that nobody reads.
    pub(crate) fn report(&self, status: ExitCode) -> ExitCode {
        match self {
            Self::Message(message) => complain(Lines(message)),
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return ExitCode::from(BROKEN_PIPE);
            }
            Self::Output(error) => complain(format_args!("cannot write the output: {error}")),
        }
        status
    }
}

/// Of writing to the [`Terminal`](crate::terminal::Terminal) only: other errors need words of what was tried.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<shm_runtime::Error> for Failure {
    fn from(error: shm_runtime::Error) -> Self {
        Self::Message(error.to_string())
    }
}
