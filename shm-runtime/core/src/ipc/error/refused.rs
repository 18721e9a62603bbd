//! Errors of calls that are refused whatever they are asked.

use core::fmt;
use std::io;

/// By a filter, or because there is none.
pub(super) fn call(
    name: &str,
    filtered: Option<bool>,
    source: &io::Error,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    match filtered {
        Some(false) => write!(
            f,
            "this system has no {name}(2), whatever it is asked for: {source}. Use a kernel with System V IPC \
             (CONFIG_SYSVIPC), or, if a security module refuses the call, allow it there"
        ),
        _ => write!(
            f,
            "{name}(2) is refused to this process, whatever it is asked for: {source}. {} a filter of system calls \
             (seccomp), as a container or a systemd service has, and not owner or mode. Allow {name} in the container's \
             profile (Docker: `--security-opt seccomp=PROFILE.json`; Kubernetes: `seccompProfile`) or in the unit's \
             `SystemCallFilter=`",
            if filtered.is_some() { "That is" } else { "That may be" }
        ),
    }
}
