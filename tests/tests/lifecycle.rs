//! A segment from its creation to its end, as the kernel and `ipcs` see it.

use std::path::PathBuf;

use shm_runtime::{ErrorKind, Key, Permissions, Segment, SharedSegment};
use shm_tests::key::{Own, OwnKey};
use shm_tests::structs::{Bare, Board};
use shm_tests::temp::TempDir;
use shm_tests::{oracle, peer};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(ftok(path = key_file(), project = 'L'), mode = 0o640)]
struct Keyed {
    value: u64,
}

/// A file of this test's own: each test is a thread.
fn key_file() -> PathBuf {
    thread_local! {
        static DIR: TempDir = TempDir::new();
    }
    DIR.with(|dir| {
        let path = dir.path().join("key");
        if !path.exists() {
            std::fs::write(&path, "").unwrap();
        }
        path
    })
}

/// Removes what a failed test left under the derive's key.
struct RemoveKeyed;

impl Drop for RemoveKeyed {
    fn drop(&mut self) {
        // There is none when the test came to its end.
        let _ = Keyed::remove();
    }
}

fn kind<T>(result: Result<T, shm_runtime::Error>) -> String {
    match result {
        Ok(_) => "fine".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

#[test]
fn create_makes_a_segment_with_the_key_mode_size_and_owner() {
    let own = OwnKey::new();
    let segment = Bare::options().key(own.key()).mode(0o627).create().unwrap();
    let row = oracle::by_id(segment.id()).unwrap();
    assert_eq!(row.key, own.value());
    assert_eq!(row.perms, 0o627, "the umask has no part in it");
    assert_eq!(row.size, size_of::<Bare>());
    assert_eq!((row.nattch, row.cpid), (0, std::process::id()));
    let ipcs = oracle::ipcs(segment.id());
    assert_eq!(ipcs["mode"], "0627");
    assert_eq!(ipcs["bytes"], size_of::<Bare>().to_string());
    assert_eq!((segment.key(), segment.size()), (own.value(), size_of::<Bare>()));
}

#[test]
fn a_new_segment_is_the_owners_alone_and_zero() {
    let segment = Own::<Board>::create();
    assert_eq!(oracle::by_id(segment.id()).unwrap().perms, 0o600);
    assert!(segment.size() >= size_of::<Board>());
    let board = segment.attach_read_only().unwrap();
    assert_eq!(board.part.value.get(), 0);
    assert!(!board.part.flags.one.get());
    assert_eq!(board.part.text.get(), [0; 16]);
}

#[test]
fn the_functions_of_the_trait_use_the_key_and_mode_of_the_attribute() {
    let _remove = RemoveKeyed;
    let key = Key::ftok(key_file(), b'L').value().unwrap();
    assert_eq!(kind(Keyed::open()), "NotFound");
    assert_eq!(kind(Keyed::remove()), "NotFound");

    let created = Keyed::create().unwrap();
    let row = oracle::by_key(key).unwrap();
    assert_eq!((row.id, row.perms), (created.id(), 0o640));
    assert!(kind(Keyed::create()).starts_with("AlreadyExists"));
    assert!(kind(Keyed::create_with(|_| panic!("it exists"))).starts_with("AlreadyExists"));
    assert_eq!(Keyed::open().unwrap().id(), created.id());
    assert_eq!(Keyed::open_or_create().unwrap().id(), created.id());
    let opened = Keyed::open_or_create_with(|_| panic!("it exists")).unwrap();
    assert_eq!(opened.id(), created.id());
    Keyed::remove().unwrap();
    assert_eq!(oracle::by_key(key), None);

    let created = Keyed::create_with(|keyed| keyed.value.set(5)).unwrap();
    assert_eq!(created.attach().unwrap().value.get(), 5);
    Keyed::remove().unwrap();
    let created = Keyed::open_or_create().unwrap();
    assert_eq!(created.attach().unwrap().value.get(), 0);
    Keyed::remove().unwrap();
    let created = Keyed::open_or_create_with(|keyed| keyed.value.set(6)).unwrap();
    assert_eq!(created.attach().unwrap().value.get(), 6);
    assert_eq!(oracle::by_key(key).unwrap().perms, 0o640);
    Keyed::remove().unwrap();
    assert_eq!(oracle::by_key(key), None);
}

#[test]
fn what_one_process_creates_another_opens_by_key_or_by_id() {
    let own = OwnKey::new();
    let mut peer = peer!().start();
    let id = peer.number(format!("create {}", own.value()));
    let opened = Board::options().key(own.key()).open().unwrap();
    assert_eq!((opened.id(), opened.key()), (id, own.value()));
    let by_id = Segment::<Board>::from_id(id).unwrap();
    assert_eq!((by_id.id(), by_id.key()), (id, 0));
    opened.attach().unwrap().part.value.set(42);
    peer.ask("attach_read_only");
    assert_eq!(peer.number("get"), 42);
    assert_eq!(by_id.attach_read_only().unwrap().part.value.get(), 42);
}

#[test]
fn create_with_that_panics_leaves_nothing_behind() {
    let own = OwnKey::new();
    let mut created = None;
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let options = &mut Board::options();
        options.key(own.key()).create_with(|board| {
            board.part.value.set(1);
            created = oracle::by_key(own.value());
            std::panic::resume_unwind(Box::new("init fails"));
        })
    }));
    assert!(panicked.is_err());
    let created = created.expect("init sees the segment");
    assert_eq!(oracle::by_id(created.id), None);
    assert_eq!(oracle::by_key(own.value()), None);
}

#[test]
fn open_or_create_with_that_panics_leaves_nothing_behind() {
    let own = OwnKey::new();
    let panicked = std::panic::catch_unwind(|| {
        let init = |_: &_| std::panic::resume_unwind(Box::new("init fails"));
        Board::options().key(own.key()).open_or_create_with(init)
    });
    assert!(panicked.is_err());
    assert_eq!(oracle::by_key(own.value()), None);
}

#[test]
fn a_segment_removed_while_attached_works_on_and_goes_with_the_last_attachment() {
    let own = OwnKey::new();
    let mut peer = peer!().start();
    let segment = Board::options().key(own.key()).create().unwrap();
    let board = segment.attach().unwrap();
    peer.number(format!("open {}", own.value()));
    peer.ask("attach");

    segment.remove().unwrap();
    let row = oracle::by_id(segment.id()).unwrap();
    assert_eq!((row.key, row.perms & 0o1000, row.nattch), (0, 0o1000, 2));
    let stat = segment.stat().unwrap();
    assert_eq!((stat.key, stat.removed, stat.attached), (0, true, 2));
    assert_eq!(oracle::by_key(own.value()), None);

    board.part.value.set(77);
    assert_eq!(peer.number("get"), 77);
    drop(board);
    assert_eq!(oracle::attached(segment.id()), 1);
    peer.ask("detach");
    assert_eq!(oracle::by_id(segment.id()), None);
    assert_eq!(kind(segment.stat()), "Removed");
}

#[test]
fn a_removed_segment_frees_its_key_and_remove_by_key_takes_the_one_that_has_it_now() {
    let own = OwnKey::new();
    let mut options = Board::options();
    let first = options.key(own.key()).create().unwrap();
    let board = first.attach().unwrap();
    options.remove().unwrap();
    let second = options.create().unwrap();
    assert_ne!(first.id(), second.id());
    assert_eq!(oracle::by_key(own.value()).unwrap().id, second.id());

    // By id it cannot hit the successor.
    drop(board);
    assert_eq!(kind(first.remove()), "Removed");
    assert_eq!(oracle::by_key(own.value()).unwrap().id, second.id());
    // By key it hits just that; and its creator was the last to be attached.
    options.remove().unwrap();
    let id = second.id();
    drop(second);
    assert_eq!(oracle::by_id(id), None);
    assert_eq!(kind(options.remove()), "NotFound");
}

#[test]
fn an_attachment_made_by_a_guard_keeps_the_segment_until_the_last_of_both_is_dropped() {
    let own = OwnKey::new();
    let mut options = Board::options();
    options.key(own.key());
    let there = || oracle::by_key(own.value()).is_some();

    // In one expression: the guard itself is dropped at its end.
    let board = options.create().unwrap().remove_on_drop().attach().unwrap();
    board.part.value.set(7);
    assert!(there());
    assert_eq!(options.open().unwrap().attach_read_only().unwrap().part.value.get(), 7);
    drop(board);
    assert!(!there());

    let board = options.create().unwrap().remove_on_drop().attach_read_only().unwrap();
    assert!(there());
    board.detach().unwrap();
    assert!(!there());

    let guard = options.create().unwrap().remove_on_drop();
    let (first, second) = (guard.attach().unwrap(), guard.attach_write_only().unwrap());
    drop(first);
    drop(guard);
    assert!(there());
    drop(second);
    assert!(!there());

    // What is kept is kept, whatever is attached.
    let guard = options.create().unwrap().remove_on_drop();
    let board = guard.attach().unwrap();
    let kept = guard.keep();
    drop(board);
    assert!(there());
    kept.remove().unwrap();
}

#[test]
fn remove_on_drop_removes_at_the_end_of_its_scope_and_at_a_panic_but_not_what_is_kept() {
    let own = OwnKey::new();
    let mut options = Board::options();
    options.key(own.key());
    let guard = options.create().unwrap().remove_on_drop();
    assert!(oracle::by_id(guard.id()).is_some());
    drop(guard);
    assert_eq!(oracle::by_key(own.value()), None);

    let guard = options.create().unwrap().remove_on_drop();
    let panicked = std::panic::catch_unwind(move || {
        let _guard = guard;
        std::panic::resume_unwind(Box::new("a failure"));
    });
    assert!(panicked.is_err());
    assert_eq!(oracle::by_key(own.value()), None);

    let kept = options.create().unwrap().remove_on_drop().keep();
    assert_eq!(oracle::by_key(own.value()).unwrap().id, kept.id());
}

#[test]
fn every_private_segment_is_another_and_is_found_by_its_id() {
    let first = Own::<Board>::create();
    let second = Board::open_or_create().unwrap().remove_on_drop();
    assert_ne!(first.id(), second.id());
    assert_eq!(oracle::by_id(first.id()).unwrap().key, 0);
    let mut peer = peer!().start();
    assert_eq!(peer.number(format!("from_id {}", first.id())), first.id());
    peer.ask("attach");
    peer.ask("set 11");
    assert_eq!(first.attach_read_only().unwrap().part.value.get(), 11);
    assert_eq!(second.attach_read_only().unwrap().part.value.get(), 0);
    match Board::open().unwrap_err().kind() {
        ErrorKind::InvalidInput { reason, .. } => assert!(reason.contains("from_id")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn set_permissions_sets_owner_group_and_mode() {
    let segment = Own::<Board>::create();
    let before = oracle::by_id(segment.id()).unwrap();
    let permissions = segment.stat().unwrap().permissions;
    assert_eq!((permissions.uid, permissions.gid, permissions.mode), (before.uid, before.gid, 0o600));
    segment.set_permissions(Permissions { mode: 0o464, ..permissions }).unwrap();
    let after = oracle::by_id(segment.id()).unwrap();
    assert_eq!((after.uid, after.gid, after.perms), (before.uid, before.gid, 0o464));
    // The creator stays one, and so may still remove what it gave away.
    let given = Permissions { uid: 4242, gid: 2424, mode: 0o600 };
    segment.set_permissions(given).unwrap();
    let after = oracle::by_id(segment.id()).unwrap();
    assert_eq!((after.uid, after.gid, after.perms), (4242, 2424, 0o600));
    assert_eq!((after.cuid, after.cgid), (before.cuid, before.cgid));
}
