//! Squatting: whose segments are opened.

use shm_runtime::{ErrorKind, Key, Options, Permissions, SharedSegment};
use shm_tests::child::{Child, Peer};
use shm_tests::key::OwnKey;
use shm_tests::peer;
use shm_tests::seal::unique;
use shm_tests::structs::seal::Cell;

/// A user that is neither this process's nor root.
const STRANGER: u32 = 65_534;
const OTHER: u32 = 65_533;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, trust = 65_534, type_name = "Cell")]
struct TrustsOne {
    inits: std::sync::atomic::AtomicU32,
    counter: std::sync::atomic::AtomicU32,
    pattern: [u64; 16],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, trust = any, type_name = "Cell")]
struct TrustsAll {
    inits: std::sync::atomic::AtomicU32,
    counter: std::sync::atomic::AtomicU32,
    pattern: [u64; 16],
}

fn options<T: SharedSegment>(name: &str) -> Options<T> {
    let mut options = T::options();
    options.key(Key::name(name.to_owned()));
    options
}

/// A peer under another uid. `None`, with a message, where this process may not become another user.
fn foreign(uid: u32) -> Option<Child> {
    peer!().as_user(uid).map(Peer::seal)
}

#[test]
fn a_strangers_segment_is_opened_only_by_a_process_that_trusts_it() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let Some(mut stranger) = foreign(STRANGER) else { return };
    stranger.ask(format!("create-for-all {name}"));

    let error = options::<Cell>(&name).open().expect_err("a stranger's");
    let ErrorKind::Untrusted { owner: STRANGER, creator: STRANGER, uid: 0, .. } = error.kind() else {
        panic!("{error}")
    };
    let text = error.to_string();
    assert!(text.contains("#[shm(trust = 65534)]") && text.contains("trust_owner(65534)"), "{text}");
    // Nor is it taken for ours by those who would create it.
    let error = options::<Cell>(&name).open_or_create().expect_err("a stranger's");
    assert!(matches!(error.kind(), ErrorKind::Untrusted { .. }), "{error}");

    options::<TrustsOne>(&name).open().expect("trusted").attach().expect("ready");
    options::<TrustsAll>(&name).open().expect("trusted").attach().expect("ready");
    options::<Cell>(&name).trust_owner(STRANGER).open().expect("trusted");
    options::<Cell>(&name).trust_anybody().open().expect("trusted");
    options::<Cell>(&name).trust_owner(OTHER).open().expect_err("another stranger");
    // Its own user needs not say so, and a third one does.
    let Some(mut stranger) = foreign(STRANGER) else { return };
    stranger.ask(format!("open {name} 1000 0"));
    let Some(mut third) = foreign(OTHER) else { return };
    assert_eq!(third.failure(format!("open {name} 1000 0")).kind, "Untrusted");
    assert_eq!(third.ask(format!("open-trusting {name} {STRANGER}")), "");
}

#[test]
fn a_segment_of_roots_is_opened_by_every_user() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let _segment = options::<Cell>(&name).mode(0o666).create().expect("new");
    let Some(mut stranger) = foreign(STRANGER) else { return };
    stranger.ask(format!("open {name} 1000 0"));
}

#[test]
fn owner_and_creator_both_have_to_be_trusted() {
    let Some(mut stranger) = foreign(STRANGER) else { return };
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    // Ours, but given away.
    let segment = options::<Cell>(&name).create().expect("new");
    let (uid, gid) = (STRANGER, STRANGER);
    segment.set_permissions(Permissions { uid, gid, mode: 0o666 }).expect("ours");
    let error = options::<Cell>(&name).open().expect_err("given away");
    let ErrorKind::Untrusted { owner: STRANGER, creator: 0, .. } = error.kind() else { panic!("{error}") };
    stranger.ask(format!("open {name} 1000 0"));
    options::<Cell>(&name).trust_owner(STRANGER).open().expect("trusted");

    // A stranger's, who gave it to us: it still knows the memory.
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    stranger.ask("drop");
    stranger.ask(format!("create-for-all {name}"));
    let segment = options::<Cell>(&name).trust_anybody().open().expect("trusted");
    segment.set_permissions(Permissions { uid: 0, gid: 0, mode: 0o600 }).expect("root may");
    let error = options::<Cell>(&name).open().expect_err("it is a stranger's work");
    let ErrorKind::Untrusted { owner: 0, creator: STRANGER, .. } = error.kind() else { panic!("{error}") };
}

#[test]
fn a_strangers_stale_segment_is_not_reclaimed() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let Some(mut stranger) = foreign(STRANGER) else { return };
    let id = stranger.ask(format!("create-for-all {name}"));
    stranger.kill();
    let error = options::<Cell>(&name).reclaim_stale(true).create().expect_err("a stranger's");
    assert!(matches!(error.kind(), ErrorKind::AlreadyExists { .. }), "{error}");
    assert!(error.to_string().contains("owner uid 65534"), "{error}");
    let error = options::<Cell>(&name).reclaim_stale(true).open_or_create().expect_err("a stranger's");
    assert!(matches!(error.kind(), ErrorKind::Untrusted { .. }), "{error}");
    let ours = options::<Cell>(&name).reclaim_stale(true).trust_owner(STRANGER).create().expect("trusted");
    assert_ne!(ours.id().to_string(), id);
}
