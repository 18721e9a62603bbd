//! What goes wrong at run time says what was tried, on which segment, both sides' values and the way out.

use std::error::Error as _;

use shm_runtime::msg::Queue;
use shm_runtime::sem::Semaphore;
use shm_runtime::{Error, ErrorKind, Key, Permissions, Record, Segment, SharedSegment};
use shm_tests::key::{Own, OwnKey};
use shm_tests::structs::{Bare, Board};
use shm_tests::temp::TempDir;
use shm_tests::{oracle, peer, skip};

/// Every one of these is in the text.
fn assert_says(error: &Error, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
    assert_eq!(format!("{error:?}"), text, "`unwrap` shows the same");
}

#[test]
fn a_second_create_says_who_made_the_first() {
    let own = OwnKey::new();
    let mut peer = peer!().start();
    let id = peer.number(format!("create {} 640", own.value()));
    peer.ask("attach");
    let error = Board::options().key(own.key()).create().unwrap_err();
    let ErrorKind::AlreadyExists { existing: Some(existing), .. } = error.kind() else { panic!("{error}") };
    let Record::Segment(existing) = &**existing else { panic!("{error}") };
    assert_eq!((existing.permissions.mode, existing.attached), (0o640, 1));
    assert_eq!(existing.creator_pid.cast_unsigned(), peer.pid());
    assert_eq!((error.operation(), error.key(), error.id()), ("create", Some(own.key()), Some(id)));
    // As ipcs shows it.
    assert_eq!(format!("{:?}", error.key().unwrap()), format!("key {:#010x}", own.value()));
    let head = format!("cannot create Board (key {:#010x}, shmid {id}): ", own.value());
    let creator = format!("created by pid {} (peer) ", peer.pid());
    let remove = format!("`Board::remove()` or `ipcrm -m {id}`");
    assert_says(&error, &[&head, "mode 0640", &creator, "1 attached", "`Board::open()`", &remove]);
    assert!(error.source().is_none());

    peer.kill();
    let error = Board::options().key(own.key()).create().unwrap_err();
    assert_says(&error, &["(which is gone)", "0 attached"]);
}

#[test]
fn what_does_not_exist_is_not_found_by_its_key() {
    let own = OwnKey::new();
    let mut options = Bare::options();
    options.key(own.key());
    let error = options.open().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound));
    assert_eq!((error.key(), error.id()), (Some(own.key()), None));
    let head = format!("cannot open Bare (key {:#010x}): ", own.value());
    assert_says(&error, &[&head, "`Bare::create()`"]);
    let name = format!("org.example.{}", own.value());
    let error = Bare::options().key(Key::name(name.clone())).open().unwrap_err();
    assert_says(&error, &[&format!("name {name:?}")]);
}

#[test]
fn to_remove_what_does_not_exist_is_an_error_that_does_not_say_to_create_it() {
    let own = OwnKey::new();
    let removed = [
        ("Bare", "ipcs -m", Bare::options().key(own.key()).remove()),
        ("semaphore set", "ipcs -s", Semaphore::options(own.key()).remove()),
        ("message queue", "ipcs -q", Queue::<u32>::options(own.key()).remove()),
    ];
    for (what, list, removed) in removed {
        let error = removed.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotFound));
        assert_eq!((error.operation(), error.key()), ("remove", Some(own.key())));
        let key = format!("(key {:#010x})", own.value());
        assert_says(
            &error,
            &["cannot remove ", what, &key, "nothing to remove", "`ErrorKind::NotFound`", list],
        );
        assert!(!error.to_string().contains("create("), "{error}");
    }
}

#[test]
fn after_its_key_file_was_replaced_a_segment_is_not_found_and_the_error_says_why() {
    let dir = TempDir::new();
    let file = dir.file("key", "");
    let mut options = Bare::options();
    options.key(Key::ftok(&file, b'E'));
    let created = options.create().unwrap().remove_on_drop();
    assert_eq!(options.open().unwrap().id(), created.id());

    // As an editor saves: a new file under the old name.
    std::fs::rename(dir.file("new", ""), &file).unwrap();
    let error = options.open().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound), "{error}");
    let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&file).unwrap());
    let derived = format!("ftok({file:?}, 'E') of inode {inode}");
    assert_says(&error, &[&derived, "replaced", &format!("now {inode}")]);
    assert_ne!(error.key(), Some(Key::fixed(created.key().cast_unsigned())));
}

#[test]
fn a_missing_key_file_is_an_error_that_names_it_and_the_system_s_reason() {
    let dir = TempDir::new();
    let missing = dir.path().join("missing");
    let key = Key::ftok(&missing, b'E');
    let mut options = Bare::options();
    options.key(key.clone());
    for error in [
        options.create().unwrap_err(),
        options.open().unwrap_err(),
        options.open_or_create().unwrap_err(),
        options.remove().unwrap_err(),
        key.value().unwrap_err(),
    ] {
        let ErrorKind::KeyFile { source, .. } = error.kind() else { panic!("{error}") };
        assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
        let derived = format!("ftok({missing:?}, 'E')");
        assert_says(&error, &[&derived, "No such file", "`name`"]);
        assert!(error.source().unwrap().to_string().contains("No such file"));
        assert_eq!(error.key(), None);
    }
}

#[test]
fn what_makes_no_sense_is_refused_before_the_kernel_is_asked() {
    let own = OwnKey::new();
    let segment = Bare::options().key(own.key()).create().unwrap();
    let permissions = Permissions { mode: 0o1000, ..segment.stat().unwrap().permissions };
    let private = Key::private();
    for (error, parts) in [
        (Bare::options().mode(0o1000).create().unwrap_err(), ["cannot create Bare (private)", "0o777"]),
        (Bare::options().mode(u32::MAX).create().unwrap_err(), ["cannot create Bare", "0o777"]),
        (segment.set_permissions(permissions).unwrap_err(), ["cannot set the permissions of Bare", "0o777"]),
        (Bare::options().open().unwrap_err(), ["cannot open Bare (private)", "`Segment::from_id`"]),
        (
            Bare::options().key(private).remove().unwrap_err(),
            ["cannot remove Bare (private)", "`Segment::from_id`"],
        ),
        (
            Bare::options().key(Key::fixed(0)).create().unwrap_err(),
            ["cannot create Bare", "`Key::private()`"],
        ),
        (Bare::options().key(Key::ftok("/", 0)).create().unwrap_err(), ["ftok(\"/\", 0)", "1 to 255"]),
        (
            Bare::options().huge_pages(true).no_reserve(true).create().unwrap_err(),
            ["cannot create Bare", "SIGBUS"],
        ),
    ] {
        assert!(matches!(error.kind(), ErrorKind::InvalidInput { .. }), "{error}");
        assert_says(&error, &parts);
    }
    assert_eq!(oracle::by_id(segment.id()).unwrap().perms, 0o600);
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Small {
    bytes: [u8; 100],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Large {
    bytes: [u8; 101],
}

#[test]
fn a_segment_of_another_size_is_refused_with_both_sizes() {
    let own = OwnKey::new();
    let check = |error: Error, theirs: usize, ours: usize| {
        match *error.kind() {
            ErrorKind::SizeDiffers { found, expected, .. } => assert_eq!((found, expected), (theirs, ours)),
            _ => panic!("{error}"),
        }
        assert_says(&error, &[&format!("has {theirs} bytes"), &format!("has {ours}"), "shmid "]);
    };
    let small = Small::options().key(own.key()).create().unwrap();
    check(Large::options().key(own.key()).open().unwrap_err(), 100, 101);
    check(Large::options().key(own.key()).open_or_create().unwrap_err(), 100, 101);
    check(Segment::<Large>::from_id(small.id()).unwrap_err(), 100, 101);
    let larger = Large::options().key(own.key()).allow_larger(true).open().unwrap_err();
    check(larger, 100, 101);
    small.remove().unwrap();

    let large = Large::options().key(own.key()).create().unwrap();
    check(Small::options().key(own.key()).open().unwrap_err(), 101, 100);
    check(Segment::<Small>::from_id(large.id()).unwrap_err(), 101, 100);
    let opened = Small::options().key(own.key()).allow_larger(true).open().unwrap();
    assert_eq!((opened.id(), opened.size()), (large.id(), 101));
    opened.attach().unwrap().bytes[99].set(7);
    assert_eq!(large.attach().unwrap().bytes[99].get(), 7);
    // By key, and whatever its size.
    Small::options().key(own.key()).remove().unwrap();
    assert_eq!(oracle::by_id(large.id()), None);
}

#[test]
fn every_call_on_a_removed_segment_says_that_it_was_removed() {
    let own = OwnKey::new();
    let segment = Bare::options().key(own.key()).create().unwrap();
    let permissions = segment.stat().unwrap().permissions;
    segment.remove().unwrap();
    // A successor under the same key does not stand in for it.
    let successor = Bare::options().key(own.key()).create().unwrap();
    let head = format!("Bare (key {:#010x}, shmid {}): ", own.value(), segment.id());
    for (operation, error) in [
        ("attach", segment.attach().unwrap_err()),
        ("attach", segment.attach_read_only().unwrap_err()),
        ("attach", segment.attach_write_only().err().unwrap()),
        ("stat", segment.stat().unwrap_err()),
        ("lock", segment.lock().unwrap_err()),
        ("unlock", segment.unlock().unwrap_err()),
        ("set the permissions of", segment.set_permissions(permissions).unwrap_err()),
        ("remove", segment.remove().unwrap_err()),
    ] {
        assert!(matches!(error.kind(), ErrorKind::Removed), "{operation}: {error}");
        assert_eq!((error.operation(), error.id()), (operation, Some(segment.id())));
        assert_says(&error, &[&format!("cannot {operation} {head}"), "IPC_RMID", "`Bare::open()`"]);
    }
    assert_eq!(oracle::by_id(successor.id()).unwrap().nattch, 0);
    for id in [segment.id(), -1, i32::MAX, i32::MIN] {
        let error = Segment::<Bare>::from_id(id).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NoSuchId { .. }), "{error}");
        assert_says(&error, &[&format!("cannot open Bare (shmid {id})")]);
    }
}

#[test]
fn detaching_what_other_code_unmapped_says_that_it_did() {
    let segment = Own::<Bare>::create();
    let mut peer = peer!().start_bare();
    peer.number(format!("from_id {}", segment.id()));
    peer.ask("attach");
    let failure = peer.failure("unmap_then_detach");
    assert!(failure.debug.starts_with("NotAttached { address: "), "{failure:?}");
    let head = format!("cannot detach Bare (shmid {}): no segment is attached at 0x", segment.id());
    assert!(failure.text.starts_with(&head), "{failure:?}");
    assert_eq!(oracle::attached(segment.id()), 0);
}

#[test]
fn huge_pages_that_are_not_to_be_had_are_told_from_too_little_memory() {
    let pool = std::fs::read_to_string("/proc/sys/vm/nr_hugepages").unwrap_or_default();
    if pool.trim() != "0" {
        skip("there is a pool of huge pages, or no support for them");
        return;
    }
    match Bare::options().huge_pages(true).trust_writers().create().map(Segment::remove_on_drop) {
        Err(error) if matches!(error.kind(), ErrorKind::NoMemory { huge_pages: true, .. }) => {
            let size = size_of::<Bare>().to_string();
            assert_says(&error, &["cannot create Bare (private): ", &size, "vm.nr_hugepages"]);
        }
        // What another user gets is tried in permissions.rs.
        Err(error) if matches!(error.kind(), ErrorKind::Limit { .. }) => {
            skip("this user may have no huge pages")
        }
        other => panic!("{other:?}"),
    }
}
