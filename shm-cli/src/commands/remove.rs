//! `shm remove`: what `ipcrm` does, and by name.

use std::process::ExitCode;

use shm_runtime::inspect::Segment;
use shm_runtime::{Key, Object, ObjectKind, Record};

use crate::failure::{Failure, Outcome};
use crate::kinds::Kinds;
use crate::sealed::Sealed;
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
    /// List the segments that are provably abandoned: sealed, made by a process that is gone, and attached by none.
    #[arg(long, conflicts_with_all = ["names", "shmem_id", "shmem_key", "queue_id", "queue_key", "semaphore_id", "semaphore_key"])]
    stale: bool,
    /// With --stale: remove them.
    #[arg(long, requires = "stale")]
    yes: bool,
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
        if self.stale {
            return stale(self.yes, terminal);
        }
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
            let by_key =
                keys.iter().map(move |&key| Ok(Object::from_key(kind, Key::fixed(key.cast_unsigned()))?));
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

/// Lists what is abandoned, or removes it. What this user may not attach is not known to be.
fn stale(remove: bool, terminal: &mut Terminal) -> Outcome {
    let mut status = ExitCode::SUCCESS;
    let mut found = 0;
    for object in Object::all(ObjectKind::Segment)? {
        let Some(sealed) = Sealed::of(&object) else { continue };
        let segment = match Segment::options().trust_anybody().open_id(object.id()) {
            Ok(segment) if segment.is_abandoned().unwrap_or(false) => segment,
            _ => continue,
        };
        let Record::Segment(stat) = object.record() else { continue };
        found += 1;
        let why = format!(
            "{}: {} of a process that is gone (pid {}), attached by none",
            describe(&object),
            sealed.type_name.as_deref().unwrap_or("a struct"),
            stat.creator_pid
        );
        match remove.then(|| segment.remove_abandoned()) {
            None => terminal.line(why)?,
            Some(Ok(true)) => terminal.line(format_args!("removed {why}"))?,
            Some(Ok(false)) => {
                terminal.line(format_args!("kept, because it is used again: {}", describe(&object)))?
            }
            Some(Err(error)) => status = Failure::from(error).report(ExitCode::FAILURE),
        }
    }
    match (found, remove) {
        (0, _) => terminal.line("nothing is provably abandoned")?,
        (_, false) => terminal
            .line("To remove them: shm remove --stale --yes. A program may want what it left there.")?,
        (_, true) => {}
    }
    Ok(status)
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
