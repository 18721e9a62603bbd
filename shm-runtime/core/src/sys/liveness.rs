//! Which process it was that left its name somewhere, and whether it lives.
//!
//! A pid does not name a process: it is used again, and it means another one in another pid namespace. Linux 6.9 and later
//! give each process a number of its own, the inode of its pidfd. Before, the time at which it started tells it from
//! others with its pid; which a process in another time namespace sees shifted.
//!
//! What cannot be known is never taken for a death.

use core::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::fs;
use std::io::ErrorKind::NotFound;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime};

use crate::sys;
use crate::sys::pidfd::Pidfd;

/// A process, told from every other one: with its pid before or after it, or in another pid namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    /// Its pid in `namespace`. 0 or less if it is not known.
    pub(crate) pid: i32,
    /// The inode of the pid namespace; 0 if it is not known.
    pub(crate) namespace: u32,
    /// The low [`MARK_BITS`] of the inode of its pidfd; 0 if it is not known.
    pub(crate) inode: u64,
    /// When it started, in clock ticks since boot in the system's first time namespace; 0 if it is not known.
    pub(crate) started: u64,
}

/// As many bits have room for all processes of a century at a thousand a second, and for a start time a thousand years
/// after boot.
pub(crate) const MARK_BITS: u32 = 42;
const MARK: u64 = (1 << MARK_BITS) - 1;
/// In the number with a namespace, above it: the other one is an inode.
const BY_INODE: u64 = 1 << 32;

impl Process {
    /// No process that could be told from another.
    pub(crate) const UNKNOWN: Self = Self { pid: 0, namespace: 0, inode: 0, started: 0 };

    /// This process.
    pub(crate) fn this() -> Self {
        // Looked at once, and again after a fork. Threads that race here write the same.
        static GENERATION: AtomicU64 = AtomicU64::new(0);
        static NAMESPACE: AtomicU32 = AtomicU32::new(0);
        static INODE: AtomicU64 = AtomicU64::new(0);
        static STARTED: AtomicU64 = AtomicU64::new(0);
        // Not by the pid: in a new pid namespace, a child can have that of its parent.
        let (generation, pid) = (sys::process::generation(), sys::process::id());
        if GENERATION.load(Acquire) != generation {
            let pidfd = Pidfd::open(pid).ok();
            NAMESPACE.store(pid_namespace(pidfd.as_ref()), Relaxed);
            INODE.store(pidfd.map_or(0, |pidfd| mark(&pidfd)), Relaxed);
            // By this name it is this process, whichever pid namespace /proc is of.
            STARTED.store(Status::of("self").map_or(0, |status| status.started()), Relaxed);
            GENERATION.store(generation, Release);
        }
        let (namespace, inode, started) =
            (NAMESPACE.load(Relaxed), INODE.load(Relaxed), STARTED.load(Relaxed));
        Self { pid, namespace, inode, started }
    }

    /// The process with this pid here, of which nothing else is known.
    pub(crate) fn seen_here(pid: i32) -> Self {
        Self { pid, namespace: Self::this().namespace, ..Self::UNKNOWN }
    }

    /// What tells it from others with its pid, in two numbers of [`MARK_BITS`]: the inode or, if that is not known, the start;
    /// and the namespace, and which of the two it is.
    pub(crate) fn marks(self) -> [u64; 2] {
        let namespace = u64::from(self.namespace);
        match self.inode {
            0 => [self.started & MARK, namespace],
            inode => [inode & MARK, namespace | BY_INODE],
        }
    }

    /// The process with this pid and [`marks`](Self::marks).
    pub(crate) fn from_marks(pid: i32, [mark, place]: [u64; 2]) -> Self {
        let by_inode = place & BY_INODE != 0;
        let (inode, started) = if by_inode { (mark, 0) } else { (0, mark) };
        // Other bits than these are no namespace's.
        Self { pid, namespace: u32::try_from(place & !BY_INODE).unwrap_or(0), inode, started }
    }

    /// Whether its pid is one of another pid namespace. `false` also where that cannot be told.
    pub(crate) fn is_elsewhere(self) -> bool {
        let here = Self::this().namespace;
        self.namespace != 0 && here != 0 && self.namespace != here
    }

    /// Whether the process is certainly gone. `false` where that cannot be told: of one in another pid namespace, or where
    /// this process does not know which one it is in.
    pub(crate) fn is_dead(self) -> bool {
        self.is_alive() == Some(false)
    }

    /// Whether the process lives; `None` where that cannot be told.
    pub(crate) fn is_alive(self) -> Option<bool> {
        if !self.is_here() {
            return None;
        }
        // Of itself, a process need not ask.
        let this = Self::this();
        if self.pid == this.pid {
            return self.is_same_as(this.inode, this.started);
        }
        // Asked of the kernel, because /proc may hide the processes of others (hidepid), or be missing.
        if !sys::process_exists(self.pid) {
            return Some(false);
        }
        if let Ok(pidfd) = Pidfd::open(self.pid) {
            let inode = mark(&pidfd);
            if pidfd.has_ended() {
                return Some(false);
            }
            if self.inode != 0 && inode != 0 {
                return self.is_same_as(inode, 0);
            }
        }
        let status = Status::of_pid(self.pid)?;
        if status.ended { Some(false) } else { self.is_same_as(0, status.started()) }
    }

    /// Whether this is the process that has its pid now, with this inode and start; `None` if neither tells.
    fn is_same_as(self, inode: u64, started: u64) -> Option<bool> {
        if self.inode != 0 && inode != 0 {
            return Some(self.inode == inode);
        }
        // Seen in another time namespace, it can be rounded to the tick before.
        (self.started != 0 && started != 0).then(|| self.started.abs_diff(started) <= 1)
    }

    /// When the process started, by the system's clock as it is set now. `None` if that is not known: of a process that is
    /// known by its inode it is, while the process lives.
    pub(crate) fn started_at(self) -> Option<SystemTime> {
        let since_boot = match self.started {
            0 => {
                let status = Status::of_pid(self.pid)?;
                // That was about this process, if it is the one that has the pid after it.
                (self.is_alive()? && !status.ended).then_some(i128::from(status.ticks) * TICK)?
            }
            started => i128::from(started) * TICK + boot_offset()?,
        };
        let age = i128::try_from(sys::since_boot().as_nanos()).ok()? - since_boot;
        // Rounded to ticks, it can be a little later than now.
        SystemTime::now().checked_sub(Duration::from_nanos(u64::try_from(age.max(0)).ok()?))
    }

    /// Whether the process that has this pid certainly started after `time`, a time in whole seconds that the kernel
    /// noted down.
    ///
    /// That is by the system's clock, and says nothing if it was set forward since: where it had not been running then
    /// for as long as it is now, that is noticed.
    pub(crate) fn started_after(self, time: SystemTime) -> bool {
        // The kernel's seconds are rounded down, and read from a clock that is a tick late.
        const ROUNDED: Duration = Duration::from_millis(1100);
        let offset = boot_offset().and_then(|offset| u64::try_from(offset).ok()).map(Duration::from_nanos);
        let (Some(status), Some(offset)) = (Status::of_pid(self.pid), offset) else { return false };
        let (now, since_boot) = (SystemTime::now(), sys::since_boot());
        let booted = since_boot.checked_sub(offset).and_then(|since_boot| now.checked_sub(since_boot));
        let age = since_boot.checked_sub(Duration::from_millis(status.ticks.saturating_mul(10)));
        let started = age.and_then(|age| now.checked_sub(age));
        let (Some(booted), Some(started), Some(time_at_most)) = (booted, started, time.checked_add(ROUNDED))
        else {
            return false;
        };
        self.is_here() && booted <= time && started > time_at_most
    }

    fn is_here(self) -> bool {
        self.pid > 0 && self.namespace != 0 && self.namespace == Self::this().namespace
    }
}

/// The name of the process or thread that has this id here, if it can be told.
pub(crate) fn name_of(id: u32) -> Option<String> {
    if !proc_is_ours() {
        return None;
    }
    let comm = fs::read(format!("/proc/{id}/comm")).ok()?;
    Some(String::from_utf8_lossy(&comm).trim_end().escape_debug().to_string())
}

/// The inode of this process's pid namespace, or 0.
fn pid_namespace(pidfd: Option<&Pidfd>) -> u32 {
    let inode = match fs::metadata("/proc/self/ns/pid") {
        Ok(metadata) => Some(metadata.ino()),
        Err(_) => pidfd.and_then(|pidfd| pidfd.pid_namespace().ok()),
    };
    inode.and_then(|inode| u32::try_from(inode).ok()).unwrap_or(0)
}

fn mark(pidfd: &Pidfd) -> u64 {
    pidfd.inode().unwrap_or(0) & MARK
}

/// Whether /proc numbers processes as getpid(2) does. In a new pid namespace it does not until it is mounted anew, and
/// then what it says of a pid is about another process.
fn proc_is_ours() -> bool {
    let Ok(status) = fs::read("/proc/self/status") else { return false };
    let status = String::from_utf8_lossy(&status);
    let ours = sys::process::id().to_string();
    match status.lines().find_map(|line| line.strip_prefix("NSpid:")) {
        // The pids in all namespaces from that of /proc down to that of this process.
        Some(pids) => pids.trim() == ours,
        // Linux before 4.1.
        None => fs::read_link("/proc/self").is_ok_and(|link| link.to_str() == Some(&ours)),
    }
}

/// What /proc/PID/stat says.
struct Status {
    /// When it started, in ticks since boot in this process's time namespace.
    ticks: u64,
    /// A zombie: killed or exited, and its parent has not asked how. (A zombie leader of living threads is not.)
    ended: bool,
}

/// /proc counts time in ticks of a hundredth of a second (USER_HZ).
const TICK: i128 = 10_000_000;

impl Status {
    /// Of the process that has this pid here.
    fn of_pid(pid: i32) -> Option<Self> {
        if proc_is_ours() { Self::of(&pid.to_string()) } else { None }
    }

    fn of(name: &str) -> Option<Self> {
        let stat = fs::read(format!("/proc/{name}/stat")).ok()?;
        // The second column, the name in parentheses, may contain anything, the half of a character too (the kernel
        // cuts it after 15 bytes): the rest is after the last parenthesis.
        let stat = String::from_utf8_lossy(&stat);
        let mut columns = stat.get(stat.rfind(')')? + 1..)?.split_whitespace();
        let zombie = matches!(columns.next()?, "Z" | "X");
        // The 22nd column, 19 after the state, which is the third.
        let ticks = columns.nth(18)?.parse().ok()?;
        let ended =
            zombie && fs::read_dir(format!("/proc/{name}/task")).is_ok_and(|tasks| tasks.count() <= 1);
        Some(Self { ticks, ended })
    }

    /// When it started, in ticks since boot in the first time namespace; 0 if that is not known.
    fn started(&self) -> u64 {
        let started = |offset: i128| (i128::from(self.ticks) * TICK - offset).div_euclid(TICK);
        boot_offset().and_then(|offset| u64::try_from(started(offset)).ok()).unwrap_or(0) & MARK
    }
}

/// By how many nanoseconds this process sees the time since boot shifted; `None` if that is not known.
fn boot_offset() -> Option<i128> {
    let offsets = match fs::read_to_string("/proc/self/timens_offsets") {
        Ok(offsets) => offsets,
        // There are no time namespaces.
        Err(error) if error.kind() == NotFound => return Some(0),
        Err(_) => return None,
    };
    // They are those of its future children's namespace, which can be another one.
    let link = |name| fs::read_link(format!("/proc/self/ns/{name}")).ok();
    if link("time")? != link("time_for_children")? {
        return None;
    }
    let boot = offsets.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        // Linux 5.5 names the clocks by their numbers.
        matches!(words.next(), Some("boottime" | "7")).then_some(words)
    });
    let mut boot = boot?.map(|word| word.parse::<i128>().ok());
    Some(boot.next()?? * 1_000_000_000 + boot.next()??)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_dead_when_it_ended_and_not_before() {
        let this = Process::this();
        assert!(this.started > 0 && this.namespace > 0 && !this.is_dead());
        let mut cat = Command::new("cat").stdin(Stdio::piped()).spawn().expect("every system has cat");
        let pid = i32::try_from(cat.id()).expect("a pid");
        let pidfd = Pidfd::open(pid);
        let inode = pidfd.as_ref().map_or(0, mark);
        let started = Status::of_pid(pid).expect("it lives").started();
        let seen = Process::seen_here(pid);
        assert!(!seen.is_dead(), "a pid, of which nothing else is known");
        // By either, or both.
        let lives = [
            Process { inode, started, ..seen },
            Process { inode, ..seen },
            Process { started, ..seen },
            // Another start is not evidence against the same inode, which is exact.
            Process { inode, started: if inode == 0 { started } else { started - 9 }, ..seen },
        ];
        for process in lives {
            assert!(!process.is_dead(), "{process:?}");
        }
        // A later process has the pid.
        assert!(Process { started: started - 2, ..seen }.is_dead());
        if inode != 0 {
            assert!(Process { inode: inode - 1, started, ..seen }.is_dead());
        }
        // In another pid namespace, or one that is not known, it can live.
        for namespace in [0, seen.namespace - 1] {
            for process in [1, pid, i32::MAX].map(|pid| Process { pid, namespace, inode: 1, started: 1 }) {
                assert!(!process.is_dead(), "{process:?}");
            }
        }
        drop(cat.stdin.take());
        cat.wait().expect("ours");
        assert!(seen.is_dead());
    }

    #[test]
    fn marks_tell_what_was_known_best() {
        let this = Process::this();
        assert!(this.marks().iter().all(|&mark| mark <= MARK));
        for process in [this, Process { inode: 0, ..this }, Process { started: 0, ..this }, Process::UNKNOWN]
        {
            let read = Process::from_marks(process.pid, process.marks());
            let started = if process.inode == 0 { process.started } else { 0 };
            assert_eq!(read, Process { started, ..process });
            assert!(!read.is_dead());
        }
    }

    #[test]
    fn a_pid_that_is_none_is_not_called_dead() {
        for pid in [0, -1, i32::MIN] {
            assert!(!Process { inode: 1, started: 1, ..Process::seen_here(pid) }.is_dead());
        }
        // Above what the kernel gives out.
        assert!(Process::seen_here(i32::MAX).is_dead());
    }

    #[test]
    fn the_id_of_a_thread_is_no_process() {
        let (tid, of_thread) = std::sync::mpsc::channel();
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            tid.send(sys::futex::thread_id()).expect("it waits");
            let _ = ends.recv();
        });
        let tid = i32::try_from(of_thread.recv().expect("sent")).expect("a thread's number");
        assert!(Process::seen_here(tid).is_dead());
        drop(end);
        thread.join().expect("it only waits");
    }

    #[test]
    fn a_process_did_not_start_after_a_time_that_could_be_later() {
        let this = Process::this();
        let now = SystemTime::now();
        assert!(!this.started_after(now));
        let age = sys::since_boot() - Duration::from_millis(this.started * 10);
        let started = now - age;
        assert!(!this.started_after(started) && !this.started_after(started - Duration::from_secs(1)));
        if sys::since_boot() - age > Duration::from_secs(4) {
            assert!(this.started_after(started - Duration::from_secs(3)));
        }
        // Before the system was booted, by the clock as it is now: the clock was set.
        assert!(!this.started_after(SystemTime::UNIX_EPOCH));
    }
}
