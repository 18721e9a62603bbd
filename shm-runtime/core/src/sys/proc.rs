//! What the kernel shows in /proc: the tables of System V objects, and the limits.

use std::fs;

/// A line of a table in /proc/sysvipc: all begin with the key, the id and the mode.
pub(crate) struct ProcRow {
    columns: Vec<String>,
}

impl ProcRow {
    /// The lines of `/proc/sysvipc/{table}`.
    pub(crate) fn all(table: &str) -> Option<Vec<Self>> {
        let table = fs::read_to_string(format!("/proc/sysvipc/{table}")).ok()?;
        let split = |line: &str| Self { columns: line.split_whitespace().map(str::to_owned).collect() };
        Some(table.lines().skip(1).map(split).collect())
    }

    /// The line of the object with this id.
    pub(crate) fn of(table: &str, id: i32) -> Option<Self> {
        Self::all(table)?.into_iter().find(|row| row.number(1) == Some(id))
    }

    pub(crate) fn number<N: TryFrom<i64>>(&self, column: usize) -> Option<N> {
        let number: i64 = self.columns.get(column)?.parse().ok()?;
        number.try_into().ok()
    }

    /// The mode, which is in octal, with the kernel's flags.
    pub(crate) fn mode_bits(&self) -> Option<u32> {
        u32::from_str_radix(self.columns.get(2)?, 8).ok()
    }

    /// How often the kernel has used the slot: an id is the slot plus 2^15 times that number.
    pub(crate) fn sequence(&self) -> Option<u32> {
        Some(self.number::<u32>(1)? >> 15)
    }
}

/// A number that the kernel limits something by, in a file of /proc/sys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sysctl {
    /// As an error says it: as sysctl(8) has it; of semaphores, which have four in one file, as semget(2) has it.
    pub(crate) name: &'static str,
    path: &'static str,
    column: usize,
}

/// Bytes of a segment.
pub(crate) const SHMMAX: Sysctl = Sysctl::one("kernel.shmmax", "/proc/sys/kernel/shmmax");
/// Pages of all segments.
pub(crate) const SHMALL: Sysctl = Sysctl::one("kernel.shmall", "/proc/sys/kernel/shmall");
/// Segments.
pub(crate) const SHMMNI: Sysctl = Sysctl::one("kernel.shmmni", "/proc/sys/kernel/shmmni");
/// The group that may use huge pages.
pub(crate) const HUGETLB_SHM_GROUP: Sysctl =
    Sysctl::one("vm.hugetlb_shm_group", "/proc/sys/vm/hugetlb_shm_group");
/// Semaphores of a set.
pub(crate) const SEMMSL: Sysctl = Sysctl::of_semaphores(0);
/// Semaphores of all sets.
pub(crate) const SEMMNS: Sysctl = Sysctl::of_semaphores(1);
/// Operations of a semop(2).
pub(crate) const SEMOPM: Sysctl = Sysctl::of_semaphores(2);
/// Sets.
pub(crate) const SEMMNI: Sysctl = Sysctl::of_semaphores(3);
/// Bytes of a message.
pub(crate) const MSGMAX: Sysctl = Sysctl::one("kernel.msgmax", "/proc/sys/kernel/msgmax");
/// Bytes of a new queue.
pub(crate) const MSGMNB: Sysctl = Sysctl::one("kernel.msgmnb", "/proc/sys/kernel/msgmnb");
/// Queues.
pub(crate) const MSGMNI: Sysctl = Sysctl::one("kernel.msgmni", "/proc/sys/kernel/msgmni");

/// The four numbers of `sysctl kernel.sem`, in their order.
pub(crate) const SEMAPHORE_LIMITS: [&str; 4] = ["SEMMSL", "SEMMNS", "SEMOPM", "SEMMNI"];

impl Sysctl {
    const fn one(name: &'static str, path: &'static str) -> Self {
        Self { name, path, column: 0 }
    }

    const fn of_semaphores(column: usize) -> Self {
        Self { name: SEMAPHORE_LIMITS[column], path: "/proc/sys/kernel/sem", column }
    }

    /// The number, if it can be read.
    pub(crate) fn value(self) -> Option<u64> {
        fs::read_to_string(self.path).ok()?.split_whitespace().nth(self.column)?.parse().ok()
    }
}

/// The soft limit RLIMIT_MEMLOCK of this process, if it has one that can be read.
pub(crate) fn memlock() -> Option<u64> {
    // The fourth column of "Max locked memory   8388608   8388608   bytes".
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max locked memory"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}
