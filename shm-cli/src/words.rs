//! Values and locks in words, as every command has them.

use std::fmt::Write as _;

use shm_runtime::inspect::{Holder, Mutex, Process, SeqLock, Value};

use crate::process::Programs;
use crate::terminal::Printable;

/// A scalar, as Rust writes it.
pub(crate) fn push_value(line: &mut String, value: Value<'_>) {
    // Writing to a string does not fail.
    let _ = match value {
        Value::Bool(value) => write!(line, "{value}"),
        Value::Int(value) => match i64::try_from(value) {
            // Those of 128 bits take longer.
            Ok(value) => write!(line, "{value}"),
            Err(_) => write!(line, "{value}"),
        },
        Value::F32(value) => write!(line, "{value:?}"),
        Value::F64(value) => write!(line, "{value:?}"),
        Value::Char(value) => write!(line, "{value:?}"),
        Value::Enum { name, .. } => write!(line, "{name}"),
        Value::Invalid { number, ty: "char" } => write!(line, "<{number:#x} is not a char>"),
        Value::Invalid { number, ty } => write!(line, "<{number} is not a {ty}>"),
        _ => Ok(()),
    };
}

/// `free`, `held by weatherd (pid 120, thread 123)`.
pub(crate) fn mutex_words(mutex: &Mutex<'_>, programs: &mut Programs) -> String {
    let mut words = match mutex.holder() {
        None => "free".to_owned(),
        Some(Holder { tid, alive: Some(false), .. }) => format!("held by a thread that died ({tid})"),
        Some(Holder { tid, pid, .. }) => match pid.and_then(|pid| i32::try_from(pid).ok()) {
            Some(pid) => format!("held by {} (pid {pid}, thread {tid})", program(pid, programs)),
            None => format!("held by thread {tid} of a process that cannot be seen from here"),
        },
    };
    if mutex.is_abandoned() {
        words.push_str(", not repaired since a holder died or panicked");
    }
    words
}

/// `no writer`, `written by weatherd (pid 120)`.
pub(crate) fn writer_words(lock: &SeqLock<'_>, programs: &mut Programs) -> String {
    role_words(["writer", "written"], lock.writer(), programs)
}

/// The same of any role: what it is called, and what the one that has it does.
pub(crate) fn role_words(
    [role, done]: [&str; 2],
    process: Option<Process>,
    programs: &mut Programs,
) -> String {
    let Some(process) = process else { return format!("no {role}") };
    let pid = process.pid;
    match process.alive() {
        Some(true) => format!("{done} by {} (pid {pid})", program(pid, programs)),
        Some(false) => format!("its {role} died (pid {pid})"),
        None => format!("{done} by a process that cannot be seen from here (pid {pid} there)"),
    }
}

fn program(pid: i32, programs: &mut Programs) -> String {
    Printable(programs.name(pid).unwrap_or("a program")).to_string()
}
