//! The tables of System V objects that the kernel shows in /proc.

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
