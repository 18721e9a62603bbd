//! Whether a process that left its pid somewhere still lives. A pid alone can be reused; with the time at which the
//! process started, it cannot.

use std::fs;

use crate::sys::futex;

/// A process, told from a later one with the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    /// In clock ticks since boot; 0 if it is not known.
    pub(crate) started: u64,
}

impl Process {
    /// This process.
    pub(crate) fn this() -> Self {
        let pid = std::process::id().cast_signed();
        Self {
            pid,
            started: Status::of(pid).map_or(0, |status| status.started),
        }
    }

    /// Whether the process is certainly gone; `false` where that cannot be told.
    pub(crate) fn is_dead(self) -> bool {
        match Status::of(self.pid) {
            Some(status) => status.ended || (self.started != 0 && status.started != self.started),
            // /proc may hide the processes of others (hidepid).
            None => self.pid > 0 && !futex::process_exists(self.pid),
        }
    }
}

/// What /proc/PID/stat says.
struct Status {
    started: u64,
    /// Killed or exited, while its parent has not asked how. (A leader that ended before its threads is not.)
    ended: bool,
}

impl Status {
    fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the name, which may contain anything: what follows is behind the last parenthesis.
        let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().collect();
        // The state is the third field, the number of threads the 20th, the start time the 22nd.
        let (state, threads, started) = (fields.first()?, fields.get(17)?, fields.get(19)?);
        Some(Self {
            started: started.parse().ok()?,
            ended: matches!(*state, "Z" | "X") && matches!(*threads, "0" | "1"),
        })
    }
}
