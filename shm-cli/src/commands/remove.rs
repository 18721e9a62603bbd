//! `shm remove`: what `ipcrm` does, and by name.

use std::process::ExitCode;

use shm_runtime::{Key, Object, ObjectKind, Record};

use crate::failure::{Failure, Outcome};
use crate::kinds::Kinds;
use crate::target::{Target, describe, parse_key};
use crate::terminal::{Terminal, complain};

/// Remove segments, message queues and semaphore sets.
///
/// A segment goes when the last process has detached: until then those attached go on using it. If one cannot be removed, the
/// others are, and the exit status is 1.
#[derive(clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Remove {
    /// Objects of any kind.
    names: Vec<Target>,
    /// Segments by id.
    #[arg(short = 'm', long, value_name = "ID")]
    shmem_id: Vec<i32>,
    /// Segments by key.
    #[arg(short = 'M', long, value_name = "KEY", value_parser = parse_key, allow_hyphen_values = true)]
    shmem_key: Vec<i32>,
    /// Message queues by id.
    #[arg(short = 'q', long, value_name = "ID")]
    queue_id: Vec<i32>,
    /// Message queues by key.
    #[arg(short = 'Q', long, value_name = "KEY", value_parser = parse_key, allow_hyphen_values = true)]
    queue_key: Vec<i32>,
    /// Semaphore sets by id.
    #[arg(short = 's', long, value_name = "ID")]
    semaphore_id: Vec<i32>,
    /// Semaphore sets by key.
    #[arg(short = 'S', long, value_name = "KEY", value_parser = parse_key, allow_hyphen_values = true)]
    semaphore_key: Vec<i32>,
}

impl Remove {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        let mut status = ExitCode::SUCCESS;
        // Looked up one by one, when it is its turn: the same object may be named twice.
        let names = self.names.iter().map(|name| name.find(Kinds::default()));
        let named = [
            (ObjectKind::Segment, &self.shmem_id, &self.shmem_key),
            (ObjectKind::Queue, &self.queue_id, &self.queue_key),
            (ObjectKind::Semaphore, &self.semaphore_id, &self.semaphore_key),
        ];
        let numbered = named.iter().flat_map(|&(kind, ids, keys)| {
            let by_id = ids.iter().map(move |&id| Ok(Object::from_id(kind, id)?));
            let by_key = keys.iter().map(move |&key| Ok(Object::from_key(kind, Key::fixed(key))?));
            by_id.chain(by_key)
        });
        for found in names.chain(numbered) {
            match found.and_then(|object| remove(&object)) {
                Ok(said) => terminal.line(said)?,
                Err(Failure::Message(message)) => {
                    complain(message);
                    status = ExitCode::FAILURE;
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(status)
    }
}

/// Removes it, and says what was.
fn remove(object: &Object) -> Result<String, Failure> {
    object.remove()?;
    let said = describe(object);
    Ok(match object.record() {
        Record::Segment(stat) if stat.attached > 0 => {
            format!("removed {said}: {} attached, it goes with the last detach", stat.attached)
        }
        _ => format!("removed {said}"),
    })
}
