//! What a seal costs in system calls: none that the checks do not need.

use std::ffi::OsString;

use shm_tests::key::OwnKey;
use shm_tests::seal::unique;
use shm_tests::{have, peer, skip};

/// The names of the system calls that strace saw between the lines `from` and `end`.
fn calls(command: &str, from: &str) -> Option<Vec<String>> {
    if !have("strace") {
        return None;
    }
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let log = std::env::temp_dir().join(&name);
    let strace = ["strace", "-f", "-qq", "-e", "signal=none", "-o"].map(OsString::from);
    let Some(mut peer) = peer!().under(strace).under([&log]).try_start_with("seal") else {
        skip("strace may not trace here");
        let _ = std::fs::remove_file(&log);
        return None;
    };
    peer.send(format!("calls {command} {name}"));
    while peer.line() != "ok\t" {}
    peer.finish();
    let text = std::fs::read_to_string(&log).expect("strace wrote it");
    std::fs::remove_file(&log).expect("ours");
    let wrote =
        |line: &str, word: &str| line.contains("write(1,") && line.contains(&format!("\"{word}\\n\""));
    let mut between = text.lines().skip_while(|line| !wrote(line, from));
    assert!(between.next().is_some(), "{text}");
    let mut aligned = false;
    let calls = between
        .take_while(|line| !wrote(line, "end"))
        .filter(|line| {
            // Where a huge page could begin, as a page can by accident, the kernel is asked whether one does.
            if line.contains("shmat(") {
                let address = line.rsplit("0x").next().and_then(|hex| u64::from_str_radix(hex, 16).ok());
                aligned = address.expect("an address").is_multiple_of(2 << 20);
            }
            !(aligned && line.contains("mremap("))
        })
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

/// Makes the calls, and compares them.
fn makes_exactly(expected: &[&str], command: &str) {
    // Whom to compare owner and creator with: asked only where they are not root.
    // SAFETY: takes nothing and cannot fail.
    let root = unsafe { libc::geteuid() } == 0;
    let expected = expected.iter().filter(|call| !(root && **call == "geteuid")).copied();
    if let Some(calls) = calls(command, "begin") {
        assert_eq!(calls, expected.collect::<Vec<_>>());
    }
}

#[test]
fn creating_and_removing_makes_exactly_these_calls() {
    let expected = [
        "shmget",
        "shmat",
        // What was mapped: the size, owner and creator. Nothing that was known before counts.
        "shmctl IPC_STAT",
        "geteuid",
        // Which process creates it is known since the first time. Then, those who came early:
        "futex FUTEX_WAKE",
        "shmdt",
        "shmctl IPC_RMID",
    ];
    makes_exactly(&expected, "create");
}

#[test]
fn creating_and_removing_a_bare_segment_makes_one_call_more_than_a_c_program_does() {
    let expected = ["shmget", "shmat", "shmctl IPC_STAT", "geteuid", "shmdt", "shmctl IPC_RMID"];
    makes_exactly(&expected, "create-bare");
}

#[test]
fn a_guard_looks_at_what_it_removes() {
    let expected = [
        "shmget",
        "shmat",
        "shmctl IPC_STAT",
        "geteuid",
        "futex FUTEX_WAKE",
        "shmdt",
        // Whether the id means this segment still.
        "shmctl IPC_STAT",
        "shmctl IPC_RMID",
    ];
    makes_exactly(&expected, "guard");
}

#[test]
fn opening_makes_exactly_these_calls() {
    let expected = [
        "shmget",
        // Owner and creator, whom to compare them with, and the size: an error of opening.
        "shmctl IPC_STAT",
        "geteuid",
        "shmat",
        // The same of what was mapped, which another thread may have done, in another namespace, much later.
        "shmctl IPC_STAT",
        "shmdt",
    ];
    makes_exactly(&expected, "open");
    makes_exactly(&expected, "open-bare");
}

#[test]
fn opening_a_set_or_a_queue_looks_at_whose_it_is_and_does_no_more() {
    makes_exactly(&["semget", "semctl IPC_STAT", "geteuid"], "open-set");
    makes_exactly(&["msgget", "msgctl IPC_STAT", "geteuid"], "open-queue");
    // And whether its segment, which does not exist here, says that it is another program's.
    makes_exactly(&["semget", "semctl IPC_STAT", "geteuid", "shmget"], "open-companion");
}

#[test]
fn the_first_creation_of_a_process_asks_once_which_process_it_is() {
    let (Some(first), Some(later)) = (calls("create", "first"), calls("create", "begin")) else {
        return;
    };
    let extra: Vec<&String> = first.iter().filter(|call| !later.contains(call)).collect();
    println!("{extra:?}");
    let files = ["readlink", "openat", "read", "close", "statx", "lseek"];
    // Memory for the first allocations, once a process.
    let memory = ["brk", "mmap", "munmap"];
    // Its pid, and the page in which a child is told from its parent; its number on pidfs (and the standard library, built
    // for tests, whether it opened what it closes).
    let identity = ["getpid", "madvise", "pidfd_open", "fstatfs", "fcntl"];
    // Of its pid namespace, its start and its time namespace too. Far fewer than what starting a process takes.
    assert!(extra.len() <= 40, "{} calls", extra.len());
    for call in extra {
        let known = [&files[..], &memory, &identity].concat();
        assert!(known.contains(&call.as_str()), "{call}");
    }
    assert!(first.iter().any(|call| call == "openat"));
}
