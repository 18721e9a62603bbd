//! A test binary that leaves a segment behind fails, whatever its tests say.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use crate::key::OwnId;
use crate::oracle::Table;

/// This process and the children it started: whose segments are looked for at the end.
static CREATORS: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Which process began to watch, and when.
static STARTED: OnceLock<Started> = OnceLock::new();

struct Started {
    /// This process: a child that it forked has the exit handler too, and is not to look.
    pid: u32,
    /// In the seconds of the kernel's table.
    at: u64,
}

/// Has this process look, when it exits, for segments that it or its children created and left, and fail if there
/// are any; and remove them.
///
/// # Panics
///
/// If the system has no room for an exit handler.
pub fn watch() {
    STARTED.get_or_init(|| {
        watch_child(std::process::id());
        // SAFETY: the handler takes nothing and stays as long as the process.
        let failed = unsafe { libc::atexit(look) };
        assert_eq!(failed, 0, "no room for an exit handler");
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        // The kernel's table has the time of its last tick, which may be that of the second before.
        Started { pid: std::process::id(), at: now.map_or(0, |now| now.as_secs() - 1) }
    });
}

/// Counts the process among those whose segments must not be left.
pub(crate) fn watch_child(pid: u32) {
    CREATORS.lock().unwrap_or_else(PoisonError::into_inner).push(pid);
}

/// The exit status of a process that left a segment behind.
pub const LEFT_BEHIND: i32 = 77;

extern "C" fn look() {
    let Some(started) = STARTED.get().filter(|started| started.pid == std::process::id()) else {
        return;
    };
    let creators = CREATORS.lock().unwrap_or_else(PoisonError::into_inner);
    // Those marked as removed go with this process. One that is older than this process is of another, which had the
    // number of one of ours.
    let mut left = Table::Segments.rows();
    left.retain(|row| creators.contains(&row.cpid) && row.ctime >= started.at && row.perms & 0o1000 == 0);
    if !left.is_empty() {
        eprintln!("left behind: {left:?}");
        left.into_iter().for_each(|row| drop(OwnId::new(row.id)));
        // SAFETY: ends the process, which is exiting already.
        unsafe { libc::_exit(LEFT_BEHIND) };
    }
}
