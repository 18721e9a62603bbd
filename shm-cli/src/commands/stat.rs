//! `shm stat`: all that the kernel knows of one object.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use shm_runtime::{Object, Record};

use crate::failure::Outcome;
use crate::kinds::Kinds;
use crate::process::Programs;
use crate::target::Target;
use crate::terminal::Terminal;
use crate::user::{Users, group_name};

/// Show all that the kernel knows of an object.
#[derive(clap::Args)]
pub(crate) struct Stat {
    name: Target,
    #[command(flatten)]
    kinds: Kinds,
    /// For programs: numbers, and times in seconds since 1970.
    #[arg(long)]
    json: bool,
}

impl Stat {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        let object = self.name.find(self.kinds)?;
        let facts = facts(&object);
        if self.json {
            let values = facts.into_iter().map(|fact| (fact.name.replace(' ', "_"), fact.value));
            terminal.json(&values.collect::<serde_json::Map<_, _>>())?;
            return Ok(ExitCode::SUCCESS);
        }
        let width = facts.iter().map(|fact| fact.name.len()).max().unwrap_or(0);
        for Fact { name, text, .. } in &facts {
            terminal.line(format_args!("{name:width$}  {text}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// One thing known: for programs, and for people.
struct Fact {
    name: &'static str,
    value: serde_json::Value,
    text: String,
}

fn facts(object: &Object) -> Vec<Fact> {
    let (mut users, mut programs) = (Users::default(), Programs::default());
    let mut facts = Vec::new();
    let mut fact = |name, value: serde_json::Value, text: String| facts.push(Fact { name, value, text });
    let mut process = |pid: i32| match programs.name(pid) {
        Some(program) => format!("{pid} ({program})"),
        None => pid.to_string(),
    };
    let mut user = |uid: u32| format!("{} (uid {uid})", users.name(uid));
    let group = |gid: u32| format!("{} (gid {gid})", group_name(gid));
    let record = object.record();
    let permissions = record.permissions();
    let (creator_uid, creator_gid) = match record {
        Record::Segment(stat) => (stat.creator_uid, stat.creator_gid),
        Record::Semaphore(stat) => (stat.creator_uid, stat.creator_gid),
        Record::Queue(stat) => (stat.creator_uid, stat.creator_gid),
        _ => (record.creator_uid(), permissions.gid),
    };
    fact("kind", object.kind().noun().into(), object.kind().noun().to_owned());
    fact("id", object.id().into(), object.id().to_string());
    fact("key", record.key().into(), format!("{:#010x}", record.key()));
    fact("owner", permissions.uid.into(), user(permissions.uid));
    fact("group", permissions.gid.into(), group(permissions.gid));
    fact("mode", permissions.mode.into(), format!("{:04o}", permissions.mode));
    fact("creator", creator_uid.into(), user(creator_uid));
    fact("creator group", creator_gid.into(), group(creator_gid));
    let number = |number: u64| (number.into(), number.to_string());
    match record {
        Record::Segment(stat) => {
            fact("bytes", stat.size.into(), stat.size.to_string());
            fact("attached", stat.attached.into(), stat.attached.to_string());
            fact("creator pid", stat.creator_pid.into(), process(stat.creator_pid));
            fact("last pid", stat.last_pid.into(), process(stat.last_pid));
            for (name, is_so) in [("removed", stat.removed), ("locked", stat.locked)] {
                fact(name, is_so.into(), if is_so { "yes" } else { "no" }.to_owned());
            }
            for (name, at) in [
                ("attached at", stat.attached_at),
                ("detached at", stat.detached_at),
                ("changed at", stat.changed_at),
            ] {
                fact(name, seconds(at), ago(at));
            }
        }
        Record::Semaphore(stat) => {
            fact("semaphores", stat.semaphores.into(), stat.semaphores.to_string());
            for (name, at) in [("operated at", stat.operated_at), ("changed at", stat.changed_at)] {
                fact(name, seconds(at), ago(at));
            }
        }
        Record::Queue(stat) => {
            for (name, (value, text)) in [("bytes", number(stat.bytes)), ("messages", number(stat.messages))]
            {
                fact(name, value, text);
            }
            let limit = stat.limit.map_or_else(|| "not known".to_owned(), |limit| limit.to_string());
            fact("limit", stat.limit.into(), limit);
            fact("last sender pid", stat.last_sender_pid.into(), process(stat.last_sender_pid));
            fact("last receiver pid", stat.last_receiver_pid.into(), process(stat.last_receiver_pid));
            for (name, at) in [
                ("sent at", stat.sent_at),
                ("received at", stat.received_at),
                ("changed at", stat.changed_at),
            ] {
                fact(name, seconds(at), ago(at));
            }
        }
        _ => {}
    }
    facts
}

fn seconds(at: Option<SystemTime>) -> serde_json::Value {
    at.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(|since| since.as_secs()).into()
}

/// A time in words.
fn ago(at: Option<SystemTime>) -> String {
    let Some(at) = at else { return "never".to_owned() };
    match SystemTime::now().duration_since(at) {
        Ok(age) => {
            let seconds = age.as_secs();
            let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
            match (days, hours, minutes) {
                (0, 0, 0) => format!("{seconds} s ago"),
                (0, 0, _) => format!("{minutes} min {} s ago", seconds % 60),
                (0, ..) => format!("{hours} h {minutes} min ago"),
                _ => format!("{days} d {hours} h ago"),
            }
        }
        Err(_) => "in the future, by this clock".to_owned(),
    }
}
