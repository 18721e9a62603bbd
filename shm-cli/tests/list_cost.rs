//! `shm list` asks the kernel as little as it can.

use std::process::Command;

use shm_runtime::SharedSegment;
use shm_tests::key::OwnKey;
use shm_tests::temp::TempDir;
use shm_tests::{have, skip};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "StationOfTheList")]
struct Station {
    celsius: f64,
}

#[test]
fn a_sealed_segment_takes_two_looks_and_an_attachment_and_its_creator_is_asked_for_once() {
    if nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWIPC).is_err() {
        return skip("a namespace takes root");
    }
    if !have("strace") {
        return;
    }
    let calls = || {
        let directory = TempDir::new();
        let log = directory.path().join("strace");
        let mut command = Command::new("strace");
        let output = command
            .args(["-f", "-qq", "-o"])
            .arg(&log)
            .args([env!("CARGO_BIN_EXE_shm"), "list", "-m"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let log = std::fs::read_to_string(log).unwrap();
        // Those for memory are as many as the table's size makes them; and mremap asks whether a place is one of huge pages.
        let others = ["brk(", "write(", "mmap(", "munmap(", "mremap("];
        let calls = log.lines().filter(|line| !others.iter().any(|call| line.contains(call)));
        calls.map(str::to_owned).collect::<Vec<_>>()
    };
    let keys: Vec<OwnKey> = (0..24).map(|_| OwnKey::new()).collect();
    let mut made =
        keys.iter().map(|key| Station::options().key(key.key()).create().unwrap().attach().unwrap());
    let _few: Vec<_> = made.by_ref().take(4).collect();
    let few = calls();
    let _more: Vec<_> = made.collect();
    let more = calls();
    // shmctl(SHM_STAT_ANY), shmat, shmctl(IPC_STAT), shmdt
    assert_eq!(more.len() - few.len(), 20 * 4, "{more:#?}");
    let of_name = |name: &str| more.iter().filter(|call| call.contains(name)).count();
    assert_eq!((of_name("shmat("), of_name("shmdt(")), (24, 24));
}
