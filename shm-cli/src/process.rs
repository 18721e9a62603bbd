//! Processes in words.

use std::collections::HashMap;
use std::fs;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use shm_runtime::inspect::Process;

/// What is said of a pid of the kernel's: which program has it.
pub(crate) enum Program {
    /// The pid is that of a process, of this name.
    Lives(String),
    /// No process has the pid.
    Dead,
    /// It cannot be told: of another pid namespace, or hidden.
    Unknown,
}

/// The programs and processes that were asked for, each of which is looked up once.
#[derive(Default)]
pub(crate) struct Programs {
    names: HashMap<i32, Option<String>>,
    dead: HashMap<Process, bool>,
}

impl Programs {
    /// The program's name, `dead`, or nothing if it cannot be told.
    pub(crate) fn name(&mut self, pid: i32) -> Option<&str> {
        let named = || match Program::of(pid) {
            Program::Lives(name) => Some(name),
            Program::Dead => Some("dead".to_owned()),
            Program::Unknown => None,
        };
        self.names.entry(pid).or_insert_with(named).as_deref()
    }

    /// Whether the process certainly is gone, even if another one has its pid.
    pub(crate) fn is_dead(&mut self, process: Process) -> bool {
        *self.dead.entry(process).or_insert_with(|| process.alive() == Some(false))
    }
}

impl Program {
    pub(crate) fn of(pid: i32) -> Self {
        // The kernel says 0 for processes that are not in this pid namespace.
        if pid <= 0 {
            return Self::Unknown;
        }
        match fs::read(format!("/proc/{pid}/comm")) {
            Ok(name) => Self::Lives(String::from_utf8_lossy(&name).trim_end_matches('\n').to_owned()),
            // /proc can be missing, or hide the processes of others.
            Err(_) if kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH) => Self::Dead,
            Err(_) => Self::Unknown,
        }
    }
}
