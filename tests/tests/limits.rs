//! The limits of the system, reached in an IPC namespace that has its own; what else of the system, and not of the segment, is
//! in the way: filters of system calls, other namespaces, settings; and an id that is 0.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use shm_runtime::sem::Semaphore;
use shm_runtime::{Error, ErrorKind, Key, Permissions, SharedSegment as _};
use shm_tests::child::{Child, Failure};
use shm_tests::key::{Own, OwnKey};
use shm_tests::structs::{Bare, Board, sync};
use shm_tests::{oracle, peer, skip};

/// The limit is named, with these numbers.
fn assert_limit(failure: &Failure, name: &str, numbers: &str) {
    assert_eq!(failure.kind, "Limit", "{}", failure.text);
    let said = format!("the limit {name} is reached, which is {numbers}. ");
    assert!(failure.text.starts_with("cannot create Bare (private): "), "{}", failure.text);
    assert!(failure.text.contains(&said), "{}", failure.text);
    assert!(failure.text.contains(&format!("`sysctl -w {name}=...`")), "{}", failure.text);
}

/// Every one of these is in the text.
fn assert_says(failure: &Failure, kind: &str, parts: &[&str]) {
    assert_eq!(failure.kind, kind, "{}", failure.text);
    for part in parts {
        assert!(failure.text.contains(part), "no {part:?} in: {}", failure.text);
    }
}

#[test]
fn the_number_of_segments_is_limited_by_shmmni() {
    let Some(peer) = peer!().in_namespace(&[("shmmni", 4)]) else {
        return;
    };
    let mut peer = peer.start_bare();
    for _ in 0..4 {
        peer.number("create_private");
    }
    let failure = peer.failure("create_private");
    assert_limit(&failure, "kernel.shmmni", "4 segments (in use: 4)");
    assert!(failure.text.contains("`ipcs -m`"), "{}", failure.text);
    peer.ask("remove");
    peer.number("create_private");
}

#[test]
fn the_size_of_a_segment_is_limited_by_shmmax() {
    let max = u64::try_from(size_of::<Bare>()).unwrap() - 1;
    let Some(peer) = peer!().in_namespace(&[("shmmax", max)]) else {
        return;
    };
    let failure = peer.start_bare().failure("create_private");
    assert_limit(&failure, "kernel.shmmax", &format!("{max} bytes a segment (asked for: {})", max + 1));
    assert!(!failure.text.contains("ipcs"), "to remove others is no way out: {}", failure.text);
    let Some(peer) = peer!().in_namespace(&[("shmmax", max + 1)]) else {
        return;
    };
    peer.start_bare().number("create_private");
}

#[test]
fn the_pages_of_all_segments_are_limited_by_shmall() {
    let Some(peer) = peer!().in_namespace(&[("shmall", 2)]) else {
        return;
    };
    let mut peer = peer.start_bare();
    peer.number("create_private");
    peer.number("create_private");
    let (page, size) = (page_size(), size_of::<Bare>());
    let numbers =
        format!("2 pages of {page} bytes in all segments (asked for: {size} bytes, which take 1; in use: 2)");
    assert_limit(&peer.failure("create_private"), "kernel.shmall", &numbers);
}

#[test]
fn a_segment_whose_id_is_0_is_one_like_any_other() {
    let Some(peer) = peer!().in_namespace::<u64>(&[]) else {
        return;
    };
    let mut peer = peer.start();
    // The first in a new namespace.
    assert_eq!(peer.number("create 77"), 0);
    peer.ask("attach");
    peer.ask("set 5");
    peer.ask("detach");
    assert_eq!(peer.number("open 77"), 0);
    assert_eq!(peer.number("from_id 0"), 0);
    peer.ask("attach_read_only");
    assert_eq!(peer.number("get"), 5);
    let failure = peer.failure("create 77");
    assert!(failure.text.contains("shmid 0") && failure.text.contains("`ipcrm -m 0`"), "{}", failure.text);
    peer.ask("detach");
    peer.ask("remove");
    let failure = peer.failure("attach");
    assert_eq!(failure.kind, "Removed");
    assert!(failure.text.contains("shmid 0"), "{}", failure.text);
}

fn page_size() -> i64 {
    // SAFETY: takes a number only.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) }
}

/// Has the kernel refuse the call to the peer.
fn refuse(peer: &mut Child, call: &str, errno: i32) -> bool {
    let filtered = peer.ask(format!("refuse {call} {errno}")) == "true";
    if !filtered {
        skip("this kernel takes no filters of system calls");
    }
    filtered
}

#[test]
fn a_call_that_a_filter_refuses_is_told_from_owner_mode_and_limits() {
    let bare = || peer!().in_namespace::<u64>(&[]).map(|peer| peer.start_bare());
    let ipc = || peer!().in_namespace::<u64>(&[]).map(|peer| peer.ipc());
    type Start<'a> = &'a dyn Fn() -> Option<Child>;
    let cases: [(&str, Start<'_>, &[&str], &[&str]); 11] = [
        ("shmget", &bare, &[], &["create_private", "create 77", "open 77", "remove_key 77"]),
        ("shmat", &bare, &["create 77"], &["attach", "attach_read_only"]),
        ("shmdt", &bare, &["create 77", "attach"], &["detach"]),
        ("shmctl", &bare, &["create 77"], &["stat", "lock", "set_mode 600", "open 77", "remove"]),
        ("semget", &ipc, &[], &["create 77 1", "open 77"]),
        ("semtimedop", &ipc, &["create 77 1"], &["acquire", "try_acquire", "release"]),
        ("semctl", &ipc, &["create 77 1"], &["value", "remove"]),
        ("msgget", &ipc, &[], &["create_queue 77", "open_queue 77"]),
        ("msgsnd", &ipc, &["create_queue 77"], &["send 1 1", "try_send 1 1"]),
        ("msgrcv", &ipc, &["create_queue 77"], &["try_receive", "receive_raw"]),
        ("msgctl", &ipc, &["create_queue 77"], &["set_limit 100", "remove_queue"]),
    ];
    for (call, start, before, commands) in cases {
        for (errno, text) in [
            (libc::EPERM, "Operation not permitted"),
            (libc::ENOSYS, "Function not implemented"),
            (libc::EACCES, "Permission denied"),
        ] {
            let Some(mut peer) = start() else { return };
            for command in before {
                peer.ask(command);
            }
            if !refuse(&mut peer, call, errno) {
                return;
            }
            for command in commands {
                let failure = peer.failure(command);
                let said = format!("{call}(2) is refused to this process, whatever it is asked for: {text}");
                let parts =
                    [&*said, "seccomp", "not owner or mode", &format!("Allow {call} in"), "`seccompProfile`"];
                assert_says(&failure, "CallRefused", &parts);
            }
        }
    }
}

/// Said by a filter in the kernel's place, as some of it takes a system that is out of memory or of files.
#[test]
fn what_else_a_call_can_fail_with_is_no_bare_errno() {
    type Case<'a> = (&'a str, i32, &'a [&'a str], &'a str, &'a str, &'a [&'a str]);
    let size = format!("{} bytes of memory", size_of::<Bare>());
    let cases: [Case<'_>; 9] = [
        ("shmget", libc::ENFILE, &[], "create_private", "Limit", &["fs.file-max is reached", "open files"]),
        ("shmget", libc::ENOMEM, &[], "create_private", "NoMemory", &[&size, "`vm.overcommit_memory`"]),
        ("shmget", libc::EINVAL, &[], "create_huge 77", "InvalidInput", &["this kernel has no huge pages"]),
        ("shmget", libc::ENOSPC, &[], "create_huge 77", "NoMemory", &["vm.nr_hugepages"]),
        (
            "shmat",
            libc::ENOMEM,
            &["create 77"],
            "attach",
            "NoMemory",
            &[&size, "RLIMIT_AS", "`vm.max_map_count`"],
        ),
        (
            "semget",
            libc::ENOMEM,
            &[],
            "create 77 1",
            "NoMemory",
            &["the kernel has no memory: ", "`memory.max`"],
        ),
        (
            "semtimedop",
            libc::ENOMEM,
            &["create 77 1"],
            "acquire",
            "NoMemory",
            &["the kernel has no memory: "],
        ),
        ("msgget", libc::ENOMEM, &[], "create_queue 77", "NoMemory", &["the kernel has no memory: "]),
        ("msgsnd", libc::ENOMEM, &["create_queue 77"], "send 1 1", "NoMemory", &["no memory for 24 bytes: "]),
    ];
    for (call, errno, before, command, kind, parts) in cases {
        let Some(peer) = peer!().in_namespace::<u64>(&[]) else { return };
        let mut peer = if call.starts_with("shm") { peer.start_bare() } else { peer.ipc() };
        for command in before {
            peer.ask(command);
        }
        if !refuse(&mut peer, call, errno) {
            return;
        }
        let failure = peer.failure(command);
        assert_says(&failure, kind, parts);
        assert!(!failure.text.contains("os error"), "{}", failure.text);
    }
}

#[test]
fn under_a_filter_owner_and_mode_are_still_told_as_such() {
    let own = Own::<Bare>::create_unattached();
    let Some(peer) = peer!().as_nobody() else { return };
    let mut peer = peer.start_bare();
    // One that refuses something else.
    if !refuse(&mut peer, "msgget", libc::EPERM) {
        return;
    }
    assert_says(&peer.failure(format!("from_id {}", own.id())), "Permission", &["mode 0600"]);
    own.set_permissions(Permissions { mode: 0o666, ..own.stat().unwrap().permissions }).unwrap();
    peer.number(format!("from_id {}", own.id()));
    assert_says(&peer.failure("remove"), "NotOwner", &["this process is uid 65534", "owner uid 0"]);
}

#[test]
fn a_lock_that_a_filter_refuses_is_not_taken_for_an_overwritten_one() {
    let segment = Own::<sync::Board>::create_unattached();
    let board = segment.attach().unwrap();
    let held = board.first.lock().unwrap();
    for errno in [libc::EPERM, libc::ENOSYS] {
        let mut peer = peer!().start_with("sync");
        if !refuse(&mut peer, "futex", errno) {
            return;
        }
        let said = peer.ask(format!("lock-and-say {} 0", segment.id()));
        assert!(said.contains("FUTEX_LOCK_PI") && said.contains("seccomp"), "{said}");
    }
    drop(held);
}

#[test]
fn a_filter_that_does_not_know_the_newest_way_to_lock_is_got_round() {
    let segment = Own::<sync::Board>::create_unattached();
    let board = segment.attach().unwrap();
    for errno in [libc::EPERM, libc::ENOSYS] {
        let held = board.first.lock().unwrap();
        let mut peer = peer!().start_with("sync");
        if !refuse(&mut peer, "futex_lock_pi2", errno) {
            return;
        }
        peer.send(format!("lock-and-say {} 0", segment.id()));
        // An error would not wait.
        assert!(peer.is_silent(Duration::from_millis(30)));
        drop(held);
        assert_eq!(peer.answer().unwrap(), "locked");
    }
}

#[test]
fn where_no_futex_may_be_used_an_event_is_still_counted_and_seen() {
    const ROUNDS: u64 = 20;
    let segment = Own::<sync::Board>::create_unattached();
    for (call, errno) in [
        ("futex(2)", libc::EPERM),
        ("futex(2)", libc::ENOSYS),
        ("futex_wake_op", libc::EPERM),
        ("futex_wake_op", libc::ENOSYS),
    ] {
        let board = segment.attach().unwrap();
        board.round.store(0, SeqCst);
        let mut peer = peer!().start_with("sync");
        if !refuse(&mut peer, call, errno) {
            return;
        }
        let pongs = board.pong.listen();
        peer.send(format!("pong {} {ROUNDS}", segment.id()));
        for round in 0..ROUNDS {
            board.round.store(2 * round + 1, SeqCst);
            board.ping.notify_all();
            let answered = || board.round.load(SeqCst) == 2 * round + 2;
            while !answered() {
                let pong = board.pong.listen();
                if !answered() {
                    // A peer that may not wake whom the kernel has asleep: so not for long.
                    let _ = pong.wait_timeout(Duration::from_millis(5));
                }
            }
        }
        peer.answer().unwrap();
        assert!(pongs.wait_timeout(Duration::ZERO), "{call} {errno}: nothing was counted");
    }
}

#[test]
fn a_kernel_that_cannot_make_pages_present_at_once_is_named() {
    let own = OwnKey::new();
    let mut peer = peer!().start_bare();
    peer.number(format!("create {}", own.value()));
    peer.ask("attach");
    // What a kernel before 5.14 says.
    if refuse(&mut peer, "madvise", libc::EINVAL) {
        assert_says(
            &peer.failure("prefault"),
            "InvalidInput",
            &["cannot prefault Bare", "Linux 5.14", "instead"],
        );
    }
}

#[test]
fn an_id_of_another_ipc_namespace_is_said_to_be_perhaps_one() {
    let segment = Own::<Bare>::create_unattached();
    let Some(peer) = peer!().in_namespace::<u64>(&[]) else { return };
    let mut peer = peer.start_bare();
    let namespace = std::fs::read_link(format!("/proc/{}/ns/ipc", peer.pid())).unwrap();
    let id = match segment.id() {
        0 => 1,
        id => id,
    };
    let failure = peer.failure(format!("from_id {id}"));
    let head = format!("cannot open Bare (shmid {id}): no segment has this shmid here");
    let parts = [
        &*head,
        "another IPC namespace",
        namespace.to_str().unwrap(),
        "`readlink /proc/PID/ns/ipc`",
        "`ipcs -m`",
    ];
    assert_says(&failure, "NoSuchId", &parts);
    let mut peer = peer!().ipc();
    let failure = peer.failure(format!("queue_from_id {}", i32::MAX));
    assert_says(&failure, "NoSuchId", &["no message queue has this msqid here", "`ipcs -q`"]);
}

#[test]
fn an_id_whose_place_has_another_segment_now_names_that() {
    let Some(peer) = peer!().in_namespace::<u64>(&[]) else { return };
    let mut peer = peer.start_bare();
    let first = peer.number("create_private");
    peer.ask("remove");
    // The kernel goes around its table; an id is a place in it plus 2^15 times a number that is new each time.
    let successor = (0..40_000).find_map(|_| {
        let id = peer.number("create_private");
        if id & 0x7fff == first & 0x7fff {
            return Some(id);
        }
        peer.ask("remove");
        None
    });
    let Some(successor) = successor else { return skip("this kernel's table of segments is larger") };
    assert_ne!(successor, first);
    let failure = peer.failure(format!("from_id {first}"));
    let other = format!("Its place in the kernel's table has another segment now, shmid {successor}");
    assert_says(&failure, "NoSuchId", &[&other]);
}

#[test]
fn where_segments_go_when_no_process_is_attached_the_errors_that_it_explains_say_so() {
    for (forced, said) in [(1, true), (0, false)] {
        let Some(peer) = peer!().in_namespace(&[("shm_rmid_forced", forced)]) else { return };
        let mut peer = peer.start_bare();
        let id = peer.number("create 77");
        peer.ask("attach");
        peer.ask("detach");
        if !said {
            peer.ask("remove");
        }
        for (command, kind) in [
            ("attach".to_owned(), "Removed"),
            ("open 77".to_owned(), "NotFound"),
            (format!("from_id {id}"), "NoSuchId"),
        ] {
            let failure = peer.failure(command);
            assert_says(&failure, kind, &[]);
            let setting =
                "`kernel.shm_rmid_forced` is 1: the kernel removes each segment as soon as no process is";
            assert_eq!(failure.text.contains(setting), said, "{}", failure.text);
        }
    }
}

#[test]
fn a_segment_that_a_forked_child_keeps_from_being_replaced_says_that_children_count() {
    let own = OwnKey::new();
    let mut creator = peer!().start();
    creator.number(format!("create {}", own.value()));
    creator.kill();
    let mut peer = peer!().start();
    peer.number(format!("open {}", own.value()));
    peer.ask("attach");
    peer.ask("fork");
    let create = || Board::options().key(own.key()).reclaim_stale(true).create();
    let error = create().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AlreadyExists { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("2 attached") && text.contains("attached (2 in all)"), "{text}");
    assert!(text.contains("A child that was forked from an attached process counts too"), "{text}");
    peer.ask("reap");
    peer.ask("detach");
    create().unwrap();
}

#[test]
fn a_user_without_a_number_here_is_named() {
    let names = |error: Error| {
        assert!(matches!(error.kind(), ErrorKind::NoSuchUser { uid: u32::MAX, gid: 0, .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("uid 4294967295") && text.contains("/proc/self/uid_map"), "{text}");
    };
    let permissions = Permissions { uid: u32::MAX, gid: 0, mode: 0o600 };
    let segment = Own::<Bare>::create_unattached();
    names(segment.set_permissions(permissions).unwrap_err());
    assert_eq!(oracle::by_id(segment.id()).unwrap().perms, 0o600);
    let semaphore = Semaphore::create(Key::private(), 1).unwrap().remove_on_drop();
    names(semaphore.set_permissions(permissions).unwrap_err());
}
