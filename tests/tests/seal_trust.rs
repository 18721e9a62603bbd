//! Squatting: whose segments are opened.

#[path = "seal/common.rs"]
mod common;
#[path = "seal/structs.rs"]
mod structs;

use std::path::PathBuf;
use std::process::Command;

use common::{Cleanup, Peer, unique};
use shm_runtime::{ErrorKind, Key, Options, Permissions, SharedSegment};
use shm_tests::temp::TempDir;
use structs::Cell;

/// Somebody who is neither this process nor root.
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

/// A copy of the peer that everybody may run, and a process of it under another uid.
struct Foreign {
    program: PathBuf,
    _dir: TempDir,
}

impl Foreign {
    /// `None`, with a message, where this process may not become another user.
    fn try_new() -> Option<Self> {
        let able = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "true"])
            .output();
        if !able.is_ok_and(|output| output.status.success()) {
            println!("skipped: only root can be somebody else (with setpriv)");
            return None;
        }
        let dir = TempDir::new();
        Some(Self { program: dir.program(env!("CARGO_BIN_EXE_seal-peer")), _dir: dir })
    }

    fn peer(&self, uid: u32) -> Peer {
        let mut command = Command::new("setpriv");
        command
            .args([format!("--reuid={uid}"), format!("--regid={uid}")])
            .args(["--clear-groups", "--bounding-set=-all"])
            .arg(&self.program);
        Peer::of(&mut command)
    }
}

#[test]
fn a_strangers_segment_is_opened_only_by_who_trusts_it() {
    let Some(foreign) = Foreign::try_new() else { return };
    let name = unique();
    let _cleanup = Cleanup::name(&name);
    let mut stranger = foreign.peer(STRANGER);
    assert!(stranger.ask(&format!("create-for-all {name}")).starts_with("ok "));

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
    assert!(foreign.peer(STRANGER).ask(&format!("open {name} 1000 0")).starts_with("ok "));
    let mut third = foreign.peer(OTHER);
    assert!(third.ask(&format!("open {name} 1000 0")).contains("Untrusted"));
    assert_eq!(third.ask(&format!("open-trusting {name} {STRANGER}")), "ok");
}

#[test]
fn a_segment_of_roots_is_opened_by_everybody() {
    let Some(foreign) = Foreign::try_new() else { return };
    let name = unique();
    let _cleanup = Cleanup::name(&name);
    let _segment = options::<Cell>(&name).mode(0o666).create().expect("new");
    assert!(foreign.peer(STRANGER).ask(&format!("open {name} 1000 0")).starts_with("ok "));
}

#[test]
fn owner_and_creator_both_have_to_be_trusted() {
    let Some(foreign) = Foreign::try_new() else { return };
    let name = unique();
    let _cleanup = Cleanup::name(&name);
    // Ours, but given away.
    let segment = options::<Cell>(&name).create().expect("new");
    let (uid, gid) = (STRANGER, STRANGER);
    segment.set_permissions(Permissions { uid, gid, mode: 0o666 }).expect("ours");
    let error = options::<Cell>(&name).open().expect_err("given away");
    let ErrorKind::Untrusted { owner: STRANGER, creator: 0, .. } = error.kind() else { panic!("{error}") };
    assert!(foreign.peer(STRANGER).ask(&format!("open {name} 1000 0")).starts_with("ok "));
    options::<Cell>(&name).trust_owner(STRANGER).open().expect("trusted");

    // A stranger's, who gave it to us: it still knows the memory.
    let name = unique();
    let _cleanup = Cleanup::name(&name);
    let mut stranger = foreign.peer(STRANGER);
    assert!(stranger.ask(&format!("create-for-all {name}")).starts_with("ok "));
    let segment = options::<Cell>(&name).trust_anybody().open().expect("trusted");
    segment.set_permissions(Permissions { uid: 0, gid: 0, mode: 0o600 }).expect("root may");
    let error = options::<Cell>(&name).open().expect_err("it is a stranger's work");
    let ErrorKind::Untrusted { owner: 0, creator: STRANGER, .. } = error.kind() else { panic!("{error}") };
}

#[test]
fn a_strangers_stale_segment_is_not_reclaimed() {
    let Some(foreign) = Foreign::try_new() else { return };
    let name = unique();
    let _cleanup = Cleanup::name(&name);
    let mut stranger = foreign.peer(STRANGER);
    let id = stranger.ask(&format!("create-for-all {name}"));
    stranger.kill();
    let error = options::<Cell>(&name).reclaim_stale(true).create().expect_err("a stranger's");
    assert!(matches!(error.kind(), ErrorKind::AlreadyExists { .. }), "{error}");
    assert!(error.to_string().contains("owner uid 65534"), "{error}");
    let error = options::<Cell>(&name).reclaim_stale(true).open_or_create().expect_err("a stranger's");
    assert!(matches!(error.kind(), ErrorKind::Untrusted { .. }), "{error}");
    let ours = options::<Cell>(&name).reclaim_stale(true).trust_owner(STRANGER).create().expect("trusted");
    assert_ne!(format!("ok {}", ours.id()), id);
}
