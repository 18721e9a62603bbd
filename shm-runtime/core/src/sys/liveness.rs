//! Whether a process that left its pid somewhere still lives. A pid alone can be reused; with the time at
//! which the process started it cannot.

use core::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::fs;

use crate::sys;

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
        // Read once, and again after a fork. Threads that race here write the same.
        static GENERATION: AtomicU64 = AtomicU64::new(0);
        static STARTED: AtomicU64 = AtomicU64::new(0);
        // Not by the pid: in a new pid namespace, a child can have that of its parent.
        let (generation, pid) = (sys::process::generation(), sys::process::id());
        if GENERATION.load(Acquire) != generation {
            let status = if proc_is_ours() { Status::of(pid) } else { None };
            STARTED.store(status.map_or(0, |status| status.started), Relaxed);
            GENERATION.store(generation, Release);
        }
        Self { pid, started: STARTED.load(Relaxed) }
    }

    /// Whether the process is certainly gone. `false` where that cannot be told: one in another pid namespace, say.
    pub(crate) fn is_dead(self) -> bool {
        if self.pid <= 0 {
            return false;
        }
        // Asked of kill(2), because /proc may hide the processes of others (hidepid).
        if !sys::process_exists(self.pid) {
            return true;
        }
        match Status::of(self.pid) {
            Some(status) if proc_is_ours() => {
                status.ended || (self.started != 0 && status.started != self.started)
            }
            _ => false,
        }
    }
}

/// Whether /proc numbers processes as getpid(2) does. In a new pid namespace it does not until it is mounted anew, and
/// then what it says of a pid is about somebody else.
fn proc_is_ours() -> bool {
    fs::read_link("/proc/self").is_ok_and(|link| link.to_str() == Some(&sys::process::id().to_string()))
}

/// What /proc/PID/stat says.
struct Status {
    started: u64,
    /// A zombie: killed or exited, and its parent has not asked how. (A zombie leader of living threads is not.)
    ended: bool,
}

impl Status {
    fn of(pid: i32) -> Option<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        // The second column, the name in parentheses, may contain anything, the half of a character too (the kernel
        // cuts it after 15 bytes): the rest is behind the last parenthesis.
        let stat = String::from_utf8_lossy(&stat);
        let mut columns = stat.get(stat.rfind(')')? + 1..)?.split_whitespace();
        let zombie = matches!(columns.next()?, "Z" | "X");
        // The 22nd column, 19 behind the state, which is the third.
        let started = columns.nth(18)?.parse().ok()?;
        let ended = zombie && fs::read_dir(format!("/proc/{pid}/task")).is_ok_and(|tasks| tasks.count() <= 1);
        Some(Self { started, ended })
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_dead_when_it_ended_and_not_before() {
        let this = Process::this();
        assert!(this.started > 0 && !this.is_dead());
        let mut cat = Command::new("cat").stdin(Stdio::piped()).spawn().expect("everybody has cat");
        let pid = i32::try_from(cat.id()).expect("a pid");
        let started = Status::of(pid).expect("it lives").started;
        assert!(!Process { pid, started }.is_dead());
        // A later process has the pid.
        assert!(Process { pid, started: started - 1 }.is_dead());
        assert!(!Process { pid, started: 0 }.is_dead(), "not known");
        drop(cat.stdin.take());
        cat.wait().expect("ours");
        assert!(Process { pid, started: 0 }.is_dead());
    }

    #[test]
    fn a_pid_that_is_none_is_not_called_dead() {
        for pid in [0, -1, i32::MIN] {
            assert!(!Process { pid, started: 1 }.is_dead());
        }
        // Above what the kernel gives out.
        assert!(Process { pid: i32::MAX, started: 0 }.is_dead());
    }
}
