//! What the kernel and `ipcs` say of a segment, read by code that has nothing of the library in it.

use std::collections::HashMap;
use std::process::Command;

/// A line of /proc/sysvipc/shm.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // named as the kernel's columns
pub struct Row {
    pub key: i32,
    pub id: i32,
    /// With 0o1000 for "removed" and 0o2000 for "locked".
    pub perms: u32,
    pub size: usize,
    pub cpid: u32,
    pub lpid: u32,
    pub nattch: u64,
    pub uid: u32,
    pub gid: u32,
    pub cuid: u32,
    pub cgid: u32,
    pub atime: u64,
    pub dtime: u64,
    pub ctime: u64,
}

/// Every segment of this IPC namespace.
///
/// # Panics
///
/// If the kernel's table cannot be read, or has another form.
pub fn rows() -> Vec<Row> {
    let table = std::fs::read_to_string("/proc/sysvipc/shm").expect("read /proc/sysvipc/shm");
    table.lines().skip(1).map(row).collect()
}

fn row(line: &str) -> Row {
    fn number<T: std::str::FromStr>(columns: &[&str], i: usize) -> T {
        let parsed = columns.get(i).and_then(|column| column.parse().ok());
        parsed.unwrap_or_else(|| panic!("column {i} of {columns:?}"))
    }
    let columns: Vec<&str> = line.split_whitespace().collect();
    Row {
        key: number(&columns, 0),
        id: number(&columns, 1),
        perms: u32::from_str_radix(columns[2], 8).expect("the permissions are octal"),
        size: number(&columns, 3),
        cpid: number(&columns, 4),
        lpid: number(&columns, 5),
        nattch: number(&columns, 6),
        uid: number(&columns, 7),
        gid: number(&columns, 8),
        cuid: number(&columns, 9),
        cgid: number(&columns, 10),
        atime: number(&columns, 11),
        dtime: number(&columns, 12),
        ctime: number(&columns, 13),
    }
}

/// The segment with this id, if there is one, removed or not.
pub fn by_id(id: i32) -> Option<Row> {
    rows().into_iter().find(|row| row.id == id)
}

/// The segment that has this key.
pub fn by_key(key: i32) -> Option<Row> {
    rows().into_iter().find(|row| row.key == key)
}

/// How many attachments the segment has.
///
/// # Panics
///
/// If there is none with this id.
pub fn attached(id: i32) -> u64 {
    by_id(id).unwrap_or_else(|| panic!("no segment {id}")).nattch
}

/// What `ipcs -m -i ID` prints, as its `name=value` pairs.
///
/// # Panics
///
/// If `ipcs` cannot be run.
pub fn ipcs(id: i32) -> HashMap<String, String> {
    let output = Command::new("ipcs").args(["-m", "-i", &id.to_string()]).output();
    let output = output.expect("run ipcs, of util-linux");
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The lines of this process's /proc/self/smaps for the mapping that starts at `address`: name to value.
///
/// # Panics
///
/// If nothing is mapped there.
pub fn smaps(address: usize) -> HashMap<String, String> {
    let maps = std::fs::read_to_string("/proc/self/smaps").expect("read /proc/self/smaps");
    let start = format!("{address:08x}-");
    let mut lines = maps.lines().skip_while(|line| !line.starts_with(&start));
    lines.next().unwrap_or_else(|| panic!("nothing is mapped at {address:#x}"));
    lines
        .map_while(|line| line.split_once(':').filter(|(name, _)| !name.contains(' ')))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}
