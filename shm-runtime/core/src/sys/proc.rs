//! What the kernel shows in /proc: the tables of System V objects, sysctls, namespaces.

use core::str::FromStr;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

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

/// A sysctl, by its path: `kernel/shm_rmid_forced`.
pub(crate) fn sysctl<N: FromStr>(path: &str) -> Option<N> {
    fs::read_to_string(format!("/proc/sys/{path}")).ok()?.trim().parse().ok()
}

/// The inode of this thread's IPC namespace, by which namespaces are told apart.
pub(crate) fn ipc_namespace() -> Option<u64> {
    fs::metadata("/proc/thread-self/ns/ipc").ok().map(|file| file.ino())
}

/// The size of the pages of the mapping that begins at `address`, in bytes.
pub(crate) fn page_size_at(address: usize) -> Option<usize> {
    let smaps = fs::read_to_string("/proc/self/smaps").ok()?;
    let first = format!("{address:x}-");
    // The first line of a mapping has its addresses, in 8 digits or more.
    let mut lines = smaps.lines().skip_while(|line| !line.trim_start_matches('0').starts_with(&first));
    let kib = lines.find_map(|line| line.strip_prefix("KernelPageSize:"))?;
    let kib: usize = kib.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}
