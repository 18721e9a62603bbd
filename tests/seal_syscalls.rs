//! What a seal costs in system calls: none that the checks do not need.

#[path = "seal/common.rs"]
mod common;

use std::process::Command;

use common::{Cleanup, Peer, have, unique};

/// The names of the system calls that strace saw between the lines `from` and `end`.
fn calls(command: &str, from: &str) -> Option<Vec<String>> {
    if !have("strace") {
        return None;
    }
    let name = unique();
    let _cleanup = Cleanup::name(&name);
    let log = std::env::temp_dir().join(&name);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "signal=none", "-o"]).arg(&log);
    let mut peer = Peer::of(strace.arg(env!("CARGO_BIN_EXE_seal-peer")));
    peer.send(&format!("calls {command} {name}"));
    let mut last = None;
    while last.as_deref() != Some("ok") {
        last = peer.answer();
        if last.is_none() {
            println!("skipped: strace may not trace here");
            let _ = std::fs::remove_file(&log);
            return None;
        }
    }
    peer.end();
    let text = std::fs::read_to_string(&log).expect("strace wrote it");
    std::fs::remove_file(&log).expect("ours");
    let wrote =
        |line: &str, word: &str| line.contains("write(1,") && line.contains(&format!("\"{word}\\n\""));
    let mut between = text.lines().skip_while(|line| !wrote(line, from));
    assert!(between.next().is_some(), "{text}");
    let calls = between
        .take_while(|line| !wrote(line, "end"))
        .map(|line| {
            let (_, call) = line.trim_start().split_once(' ').expect("a pid and a call");
            let (name, arguments) = call.trim_start().split_once('(').expect("a call");
            let of = ["IPC_STAT", "IPC_RMID", "FUTEX_WAKE", "SHM_RDONLY"];
            let detail = of.into_iter().find(|detail| arguments.contains(detail));
            detail.map_or(name.to_owned(), |detail| format!("{name} {detail}"))
        })
        // Only where the clock is not readable without one.
        .filter(|call| call != "clock_gettime")
        .collect();
    Some(calls)
}

/// That the calls are these. Where a process was kept from running between finding a segment and mapping it, the kernel is
/// asked once more what was mapped, and rightly: then it is tried again.
fn makes_exactly(expected: &[&str], command: &str) {
    let mut last = Vec::new();
    for _ in 0..20 {
        let Some(calls) = calls(command, "begin") else {
            return;
        };
        if calls == expected {
            return;
        }
        let mut without = calls.clone();
        let mapped = without.iter().position(|call| call.starts_with("shmat")).expect("it is mapped");
        assert_eq!(without.remove(mapped + 1), "shmctl IPC_STAT", "{calls:?}");
        assert_eq!(without, expected);
        last = calls;
    }
    assert_eq!(last, expected);
}

#[test]
fn creating_and_removing_makes_exactly_these_calls() {
    let expected = [
        "shmget",
        "shmat",
        // Which process creates it, and when that started, is known since the first time. Then, those who came early:
        "futex FUTEX_WAKE",
        "shmdt",
        "shmctl IPC_RMID",
    ];
    makes_exactly(&expected, "create");
}

#[test]
fn opening_makes_exactly_these_calls() {
    let expected = [
        "shmget",
        // Owner and creator, whom to compare them with, and the size.
        "shmctl IPC_STAT",
        "geteuid",
        "shmat",
        "shmdt",
    ];
    makes_exactly(&expected, "open");
}

#[test]
fn the_first_creation_of_a_process_asks_proc_when_it_started() {
    let (Some(first), Some(later)) = (calls("create", "first"), calls("create", "begin")) else {
        return;
    };
    let extra: Vec<&String> = first.iter().filter(|call| !later.contains(call)).collect();
    println!("{extra:?}");
    let files = ["readlink", "openat", "read", "close", "statx", "lseek"];
    // Memory for the first allocations, once a process.
    let memory = ["brk", "mmap", "munmap"];
    // Its pid, and the page in which a child is told from its parent.
    let identity = ["getpid", "madvise"];
    for call in extra {
        let known = [&files[..], &memory, &identity].concat();
        assert!(known.contains(&call.as_str()), "{call}");
    }
    assert!(first.iter().any(|call| call == "openat"));
}
