//! Which process ends what a guard stands for: the one that made the guard, and no child that has a copy.

use shm_runtime::sem::SemaphoreSet;
use shm_runtime::{Key, RemoveOnDrop, Segment};
use shm_tests::child::{Child, Failure};
use shm_tests::key::OwnId;
use shm_tests::oracle::Table;
use shm_tests::structs::Board;
use shm_tests::{eventually, oracle, peer, skip};

/// By the C library, and by the system call, of which the library is not told.
const MANNERS: [&str; 2] = ["fork", "raw"];

fn peer() -> Child {
    peer!().guards()
}

/// A segment, a set and a queue that a peer made; removed when this is dropped.
struct Made([i32; 3]);

impl Made {
    fn by(peer: &mut Child) -> Self {
        let ids = peer.ask("make");
        let ids: Vec<i32> = ids.split(' ').map(|id| id.parse().unwrap()).collect();
        Self(ids.try_into().unwrap())
    }

    /// Which of them the kernel's tables have, and not as removed.
    fn there(&self) -> [bool; 3] {
        let tables = Table::ALL.into_iter().zip(self.0);
        let has: Vec<bool> =
            tables.map(|(table, id)| table.by_id(id).is_some_and(|row| row.perms & 0o1000 == 0)).collect();
        has.try_into().unwrap()
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for (table, id) in Table::ALL.into_iter().zip(self.0) {
            table.remove(id);
        }
    }
}

#[test]
fn what_a_forked_child_drops_stays_until_its_parent_drops_it() {
    for manner in MANNERS {
        for what in ["drop", "panic", "keep", "exit"] {
            let mut peer = peer();
            let made = Made::by(&mut peer);
            peer.ask(format!("in_child {manner} {what}"));
            assert_eq!(made.there(), [true; 3], "{manner} {what}");
            peer.ask("guards drop");
            assert_eq!(made.there(), [false; 3], "{manner} {what}");
        }
    }
}

#[test]
fn a_forked_child_can_remove_by_a_call() {
    for manner in MANNERS {
        let mut peer = peer();
        let made = Made::by(&mut peer);
        peer.ask(format!("in_child {manner} remove"));
        assert_eq!(made.there(), [false; 3], "{manner}");
    }
}

#[test]
fn a_child_with_the_pid_of_its_parent_is_not_taken_for_its_parent() {
    let mut peer = peer();
    if peer.ask("become_pid_1") == "false" {
        skip("making a pid namespace takes root");
        return;
    }
    let child = peer.ask("pid_in_child pidns");
    assert_eq!((child.as_str(), peer.line().as_str()), ("1", "ok\t1"), "both have it");
    let made = Made::by(&mut peer);
    peer.ask("in_child pidns drop");
    assert_eq!(made.there(), [true; 3]);
    assert_eq!(seen_in_create_with(&mut peer, "pidns", "return"), "NotReady");
    peer.ask("guards drop");
    assert_eq!(made.there(), [false; 3]);
}

#[test]
fn a_kernel_that_wipes_no_pages_changes_nothing() {
    let mut peer = peer();
    if peer.ask("without_wiped_pages") == "false" {
        skip("a filter for system calls is forbidden here");
        return;
    }
    for manner in MANNERS {
        let made = Made::by(&mut peer);
        peer.ask(format!("in_child {manner} drop"));
        assert_eq!(made.there(), [true; 3], "{manner}");
        peer.ask("guards drop");
        assert_eq!(made.there(), [false; 3], "{manner}");
    }
}

#[test]
fn a_guard_from_before_daemonizing_removes_nothing_and_one_made_after_does() {
    let mut peer = peer();
    let made = Made::by(&mut peer);
    peer.ask("daemonize");
    assert_eq!(made.there(), [true; 3], "the first process has ended");
    peer.ask("guards drop");
    assert_eq!(made.there(), [true; 3]);

    let adopted = Made::by(&mut peer);
    peer.ask("daemonize");
    peer.ask("guards adopt");
    assert_eq!(adopted.there(), [false; 3]);
}

/// Has the peer fork in an initialiser, and the child do something there. Checks that the segment is its parent's, made to
/// the end; returns what the child says.
fn seen_in_create_with(peer: &mut Child, manner: &str, what: &str) -> String {
    peer.send(format!("create_with {manner} {what}"));
    let seen = if what == "exit" { String::new() } else { peer.line() };
    let answer = peer.line();
    let id = answer.strip_prefix("ok\t").unwrap_or_else(|| panic!("{manner} {what}: {answer}"));
    let id = id.parse().unwrap();
    let _own = OwnId::new(id);
    assert_eq!(oracle::by_id(id).unwrap().perms & 0o1000, 0, "{manner} {what}: not removed");
    let board = Segment::<Board>::from_id(id).unwrap().attach_read_only();
    let board = board.unwrap_or_else(|error| panic!("{manner} {what}: {error}"));
    assert_eq!(board.part.value.get(), 7, "{manner} {what}");
    seen
}

#[test]
fn a_child_forked_in_an_initialiser_neither_ends_nor_finishes_what_its_parent_makes() {
    for manner in MANNERS {
        let mut peer = peer();
        assert_eq!(seen_in_create_with(&mut peer, manner, "panic"), "panicked");
        assert_eq!(seen_in_create_with(&mut peer, manner, "exit"), "");
        // It has a segment that its parent still initialises, and waits for that as all do.
        assert_eq!(seen_in_create_with(&mut peer, manner, "return"), "NotReady");
    }
}

/// Waits until the process is a zombie, which it stays until its `Child` is dropped.
fn until_ended(pid: u32) {
    let path = format!("/proc/{pid}/stat");
    eventually(|| std::fs::read_to_string(&path).unwrap().contains(") Z "));
}

fn set() -> RemoveOnDrop<SemaphoreSet<2>> {
    SemaphoreSet::options(Key::private()).create_set([3, 5]).unwrap().remove_on_drop()
}

fn values(set: &SemaphoreSet<2>) -> [u16; 2] {
    set.state().unwrap().map(|state| state.value)
}

#[test]
fn releasing_a_permit_in_a_forked_child_is_an_error_that_releases_nothing() {
    let set = set();
    for manner in MANNERS {
        for undo in ["undo", "keep"] {
            let mut peer = peer();
            peer.ask(format!("acquire {} {undo}", set.id()));
            let Failure { kind, text, .. } = peer.failure(format!("release_in_child {manner}"));
            assert_eq!(peer.answer().unwrap(), "");
            assert_eq!(kind, "NotHolder");
            let (holder, semid) = (format!("pid {}", peer.pid()), format!("semid {}", set.id()));
            for part in [&holder, &semid, "forked from it", "That process releases them", "after fork"] {
                assert!(text.contains(part), "{part} in {text}");
            }
            assert_eq!(values(&set), [2, 3], "{manner} {undo}");
            peer.ask("release");
            assert_eq!(values(&set), [3, 5], "{manner} {undo}");
        }
    }
}

#[test]
fn releasing_a_permit_from_before_daemonizing_is_an_error_that_says_what_became_of_it() {
    let set = set();
    for (undo, left, words) in
        [("undo", [3, 5], "The kernel released them"), ("keep", [2, 3], "released nothing, as `undo` is off")]
    {
        let mut peer = peer();
        peer.ask(format!("acquire {} {undo}", set.id()));
        peer.ask("daemonize");
        until_ended(peer.pid());
        assert_eq!(values(&set), left, "{undo}");
        let Failure { kind, text, .. } = peer.failure("release");
        assert_eq!(kind, "NotHolder");
        for part in [&format!("pid {}", peer.pid()), words, "daemonizing"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(values(&set), left, "{undo}");
        peer.ask(format!("acquire {} {undo}", set.id()));
        peer.ask("drop");
        assert_eq!(values(&set), left, "{undo}: one that it acquired itself");
    }
}

#[test]
fn a_child_made_without_the_c_library_has_no_lock_and_no_role_of_its_parent() {
    for manner in MANNERS {
        let mut peer = peer();
        peer.send(format!("roles_in_child {manner}"));
        let line = peer.line();
        let [relocked, written, after] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        // The holder is another thread, and stays it when the child drops its copy of the guard.
        let held = format!("WouldBlock {{ holder: {} }}", peer.pid());
        assert!(relocked.contains(&held) && after.contains(&held), "{manner}: {line}");
        assert!(written.contains("Lost"), "{manner}: {line}");
        assert_eq!(peer.answer().unwrap(), "Some(AlreadyHeld) true", "{manner}");
    }
}
