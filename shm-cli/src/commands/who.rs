//! `shm who`: which processes use an object.

use std::process::ExitCode;

use serde::Serialize;
use shm_runtime::inspect::{Holder, Segment};
use shm_runtime::{Object, Record};

use crate::attachments::{Attacher, Attachments};
use crate::failure::{Failure, Outcome};
use crate::kinds::Kinds;
use crate::process::Programs;
use crate::roles::Roles;
use crate::table::{Column, Table};
use crate::target::{Target, describe};
use crate::terminal::{Printable, Terminal};
use crate::user::Users;

/// Show which processes use an object.
///
/// Of a segment, those that have it attached, as far as this user may look at them, with the locks that they hold in it and those
/// that they write. To see that, it is attached for a moment; what its locks say, any
/// process that may write to it can have written. Of a queue or a semaphore set, which processes use through calls
/// only, those that the kernel notes down: the last ones.
#[derive(clap::Args)]
pub(crate) struct Who {
    name: Target,
    #[command(flatten)]
    kinds: Kinds,
    /// For programs.
    #[arg(long)]
    json: bool,
}

impl Who {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        let object = self.name.find(self.kinds)?;
        match (object.record(), self.json) {
            (Record::Segment(_), true) => terminal.json(&OfSegment::new(&object)?)?,
            (Record::Segment(_), false) => OfSegment::new(&object)?.print(&object, terminal)?,
            (_, true) => terminal.json(&OfCalls::new(&object)?)?,
            (_, false) => OfCalls::new(&object)?.print(&object, terminal)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The processes that have a segment attached.
#[derive(Serialize)]
struct OfSegment {
    kind: &'static str,
    id: i32,
    key: String,
    /// As many as the kernel counts,
    attachments: u64,
    /// and as many as were found.
    seen: u64,
    /// How many processes this user may not look at.
    hidden_processes: usize,
    processes: Vec<Shown>,
    /// Those whom the locks name, and who were not found to have it attached.
    others: Vec<Other>,
    /// Whether the segment has more locks than were looked at.
    partial: bool,
}

#[derive(Serialize)]
struct Shown {
    pid: u32,
    program: String,
    uid: Option<u32>,
    user: Option<String>,
    access: &'static str,
    attachments: u64,
    /// Whether it created the segment, by its seal.
    created: bool,
    /// The mutexes that its threads hold.
    holds: Vec<String>,
    /// The sequence locks and rings that it writes, and the ends of queues that it has.
    writes: Vec<String>,
}

#[derive(Serialize)]
struct Other {
    path: String,
    role: Role,
    /// The thread, of a mutex.
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    /// `None` if it cannot be told.
    alive: Option<bool>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    Holds,
    Writes,
}

impl OfSegment {
    fn new(object: &Object) -> Result<Self, Failure> {
        // Where that is not permitted, the processes that have it attached are shown all the same.
        let segment = Segment::options().trust_anybody().open_object(object).ok();
        let attached = segment.and_then(|segment| segment.attach_read_only().ok());
        let now = Object::from_id(object.kind(), object.id())?;
        let attachments = match now.record() {
            Record::Segment(stat) => stat.attached.saturating_sub(attached.is_some().into()),
            _ => 0,
        };
        let found = Attachments::of(&now, attached.as_ref())?;
        let roles = attached.as_ref().map(Roles::of).unwrap_or_default();
        let creator = attached.as_ref().and_then(|attached| attached.seal()).map(|seal| seal.creator);

        let mut users = Users::default();
        let mut processes: Vec<_> =
            found.processes.into_iter().map(|process| Shown::new(process, &mut users)).collect();
        let mut others = Vec::new();
        let mut give = |pid: Option<u32>, alive, role, path: String, tid| {
            let by_pid = |process: &&mut Shown| alive == Some(true) && Some(process.pid) == pid;
            match processes.iter_mut().filter(|_| pids_are_ours()).find(by_pid) {
                Some(Shown { holds, .. }) if matches!(role, Role::Holds) => holds.push(path),
                Some(Shown { writes, .. }) => writes.push(path),
                None => others.push(Other { path, role, tid, pid, alive }),
            }
        };
        for (path, Holder { tid, pid, alive, .. }) in roles.locks {
            give(pid, alive, Role::Holds, path, Some(tid));
        }
        for (path, writer) in roles.writers {
            give(u32::try_from(writer.pid).ok(), writer.alive(), Role::Writes, path, None);
        }
        if let Some(creator) = creator.filter(|creator| creator.alive() == Some(true) && pids_are_ours()) {
            let is_creator = |process: &Shown| u32::try_from(creator.pid) == Ok(process.pid);
            processes.iter_mut().for_each(|process| process.created = is_creator(process));
        }
        Ok(Self {
            kind: "segment",
            id: now.id(),
            key: format!("{:#010x}", now.record().key()),
            attachments,
            seen: processes.iter().map(|process| process.attachments).sum(),
            hidden_processes: found.hidden,
            processes,
            others,
            partial: roles.is_partial,
        })
    }

    fn print(&self, object: &Object, terminal: &mut Terminal) -> Result<(), Failure> {
        terminal.line(describe(object))?;
        if !self.processes.is_empty() {
            let mut table = Table::new(&[
                Column::Right("PID"),
                Column::Left("PROGRAM"),
                Column::Left("USER"),
                Column::Left("ACCESS"),
                Column::Right("ATTACHED"),
                Column::Left(""),
            ]);
            for process in &self.processes {
                let Shown { pid, program, user, access, attachments, .. } = process;
                let user = user.clone().unwrap_or_default();
                let (pid, attachments) = (pid.to_string(), attachments.to_string());
                let roles = process.roles();
                table.row([pid, program.clone(), user, (*access).to_owned(), attachments, roles]);
            }
            table.print(terminal)?;
        }
        terminal.line(format_args!(
            "{} of {} attachments seen{}",
            self.seen,
            self.attachments,
            self.unseen()
        ))?;
        for other in &self.others {
            terminal.line(Printable(other.text()))?;
        }
        if self.partial {
            terminal.line("it has more locks than were looked at")?;
        }
        Ok(())
    }

    /// Why there can be others.
    fn unseen(&self) -> String {
        match self.hidden_processes {
            _ if self.seen > self.attachments => {
                ": some processes share their memory, or have attached or detached meanwhile".to_owned()
            }
            0 if self.seen < self.attachments => {
                ": the others are of processes that this /proc does not show, as in other pid namespaces or with \
                 hidepid, or that have changed their IPC namespace"
                    .to_owned()
            }
            0 => String::new(),
            hidden => {
                let processes = if hidden == 1 { "process" } else { "processes" };
                format!("; {hidden} {processes} could not be looked at, which takes their user, or root with CAP_SYS_PTRACE")
            }
        }
    }
}

impl Shown {
    fn new(process: Attacher, users: &mut Users) -> Self {
        let Attacher { pid, program, uid, writes, count } = process;
        Self {
            pid,
            program,
            uid,
            user: uid.map(|uid| users.name(uid).to_owned()),
            access: if writes { "rw" } else { "r" },
            attachments: count,
            created: false,
            holds: Vec::new(),
            writes: Vec::new(),
        }
    }

    /// In words.
    fn roles(&self) -> String {
        let created = self.created.then(|| "created it".to_owned());
        let holds = self.holds.iter().map(|path| format!("holds {path}"));
        let writes = self.writes.iter().map(|path| format!("writes {path}"));
        created.into_iter().chain(holds).chain(writes).collect::<Vec<_>>().join(", ")
    }
}

impl Other {
    fn text(&self) -> String {
        let Self { path, role, tid, pid, alive } = self;
        let process = match (tid, pid) {
            (Some(tid), Some(pid)) => format!("thread {tid} of process {pid}"),
            (Some(tid), None) => format!("thread {tid}"),
            (None, Some(pid)) => format!("process {pid}"),
            (None, None) => "a process".to_owned(),
        };
        let verb = match role {
            Role::Holds => "is held by",
            Role::Writes => "has the writer",
        };
        let life = match alive {
            Some(true) => "which lives, and was not seen to have the segment attached",
            Some(false) => "which is dead: the next one that takes it is told so",
            None => "of which cannot be told from here whether it lives",
        };
        format!("{path} {verb} {process}, {life}")
    }
}

/// Whether /proc has the pids of this process's namespace, which those in a segment are compared with.
fn pids_are_ours() -> bool {
    let own = std::process::id().to_string();
    std::fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == own.as_str())
}

/// The processes that the kernel notes down of a queue or a semaphore set.
#[derive(Serialize)]
struct OfCalls {
    kind: &'static str,
    id: i32,
    key: String,
    #[serde(flatten)]
    last: Last,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Last {
    Queue { sender: Option<Caller>, receiver: Option<Caller> },
    Semaphores { semaphores: Vec<Semaphore> },
}

#[derive(Serialize)]
struct Caller {
    pid: i32,
    /// The program that has the pid now; `dead` if none has.
    program: Option<String>,
}

#[derive(Serialize)]
struct Semaphore {
    index: usize,
    value: u16,
    waiting: u32,
    waiting_for_zero: u32,
    last: Option<Caller>,
}

impl OfCalls {
    fn new(object: &Object) -> Result<Self, Failure> {
        let mut programs = Programs::default();
        // 0: none yet, or one of another pid namespace.
        let mut caller = |pid: i32| {
            let program = programs.name(pid).map(str::to_owned);
            (pid > 0).then_some(Caller { pid, program })
        };
        let last = match object.record() {
            Record::Queue(stat) => {
                Last::Queue { sender: caller(stat.last_sender_pid), receiver: caller(stat.last_receiver_pid) }
            }
            _ => {
                let semaphores =
                    object.semaphores()?.into_iter().enumerate().map(|(index, state)| Semaphore {
                        index,
                        value: state.value,
                        waiting: state.waiting,
                        waiting_for_zero: state.waiting_for_zero,
                        last: caller(state.last_pid),
                    });
                Last::Semaphores { semaphores: semaphores.collect() }
            }
        };
        let kind = if let Last::Queue { .. } = last { "queue" } else { "semaphores" };
        Ok(Self { kind, id: object.id(), key: format!("{:#010x}", object.record().key()), last })
    }

    fn print(&self, object: &Object, terminal: &mut Terminal) -> Result<(), Failure> {
        terminal.line(describe(object))?;
        match &self.last {
            Last::Queue { sender, receiver } => {
                for (role, caller) in [("last sender", sender), ("last receiver", receiver)] {
                    terminal.line(format_args!("{role:13}  {}", Printable(text(caller.as_ref()))))?;
                }
            }
            Last::Semaphores { semaphores } => {
                let mut table = Table::new(&[
                    Column::Right("SEMAPHORE"),
                    Column::Right("VALUE"),
                    Column::Right("WAIT FOR MORE"),
                    Column::Right("WAIT FOR 0"),
                    Column::Left("LAST PROCESS"),
                ]);
                for Semaphore { index, value, waiting, waiting_for_zero, last } in semaphores {
                    let numbers = [
                        u64::try_from(*index).unwrap_or(u64::MAX),
                        (*value).into(),
                        (*waiting).into(),
                        (*waiting_for_zero).into(),
                    ];
                    table.row(
                        numbers.map(|number| number.to_string()).into_iter().chain([text(last.as_ref())]),
                    );
                }
                table.print(terminal)?;
            }
        }
        Ok(())
    }
}

/// In words.
fn text(caller: Option<&Caller>) -> String {
    match caller {
        Some(Caller { pid, program: Some(program) }) => format!("{pid} ({program})"),
        Some(Caller { pid, program: None }) => pid.to_string(),
        None => "none, or of another pid namespace".to_owned(),
    }
}
