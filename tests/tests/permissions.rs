//! What the system refuses to another user, tried by a process that is one.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use shm_runtime::SharedSegment;
use shm_tests::child::{Child, Failure, NOBODY};
use shm_tests::key::OwnKey;
use shm_tests::structs::Bare;
use shm_tests::temp::TempDir;
use shm_tests::{oracle, peer};

fn assert_says(failure: &Failure, kind: &str, parts: &[&str]) {
    assert!(failure.debug.starts_with(kind), "{failure:?}");
    for part in parts {
        assert!(failure.text.contains(part), "no {part:?} in: {}", failure.text);
    }
}

/// A segment of this process's with the given mode, and a process of another user.
fn stranger(own: &OwnKey, mode: u32) -> Option<(i32, Child)> {
    let peer = peer!().as_nobody()?.start_bare();
    let segment = Bare::options().key(own.key()).mode(mode).create().unwrap();
    Some((segment.id(), peer))
}

#[test]
fn a_process_that_may_not_read_a_segment_is_told_its_owner_and_mode_and_its_own_user() {
    let own = OwnKey::new();
    let Some((id, mut peer)) = stranger(&own, 0o600) else {
        return;
    };
    let owner = oracle::by_id(id).unwrap().uid;
    let open = peer.failure(format!("open {}", own.value()));
    let by_id = peer.failure(format!("from_id {id}"));
    let head = format!("cannot open Bare (key {:#010x}, shmid {id}): permission denied", own.value());
    assert_says(&open, "Permission", &[&head]);
    for failure in [open, by_id] {
        let parts = [
            &format!("uid {NOBODY}, gid {NOBODY}"),
            &format!("owner uid {owner}"),
            "mode 0600",
            "`set_permissions`",
            "mode = 0o660",
        ];
        assert_says(&failure, "Permission", &parts);
    }
    // A process that may not read it is told which one made it, all the same.
    let create = peer.failure(format!("create {}", own.value()));
    let creator = format!("created by pid {} ", std::process::id());
    assert_says(&create, "AlreadyExists", &[&creator, "mode 0600", "0 attached"]);
    assert_eq!(oracle::by_id(id).unwrap().nattch, 0);
}

/// IPC_STAT is refused too, so all of it comes from the kernel's table.
#[test]
fn what_an_error_tells_of_a_segment_that_may_not_be_read_is_what_its_owner_sees() {
    let own = OwnKey::new();
    let Some((id, mut peer)) = stranger(&own, 0o600) else {
        return;
    };
    let segment = Bare::options().key(own.key()).open().unwrap();
    let (uid, gid, mode) = (1001, 1002, 0o640);
    segment.set_permissions(shm_runtime::Permissions { uid, gid, mode }).unwrap();
    segment.lock().unwrap();
    let _both = segment.attach().unwrap();
    let failure = peer.failure(format!("from_id {id}"));
    let stat = segment.stat().unwrap();
    assert_eq!((stat.permissions.uid, stat.permissions.gid, stat.locked), (1001, 1002, true));
    let kind = format!("Permission {{ existing: Some(Segment({stat:?})), uid: {NOBODY}, gid: {NOBODY} }}");
    assert_eq!(failure.debug, kind);
}

#[test]
fn a_process_that_may_only_read_attaches_read_only() {
    let own = OwnKey::new();
    let Some((id, mut peer)) = stranger(&own, 0o604) else {
        return;
    };
    assert_eq!(peer.number(format!("open {}", own.value())), id);
    for attach in ["attach", "attach_write_only"] {
        let failure = peer.failure(attach);
        assert_says(&failure, "Permission", &["cannot attach Bare", "mode 0604", &format!("uid {NOBODY}")]);
    }
    peer.ask("attach_read_only");
    assert_eq!((peer.number("get"), oracle::attached(id)), (0, 1));
}

#[test]
fn a_wider_mode_lets_another_user_write() {
    let own = OwnKey::new();
    let Some((id, mut peer)) = stranger(&own, 0o600) else {
        return;
    };
    let segment = Bare::options().key(own.key()).open().unwrap();
    let permissions = segment.stat().unwrap().permissions;
    let wider = shm_runtime::Permissions { mode: 0o606, ..permissions };
    segment.set_permissions(wider).unwrap();
    assert_eq!(peer.number(format!("open {}", own.value())), id);
    peer.ask("attach");
    peer.ask("set 5");
    assert_eq!(segment.attach().unwrap().part.value.get(), 5);
    // Narrowed again, a process that is attached stays so, and no other gets in.
    segment.set_permissions(permissions).unwrap();
    peer.ask("set 6");
    assert_eq!(segment.attach().unwrap().part.value.get(), 6);
    peer.ask("detach");
    assert_says(&peer.failure("attach"), "Permission", &["mode 0600"]);
}

#[test]
fn a_process_that_does_not_own_a_segment_may_not_change_lock_or_remove_it() {
    let own = OwnKey::new();
    let Some((id, mut peer)) = stranger(&own, 0o666) else {
        return;
    };
    let before = oracle::by_id(id).unwrap();
    assert_eq!(peer.number(format!("open {}", own.value())), id);
    for (command, operation) in [
        ("set_mode 600", "set the permissions of"),
        ("lock", "lock"),
        ("unlock", "unlock"),
        ("remove", "remove"),
        (&format!("remove_key {}", own.value()), "remove"),
    ] {
        let failure = peer.failure(command);
        let head = format!("cannot {operation} Bare (key {:#010x}, shmid {id}): ", own.value());
        let (us, owner) = (format!("uid {NOBODY}"), format!("owner uid {}", before.uid));
        assert_says(&failure, "NotOwner", &[&head, "only the owner", &us, &owner, "mode 0666"]);
    }
    assert_eq!(oracle::by_id(id).unwrap(), before);
}

#[test]
fn a_key_file_behind_a_closed_directory_is_told_from_a_missing_one() {
    let own = OwnKey::new();
    let Some((_, mut peer)) = stranger(&own, 0o600) else {
        return;
    };
    let dir = TempDir::new();
    let file = dir.file("key", "");
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
    let failure = peer.failure(format!("open_ftok {}", file.display()));
    let derived = format!("cannot open Bare (ftok({file:?}, 'T')): ");
    assert_says(&failure, "KeyFile", &[&derived, "Permission denied", "search permission"]);
    // Open again, the file is found, and there is no segment.
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).unwrap();
    assert_says(&peer.failure(format!("open_ftok {}", file.display())), "NotFound", &["of inode "]);
}

#[test]
fn locking_more_than_allowed_names_the_limit_and_its_value() {
    let own = OwnKey::new();
    for limit in [0, 64] {
        let Some(peer) = peer!().memlock(limit).as_nobody() else {
            return;
        };
        let mut peer = peer.start_bare();
        peer.number(format!("create {}", own.value()));
        let failure = peer.failure("lock");
        let value = format!("RLIMIT_MEMLOCK is reached, which is {limit} bytes (asked for: 160)");
        assert_says(&failure, "Limit", &["cannot lock Bare", &value, "`ulimit -l`", "CAP_IPC_LOCK"]);
        peer.ask("remove");
    }
    // Within the limit, its owner may lock it.
    let Some(peer) = peer!().memlock(1 << 20).as_nobody() else {
        return;
    };
    let mut peer = peer.start_bare();
    let id = peer.number(format!("create {}", own.value()));
    peer.ask("lock");
    assert_eq!(oracle::by_id(id).unwrap().perms, 0o2600);
    peer.ask("unlock");
    assert_eq!(oracle::by_id(id).unwrap().perms, 0o600);
}

#[test]
fn huge_pages_without_the_right_to_them_name_the_group_that_has_it() {
    let own = OwnKey::new();
    // The kernel of old let those through who may lock memory.
    let Some(peer) = peer!().memlock(0).as_nobody() else {
        return;
    };
    let failure = peer.start_bare().failure(format!("create_huge {}", own.value()));
    let group = std::fs::read_to_string("/proc/sys/vm/hugetlb_shm_group").unwrap();
    let group = format!("`vm.hugetlb_shm_group`, which is gid {},", group.trim());
    let parts = [
        "cannot create Bare",
        "CAP_IPC_LOCK",
        &group,
        "uid 65534 and gid 65534.",
        "sysctl -w",
        "without huge pages",
    ];
    assert_says(&failure, "HugePagesDenied", &parts);
}
