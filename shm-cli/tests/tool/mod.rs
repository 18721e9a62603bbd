//! Running the tool, in a namespace of the test's own.

use std::process::{Command, Output};

use serde_json::Value;
use shm_tests::skip;

pub(crate) const SHM: &str = env!("CARGO_BIN_EXE_shm");

/// Moves this thread, and the processes that it starts, to an IPC namespace of their own, as far as it may; whether it did.
pub(crate) fn alone() -> bool {
    let done = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWIPC).is_ok();
    if !done {
        skip("a namespace takes root");
    }
    done
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

pub(crate) fn shm(arguments: &[&str]) -> Output {
    Command::new(SHM).args(arguments).output().expect("run shm")
}

/// What it prints when it ends with this status; no control character is in it.
#[track_caller]
pub(crate) fn printed(arguments: &[&str], status: i32) -> String {
    checked(&shm(arguments), status)
}

#[track_caller]
pub(crate) fn checked(output: &Output, status: i32) -> String {
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{said}{complained}");
    assert!(!complained.contains("panicked"), "{complained}");
    let is_plain = |text: &str| text.chars().all(|char| char == '\n' || !char.is_control());
    assert!(is_plain(&said) && is_plain(&complained), "{said:?} {complained:?}");
    if status == 0 { said } else { said + &complained }
}

/// The same of `--json`.
#[track_caller]
pub(crate) fn json(arguments: &[&str], status: i32) -> Value {
    let arguments = [arguments, &["--json"]].concat();
    serde_json::from_str(&printed(&arguments, status)).expect("JSON")
}

/// How to run a program as a user without rights.
pub(crate) fn as_nobody(program: &std::path::Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--bounding-set=-all",
        "--inh-caps=-all",
    ]);
    command.arg(program);
    command
}
