//! No test leaves a segment behind, not even one that fails.

use shm_runtime::{Segment, SharedSegment};
use shm_tests::key::{OwnId, OwnKey};
use shm_tests::structs::{Bare, Board};
use shm_tests::{hygiene, oracle, peer};

#[test]
fn a_test_binary_that_leaves_a_segment_behind_fails_and_removes_it() {
    let peer = peer!().command(&["bare", "leaves-a-segment-behind"]).output().unwrap();
    let said = String::from_utf8(peer.stdout).unwrap();
    let id = said.trim().strip_prefix("ok\t").unwrap().parse().expect("an id");
    let _own = OwnId::new(id);
    assert_eq!(peer.status.code(), Some(hygiene::LEFT_BEHIND));
    let said = String::from_utf8(peer.stderr).unwrap();
    assert!(said.contains(&format!("left behind: [Row {{ key: 0, id: {id}, ")), "{said}");
    assert_eq!(oracle::by_id(id), None);
}

#[test]
fn a_test_that_panics_removes_the_segment_of_its_key_whichever_process_made_it() {
    let own = OwnKey::new();
    let value = own.value();
    let mut peer = peer!().start();
    let id = peer.number(format!("create {value}"));
    assert!(oracle::by_id(id).is_some());
    let test = std::thread::spawn(move || {
        let _own = own;
        // Without the message of a panic in the output.
        std::panic::resume_unwind(Box::new("a failing test"));
    });
    assert!(test.join().is_err());
    assert_eq!(oracle::by_key(value), None);
    // The process that created it is attached to it, and it goes with the last one.
    drop(peer);
    assert_eq!(oracle::by_id(id), None);
}

#[test]
fn a_guard_of_an_id_removes_only_that_segment() {
    let own = OwnKey::new();
    let first = Board::options().key(own.key()).create().unwrap();
    let guard = OwnId::new(first.id());
    first.remove().unwrap();
    let second = Board::options().key(own.key()).create().unwrap();
    drop(guard);
    assert_eq!(oracle::by_key(own.value()).unwrap().id, second.id());
}

#[test]
fn no_two_tests_have_one_key() {
    let keys: Vec<OwnKey> = (0..50).map(|_| OwnKey::new()).collect();
    let mut values: Vec<i32> = keys.iter().map(OwnKey::value).collect();
    values.sort_unstable();
    values.dedup();
    assert_eq!(values.len(), keys.len());
}

#[test]
fn dropping_a_segment_does_not_remove_it() {
    let id = Bare::create().unwrap().id();
    let _own = OwnId::new(id);
    let same = Segment::<Bare>::from_id(id).unwrap();
    drop(same.clone());
    drop(same.attach().unwrap());
    assert_eq!(oracle::by_id(id).unwrap().perms & 0o1000, 0);
}
