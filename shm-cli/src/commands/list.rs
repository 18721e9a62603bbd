//! `shm list`: what there is.

use std::process::ExitCode;

use serde::Serialize;
use shm_runtime::{Object, Record};

use crate::failure::Outcome;
use crate::kinds::Kinds;
use crate::process::Programs;
use crate::sealed::Sealed;
use crate::table::{Column, Table};
use crate::terminal::Terminal;
use crate::user::{Users, uid_of};

/// List segments, message queues and semaphore sets.
///
/// What is said of a sealed segment stands in its memory: it is attached to be read, and then has been attached just now.
#[derive(clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    kinds: Kinds,
    /// Those that this user owns or created: a name or a number.
    #[arg(short, long)]
    user: Option<String>,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// An object as a program reads it. What its kind does not have is left out.
#[derive(Serialize)]
struct Listed {
    kind: &'static str,
    key: String,
    id: i32,
    owner: String,
    uid: u32,
    gid: u32,
    mode: String,
    /// Of a segment its size, of a queue what is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attached: Option<u64>,
    /// Marked to be removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    semaphores: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creator_pid: Option<i32>,
    /// The program that has that pid; `dead` if none has.
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<String>,
    /// Of a sealed segment: the struct's name,
    #[serde(rename = "struct", skip_serializing_if = "Option::is_none")]
    type_name: Option<String>,
    /// how its key was derived,
    #[serde(skip_serializing_if = "Option::is_none")]
    derivation: Option<String>,
    /// and how far it has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
}

impl List {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        let user = self.user.as_deref().map(uid_of).transpose()?;
        let (mut users, mut programs) = (Users::default(), Programs::default());
        let mut objects = Vec::new();
        for kind in self.kinds.asked() {
            objects.extend(Object::all(kind)?);
        }
        objects.retain(|object| user.is_none_or(|user| is_of(object.record(), user)));
        let listed = objects.iter().map(|object| Listed::new(object, &mut users, &mut programs));
        match self.json {
            true => terminal.json(&listed.collect::<Vec<_>>())?,
            false => table(listed).print(terminal)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn is_of(record: &Record, user: u32) -> bool {
    [record.permissions().uid, record.creator_uid()].contains(&user)
}

impl Listed {
    fn new(object: &Object, users: &mut Users, programs: &mut Programs) -> Self {
        let record = object.record();
        let permissions = record.permissions();
        let listed = Self {
            kind: match record {
                Record::Segment(_) => "segment",
                Record::Semaphore(_) => "semaphores",
                _ => "queue",
            },
            key: format!("{:#010x}", record.key()),
            id: object.id(),
            owner: users.name(permissions.uid).to_owned(),
            uid: permissions.uid,
            gid: permissions.gid,
            mode: format!("{:04o}", permissions.mode),
            bytes: None,
            attached: None,
            removed: None,
            messages: None,
            semaphores: None,
            creator_pid: None,
            creator: None,
            type_name: None,
            derivation: None,
            state: None,
        };
        match record {
            Record::Segment(stat) => {
                let sealed = Sealed::of(object);
                let creator = match &sealed {
                    Some(sealed) if programs.is_dead(sealed.creator) => Some("dead"),
                    _ => programs.name(stat.creator_pid),
                };
                let state = sealed.as_ref().map(|sealed| sealed.state);
                let (type_name, derivation) =
                    sealed.map_or((None, None), |sealed| (sealed.type_name, sealed.derivation));
                Self {
                    bytes: u64::try_from(stat.size).ok(),
                    attached: Some(stat.attached),
                    removed: Some(stat.removed),
                    creator_pid: Some(stat.creator_pid),
                    creator: creator.map(str::to_owned),
                    type_name,
                    derivation,
                    state,
                    ..listed
                }
            }
            Record::Semaphore(stat) => Self { semaphores: Some(stat.semaphores), ..listed },
            Record::Queue(stat) => Self { bytes: Some(stat.bytes), messages: Some(stat.messages), ..listed },
            _ => listed,
        }
    }

    /// What is said in words.
    fn details(&self) -> String {
        let mut details = Vec::new();
        if let Some(state) = self.state {
            details.extend(self.type_name.iter().chain(&self.derivation).cloned());
            details.push(state.to_owned());
        }
        if let Some(messages) = self.messages {
            details.push(format!("{messages} messages"));
        }
        if let Some(semaphores) = self.semaphores {
            details.push(format!("{semaphores} semaphores"));
        }
        if self.removed == Some(true) {
            details.push("removed, goes with the last detach".to_owned());
        }
        details.join(", ")
    }
}

fn table(listed: impl Iterator<Item = Listed>) -> Table {
    let mut table = Table::new(&[
        Column::Left("KIND"),
        Column::Left("KEY"),
        Column::Right("ID"),
        Column::Left("OWNER"),
        Column::Left("MODE"),
        Column::Right("BYTES"),
        Column::Right("ATTACHED"),
        Column::Left("CREATOR"),
        Column::Left(""),
    ]);
    for listed in listed {
        let details = listed.details();
        let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
        let creator = listed.creator.unwrap_or_default();
        let (bytes, attached) = (number(listed.bytes), number(listed.attached));
        let (kind, id) = (listed.kind.to_owned(), listed.id.to_string());
        table.row([kind, listed.key, id, listed.owner, listed.mode, bytes, attached, creator, details]);
    }
    table
}
