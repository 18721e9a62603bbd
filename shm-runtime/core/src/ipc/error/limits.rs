//! Limits of the system.

use core::fmt;

use crate::ipc::identity::Identity;
use crate::sys;
use crate::sys::limits::SEMAPHORE_LIMITS;

/// What is known of a limit that is reached.
pub(super) struct Numbers {
    pub(super) value: Option<u64>,
    pub(super) asked: Option<u64>,
    pub(super) used: Option<u64>,
}

/// Which limit, and how to raise it.
pub(super) fn limit(
    name: &str,
    numbers: Numbers,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let (object, noun) = (identity.object, identity.object.noun());
    let Numbers { value, asked, used } = numbers;
    write!(f, "the limit {name} is reached")?;
    if let Some(value) = value {
        write!(f, ", which is {value} {}", unit(name))?;
    }
    match (asked.map(|asked| in_words(name, asked)), used) {
        (Some(asked), Some(used)) => write!(f, " (asked for: {asked}; in use: {used})")?,
        (Some(asked), None) => write!(f, " (asked for: {asked})")?,
        (None, Some(used)) => write!(f, " (in use: {used})")?,
        (None, None) => {}
    }
    match name {
        "SEMVMX" => f.write_str(
            ": no semaphore counts beyond it, nor what SEM_UNDO notes down for one process. See whether \
                 more is released than acquired",
        ),
        "SEMMSL" | "SEMOPM" => write!(f, ". Use fewer at once, or raise {}", semaphore_limit(name)),
        "SEMMNS" | "SEMMNI" => write!(
            f,
            ". Remove semaphore sets that no process needs (`ipcs -s`), or raise {}",
            semaphore_limit(name)
        ),
        "kernel.shmmax" => write!(f, ". Use a smaller struct, or raise it with `sysctl -w {name}=...`"),
        "kernel.msgmax" => write!(f, ". Send less at once, or raise it with `sysctl -w {name}=...`"),
        "msg_qbytes" => {
            f.write_str(": a message that is larger would never fit. Raise it with `set_limit`")
        }
        "kernel.msgmnb" => write!(
            f,
            ": without CAP_SYS_RESOURCE no queue gets a higher limit. Ask for less, or raise it with \
                 `sysctl -w {name}=...`"
        ),
        "fs.file-max" => write!(f, ": each segment is one. Raise it with `sysctl -w {name}=...`"),
        "RLIMIT_MEMLOCK" => f.write_str(
            ": all that is locked for this user counts, of other processes too. Raise it with `ulimit -l` or in \
             limits.conf(5), or lock with CAP_IPC_LOCK",
        ),
        _ => write!(
            f,
            ". Remove {noun}s that no process needs (`ipcs -{}`), or raise it with `sysctl -w {name}=...`",
            object.flag()
        ),
    }
}

/// What the limit counts, and of what.
fn unit(name: &str) -> String {
    let unit = match name {
        "kernel.shmmax" => "bytes a segment",
        "kernel.shmall" => return format!("pages of {} bytes in all segments", sys::page_size()),
        "kernel.shmmni" => "segments",
        "SEMVMX" => "units",
        "SEMMSL" => "semaphores a set",
        "SEMOPM" => "operations at once",
        "SEMMNS" => "semaphores in all sets",
        "SEMMNI" => "semaphore sets",
        "kernel.msgmax" => "bytes a message",
        "msg_qbytes" => "bytes in this queue",
        "kernel.msgmnb" => "bytes a queue",
        "kernel.msgmni" => "message queues",
        "fs.file-max" => "open files",
        _ => "bytes",
    };
    unit.to_owned()
}

/// What was asked for: pages where the limit counts those.
fn in_words(name: &str, asked: u64) -> String {
    if name != "kernel.shmall" {
        return asked.to_string();
    }
    let pages = usize::try_from(asked).unwrap_or(usize::MAX).div_ceil(sys::page_size());
    format!("{asked} bytes, which take {pages}")
}

/// The place of a semaphore limit in its sysctl, which holds four.
fn semaphore_limit(name: &str) -> String {
    let place = SEMAPHORE_LIMITS.map(|other| if other == name { "..." } else { other });
    format!("it with `sysctl -w kernel.sem=\"{}\"`", place.join(" "))
}
