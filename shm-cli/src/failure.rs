//! What a command failed of, and the exit statuses.

use std::io;
use std::process::ExitCode;

use shm_runtime::{ErrorKind, Permissions};

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

/// In the tool's words: what the runtime advises is for those who write a program.
impl From<shm_runtime::Error> for Failure {
    fn from(error: shm_runtime::Error) -> Self {
        let Some(why) = why(&error) else { return Self::Message(error.to_string()) };
        let object = error.object();
        let key = error.key().and_then(|key| key.value().ok()).map(|key| format!("key {key:#010x}"));
        let id = error.id().map(|id| format!("{} {id}", object.id_name()));
        let names: Vec<_> = [key, id].into_iter().flatten().collect();
        let (operation, noun, names) = (error.operation(), object.noun(), names.join(", "));
        Self::Message(format!("cannot {operation} {noun} ({names}): {why}"))
    }
}

/// Why, and the way out with this tool; `None` if the runtime's words do here, too.
fn why(error: &shm_runtime::Error) -> Option<String> {
    let flag = error.object().flag();
    let name = match (error.id(), error.key().and_then(|key| key.value().ok())) {
        (Some(id), _) => format!("id:{id}"),
        (None, Some(key)) => format!("{key:#010x}"),
        (None, None) => "NAME".to_owned(),
    };
    Some(match error.kind() {
        ErrorKind::NotFound => {
            format!("there is none in this IPC namespace. `shm list -{flag}` shows what there is")
        }
        ErrorKind::Removed => {
            format!("it was removed meanwhile, or never was. `shm list -{flag}` shows what there is")
        }
        ErrorKind::Permission { existing, uid, gid, .. } => {
            let whose = existing.as_ref().map(|existing| {
                let Permissions { uid, gid, mode } = existing.permissions();
                format!(": it belongs to uid {uid}, gid {gid}, and its mode is {mode:04o}")
            });
            let whose = whose.unwrap_or_default();
            format!(
                "permission denied to uid {uid}, gid {gid}{whose}. Its owner or root can let this user in, with \
                 `shm chmod -{flag} 660 {name}` or `shm chown -{flag} USER:GROUP {name}`"
            )
        }
        ErrorKind::HugePages => {
            "it is made of huge pages, and any process that may write to it can take them away, \
             which would kill this one by SIGBUS. `shm stat` shows what the kernel knows of it"
                .to_owned()
        }
        ErrorKind::NotSealed { found, .. } => format!(
            "it ({found} bytes) has no seal, so it does not say what is in it: a program that does not seal created it, as \
             in C, or one that has not got further"
        ),
        ErrorKind::BadSeal { reason, .. } => format!(
            "{reason}, or another process overwrote it. If no process needs it any more, `shm remove -{flag} {}` removes \
             it",
            name.trim_start_matches("id:")
        ),
        _ => return None,
    })
}
