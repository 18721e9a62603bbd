//! What of the system removes, hides or refuses objects.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use shm_runtime::Object;

use super::{Fact, Report};
use crate::target::describe;
use crate::user::Users;

/// The facts of the system, and what is wrong with it whatever objects there are.
pub(super) fn look(report: &mut Report) {
    if let Err(error) = fs::read_link("/proc/self") {
        report.finds(
            "no_proc",
            format!("/proc cannot be read: {error}"),
            "limits, namespaces and processes are not known here, to this tool and to others",
            "mount -t proc proc /proc",
        );
    }
    removal_by_the_kernel(report);
    for (kind, initial, others) in [
        ("ipc", 0xefff_ffff_u64, "objects: those outside are not seen here, and those here not outside"),
        ("pid", 0xefff_fffc, "pids: a `sync::Mutex` is not shared with programs outside"),
        ("user", 0xefff_fffd, "numbers of users: those without one here are all shown as the overflow uid"),
    ] {
        namespace(kind, initial, others, report);
    }
    container(report);
    seccomp(report);
    let (removes, why) = removes_ipc();
    let (value, effect) = match removes {
        true => (
            "yes",
            "when a user's last session ends, systemd-logind removes that user's objects, except of system users and those who linger",
        ),
        false => ("no", "no object is removed because its user logged out"),
    };
    report.facts.push(Fact {
        name: "remove_ipc",
        value: value.to_owned(),
        means: format!("{effect} ({why})"),
    });
}

fn removal_by_the_kernel(report: &mut Report) {
    let Ok(value) = fs::read_to_string("/proc/sys/kernel/shm_rmid_forced") else { return };
    let value = value.trim();
    if value != "0" {
        report.finds(
            "shm_rmid_forced",
            format!("kernel.shm_rmid_forced is {value}"),
            "the kernel removes a segment as soon as no process has it attached and the one that created it is gone: nothing is \
             kept for the next run",
            "sysctl -w kernel.shm_rmid_forced=0",
        );
    }
    report.facts.push(Fact {
        name: "shm_rmid_forced",
        value: value.to_owned(),
        means: if value == "0" {
            "segments stay until they are removed".to_owned()
        } else {
            "segments go with the last process".to_owned()
        },
    });
}

/// The first namespaces of the system have inodes of their own (include/linux/nsfs.h).
fn namespace(kind: &'static str, initial: u64, others: &str, report: &mut Report) {
    let Ok(link) = fs::read_link(format!("/proc/self/ns/{kind}")) else { return };
    let value = link.to_string_lossy().into_owned();
    let is_initial = value == format!("{kind}:[{initial}]");
    let name = match kind {
        "ipc" => "ipc_namespace",
        "pid" => "pid_namespace",
        _ => "user_namespace",
    };
    let means = match is_initial {
        true => "the system's first one".to_owned(),
        false => format!("one of its own, with its own {others}"),
    };
    report.facts.push(Fact { name, value, means });
}

fn container(report: &mut Report) {
    let files = ["/run/systemd/container", "/.dockerenv", "/run/.containerenv"];
    if let Some(file) = files.into_iter().find(|file| Path::new(file).exists()) {
        let means = "this is a container: see the namespaces for what it shares".to_owned();
        report.facts.push(Fact { name: "container", value: file.to_owned(), means });
    }
}

fn seccomp(report: &mut Report) {
    let Ok(status) = fs::read("/proc/self/status") else { return };
    let status = String::from_utf8_lossy(&status);
    let mode = status.lines().find_map(|line| line.strip_prefix("Seccomp:")).map(str::trim);
    let (value, means) = match mode {
        Some("0") => ("0", "no system call is filtered"),
        Some("2") => {
            ("2", "system calls are filtered; those that `shm list` takes were tried, others can be refused")
        }
        _ => return,
    };
    report.facts.push(Fact { name: "seccomp", value: value.to_owned(), means: means.to_owned() });
}

/// Which of these objects systemd-logind removes when their users log out.
pub(super) fn look_at_removal(objects: &[Object], report: &mut Report) {
    let is_elsewhere =
        fs::read_link("/proc/self/ns/ipc").is_ok_and(|link| link.as_os_str() != "ipc:[4026531839]");
    if !removes_ipc().0 || is_elsewhere {
        return;
    }
    let mut users = Users::default();
    for object in objects {
        let uid = object.record().permissions().uid;
        // System users, as systemd has them (SYS_UID_MAX), and nobody.
        if uid <= 999 || uid == 65534 {
            continue;
        }
        let user = users.name(uid);
        if Path::new("/var/lib/systemd/linger").join(user).exists() {
            continue;
        }
        report.finds(
            "remove_ipc",
            format!("{}: it belongs to {user}, and RemoveIPC is on", describe(object)),
            "systemd-logind removes it when this user's last session ends, also from under programs that use it",
            format!(
                "`loginctl enable-linger {user}`; or run the program as a system user; or `RemoveIPC=no` below `[Login]` in \
                 /etc/systemd/logind.conf.d/ipc.conf, and `systemctl restart systemd-logind`"
            ),
        );
    }
}

/// Whether systemd-logind removes the objects of users who log out, and where that stands.
fn removes_ipc() -> (bool, String) {
    // As sd-login(3) finds out.
    if !Path::new("/run/systemd/seats").exists() {
        return (false, "systemd-logind does not run here".to_owned());
    }
    let mut removes = (true, "by default of systemd-logind, which runs here".to_owned());
    for file in logind_files() {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        if let Some(value) = remove_ipc_of(&text) {
            removes = (value, file.display().to_string());
        }
    }
    removes
}

/// The files that logind.conf(5) names, in the order in which they are read: what is said last counts.
fn logind_files() -> Vec<PathBuf> {
    const FOLDERS: [&str; 4] = ["/usr/lib/systemd", "/usr/local/lib/systemd", "/run/systemd", "/etc/systemd"];
    let main =
        FOLDERS.iter().rev().map(|folder| Path::new(folder).join("logind.conf")).find(|file| file.exists());
    // Of two of the same name, the one in the later folder.
    let mut parts = BTreeMap::new();
    for folder in FOLDERS {
        let Ok(entries) = fs::read_dir(Path::new(folder).join("logind.conf.d")) else { continue };
        let files = entries.flatten().map(|entry| entry.path());
        for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "conf")) {
            parts.insert(file.file_name().map(ToOwned::to_owned), file);
        }
    }
    main.into_iter().chain(parts.into_values()).collect()
}

/// What this file says of RemoveIPC, if anything.
fn remove_ipc_of(text: &str) -> Option<bool> {
    let mut section = "";
    let mut said = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        }
        let Some((name, value)) = line.split_once('=') else { continue };
        if section != "[Login]" || name.trim() != "RemoveIPC" {
            continue;
        }
        match value.trim().to_ascii_lowercase().as_str() {
            "1" | "yes" | "y" | "true" | "t" | "on" => said = Some(true),
            "0" | "no" | "n" | "false" | "f" | "off" => said = Some(false),
            // It is ignored, with a warning in the log.
            _ => {}
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remove_ipc_is_read_as_systemd_reads_it() {
        for (text, said) in [
            ("[Login]\nRemoveIPC=no\n", Some(false)),
            ("[Login]\n  RemoveIPC = TRUE \n", Some(true)),
            ("[Login]\n#RemoveIPC=no\n;RemoveIPC=no\n", None),
            ("[Sleep]\nRemoveIPC=no\n", None),
            ("RemoveIPC=no\n", None),
            ("[Login]\nRemoveIPC=no\nRemoveIPC=yes\n", Some(true)),
            ("[Login]\nRemoveIPC=perhaps\n", None),
        ] {
            assert_eq!(remove_ipc_of(text), said, "{text:?}");
        }
    }
}
