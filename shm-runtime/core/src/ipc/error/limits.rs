//! Limits of the system.

use core::fmt;

use crate::ipc::identity::Identity;
use crate::sys::limits::SEMAPHORE_LIMITS;

/// Which limit, and how to raise it.
pub(super) fn limit(
    name: &str,
    value: Option<u64>,
    identity: &Identity,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let (object, noun) = (identity.object, identity.object.noun());
    write!(f, "the limit {name} is reached")?;
    if let Some(value) = value {
        write!(f, ", which is {value}")?;
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
        "kernel.msgmax" => {
            write!(f, " bytes a message. Send less at once, or raise it with `sysctl -w {name}=...`")
        }
        "msg_qbytes" => f.write_str(
            " bytes in this queue: a message that is larger would never fit. Raise it with `set_limit`",
        ),
        "kernel.msgmnb" => write!(
            f,
            ": without CAP_SYS_RESOURCE no queue gets a higher limit. Ask for less, or raise it with \
                 `sysctl -w {name}=...`"
        ),
        _ if name.starts_with("RLIMIT") => f.write_str(". Raise it with `ulimit` or in limits.conf(5)"),
        _ => write!(
            f,
            ". Remove {noun}s that no process needs (`ipcs -{}`), or raise it with `sysctl -w {name}=...`",
            object.flag()
        ),
    }
}

/// The place of a semaphore limit in its sysctl, which holds four.
fn semaphore_limit(name: &str) -> String {
    let place = SEMAPHORE_LIMITS.map(|other| if other == name { "..." } else { other });
    format!("it with `sysctl -w kernel.sem=\"{}\"`", place.join(" "))
}
