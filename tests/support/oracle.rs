//! What the kernel and `ipcs` say of a segment, read by code that has nothing of the library in it.

use std::collections::HashMap;
use std::process::Command;
use std::time::Duration;

/// A table of the kernel's objects of one kind: `/proc/sysvipc/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// `shm`.
    Segments,
    /// `sem`.
    Sets,
    /// `msg`.
    Queues,
}

/// A line of a table. Of the columns that the table does not have, the values are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // named as the kernel's columns
pub struct Row {
    pub key: i32,
    pub id: i32,
    /// With 0o1000 for "removed" and 0o2000 for "locked".
    pub perms: u32,
    pub uid: u32,
    pub gid: u32,
    pub cuid: u32,
    pub cgid: u32,
    pub ctime: u64,
    // Of a segment.
    pub size: usize,
    pub cpid: u32,
    pub lpid: u32,
    pub nattch: u64,
    pub atime: u64,
    pub dtime: u64,
    // Of a semaphore set.
    pub nsems: u64,
    pub otime: u64,
    // Of a queue.
    pub cbytes: u64,
    pub qnum: u64,
    pub lspid: u32,
    pub lrpid: u32,
    pub stime: u64,
    pub rtime: u64,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Segments, Self::Sets, Self::Queues];

    /// The file's name, and the name of its column of ids.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Segments => ("shm", "shmid"),
            Self::Sets => ("sem", "semid"),
            Self::Queues => ("msg", "msqid"),
        }
    }

    /// Every object of this kind in this IPC namespace.
    ///
    /// # Panics
    ///
    /// If the kernel's table cannot be read, or has another form.
    pub fn rows(self) -> Vec<Row> {
        let (name, id) = self.names();
        let path = format!("/proc/sysvipc/{name}");
        let table = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut lines = table.lines();
        let head: Vec<&str> = lines.next().expect("the names of the columns").split_whitespace().collect();
        assert!(head.contains(&id), "{head:?}");
        lines.map(|line| row(&head, id, line)).collect()
    }

    /// The object with this id, if there is one, removed or not.
    pub fn by_id(self, id: i32) -> Option<Row> {
        self.rows().into_iter().find(|row| row.id == id)
    }

    /// The object that has this key.
    pub fn by_key(self, key: i32) -> Option<Row> {
        self.rows().into_iter().find(|row| row.key == key)
    }

    /// Removes the object with this id, by the system call. One that is removed already is fine.
    pub fn remove(self, id: i32) {
        let _ = match self {
            // SAFETY: IPC_RMID takes numbers only, and ignores the pointer.
            Self::Segments => unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) },
            // SAFETY: takes numbers only.
            Self::Sets => unsafe { libc::semctl(id, 0, libc::IPC_RMID) },
            // SAFETY: IPC_RMID takes numbers only, and ignores the pointer.
            Self::Queues => unsafe { libc::msgctl(id, libc::IPC_RMID, std::ptr::null_mut()) },
        };
    }
}

fn row(head: &[&str], id: &str, line: &str) -> Row {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let column = |name: &str| head.iter().position(|head| *head == name).map(|at| columns[at]);
    fn number<T: std::str::FromStr>(column: Option<&str>) -> T {
        // Absent: 0.
        let text = column.unwrap_or("0");
        text.parse().unwrap_or_else(|_| panic!("{text} in the kernel's table"))
    }
    let perms = column("perms").expect("a column of permissions");
    Row {
        key: number(column("key")),
        id: number(column(id)),
        perms: u32::from_str_radix(perms, 8).expect("the permissions are octal"),
        uid: number(column("uid")),
        gid: number(column("gid")),
        cuid: number(column("cuid")),
        cgid: number(column("cgid")),
        ctime: number(column("ctime")),
        size: number(column("size")),
        cpid: number(column("cpid")),
        lpid: number(column("lpid")),
        nattch: number(column("nattch")),
        atime: number(column("atime")),
        dtime: number(column("dtime")),
        nsems: number(column("nsems")),
        otime: number(column("otime")),
        cbytes: number(column("cbytes")),
        qnum: number(column("qnum")),
        lspid: number(column("lspid")),
        lrpid: number(column("lrpid")),
        stime: number(column("stime")),
        rtime: number(column("rtime")),
    }
}

/// The segment with this id, if there is one, removed or not.
pub fn by_id(id: i32) -> Option<Row> {
    Table::Segments.by_id(id)
}

/// The segment that has this key.
pub fn by_key(key: i32) -> Option<Row> {
    Table::Segments.by_key(key)
}

/// The segments that have this key: one, or none.
pub fn with_key(key: i32) -> Vec<Row> {
    let mut rows = Table::Segments.rows();
    rows.retain(|row| row.key == key);
    rows
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

/// CLOCK_MONOTONIC, as clock_gettime(2) has it.
///
/// # Panics
///
/// Never.
pub fn monotonic() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec`, for which there is room.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).expect("less than a second"))
}
