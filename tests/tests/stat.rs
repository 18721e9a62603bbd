//! `stat` says what the kernel says.

use std::time::{SystemTime, UNIX_EPOCH};

use shm_runtime::{Permissions, SharedSegment};
use shm_tests::c::Program;
use shm_tests::key::{Own, OwnKey};
use shm_tests::structs::{Bare, Board};
use shm_tests::{oracle, peer};

/// Prints every field of `shmid_ds` that it finds for a shmid.
const STAT: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <sys/shm.h>
int main(int argc, char **argv) {
    struct shmid_ds s;
    if (argc != 2 || shmctl(atoi(argv[1]), IPC_STAT, &s) == -1) return 1;
    printf("%d %u %u %u %u %u %u %zu %ld %ld %ld %d %d %lu\n", s.shm_perm.__key, s.shm_perm.uid, s.shm_perm.gid,
           s.shm_perm.cuid, s.shm_perm.cgid, s.shm_perm.mode, s.shm_perm.__seq, s.shm_segsz, s.shm_atime, s.shm_dtime,
           s.shm_ctime, s.shm_cpid, s.shm_lpid, s.shm_nattch);
    return 0;
}
"#;

#[test]
fn stat_is_what_a_c_program_and_the_kernels_table_say_field_by_field() {
    let own = OwnKey::new();
    let c = Program::compile(STAT);
    let mut peer = peer!().start();
    let id = peer.number(format!("create {} 640", own.value()));
    let segment = Board::options().key(own.key()).open().unwrap();
    peer.ask("attach");
    let board = segment.attach().unwrap();
    peer.ask("detach");
    let (uid, gid) = (1001, 1002);
    let mode = 0o644;
    segment.set_permissions(Permissions { uid, gid, mode }).unwrap();
    segment.lock().unwrap();

    let stat = segment.stat().unwrap();
    let seconds =
        |time: Option<SystemTime>| time.map_or(0, |time| time.duration_since(UNIX_EPOCH).unwrap().as_secs());
    let perms = stat.permissions.mode | u32::from(stat.removed) << 9 | u32::from(stat.locked) << 10;
    let ours = format!(
        "{} {} {} {} {} {perms} {} {} {} {} {} {} {} {}\n",
        stat.key,
        stat.permissions.uid,
        stat.permissions.gid,
        stat.creator_uid,
        stat.creator_gid,
        stat.sequence,
        stat.size,
        seconds(stat.attached_at),
        seconds(stat.detached_at),
        seconds(stat.changed_at),
        stat.creator_pid,
        stat.last_pid,
        stat.attached,
    );
    assert_eq!(c.run(&[id]), ours);

    let row = oracle::by_id(id).unwrap();
    assert_eq!((stat.key, stat.size, perms, stat.attached), (row.key, row.size, row.perms, row.nattch));
    assert_eq!(
        [stat.permissions.uid, stat.permissions.gid, stat.creator_uid, stat.creator_gid],
        [row.uid, row.gid, row.cuid, row.cgid]
    );
    assert_eq!(
        [seconds(stat.attached_at), seconds(stat.detached_at), seconds(stat.changed_at)],
        [row.atime, row.dtime, row.ctime]
    );
    assert_eq!((row.cpid, row.lpid), (peer.pid(), peer.pid()));
    // And not by chance, because nothing was set.
    assert_eq!(
        (stat.key, stat.permissions.uid, stat.permissions.gid, stat.permissions.mode),
        (own.value(), 1001, 1002, 0o644)
    );
    assert_eq!((stat.locked, stat.removed, stat.attached), (true, false, 1));
    assert!(stat.attached_at.is_some() && stat.detached_at.is_some() && stat.changed_at.is_some());
    segment.unlock().unwrap();
    drop(board);
}

#[test]
fn what_never_happened_has_no_time_and_no_process() {
    let segment = Own::<Bare>::create();
    let stat = segment.stat().unwrap();
    assert_eq!((stat.attached_at, stat.detached_at, stat.last_pid), (None, None, 0));
    let bare = segment.attach().unwrap();
    let stat = segment.stat().unwrap();
    assert!(stat.attached_at.is_some() && stat.detached_at.is_none());
    assert_eq!(stat.last_pid.cast_unsigned(), std::process::id());
    drop(bare);
    assert!(segment.stat().unwrap().detached_at.is_some());
}
