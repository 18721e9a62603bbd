//! The limits of the system, reached in an IPC namespace that has its own; and an id that is 0.

use shm_tests::child::Failure;
use shm_tests::peer;
use shm_tests::structs::Bare;

fn assert_limit(failure: &Failure, name: &str, value: u64) {
    let kind = format!("Limit {{ name: {name:?}, value: Some({value}) }}");
    assert_eq!(failure.debug, kind, "{}", failure.text);
    let said = format!("the limit {name} is reached, which is {value}.");
    assert!(failure.text.starts_with("cannot create Bare (private): "), "{}", failure.text);
    assert!(failure.text.contains(&said), "{}", failure.text);
    assert!(failure.text.contains(&format!("`sysctl -w {name}=...`")), "{}", failure.text);
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
    assert_limit(&peer.failure("create_private"), "kernel.shmmni", 4);
    peer.ask("remove");
    peer.number("create_private");
}

#[test]
fn the_size_of_a_segment_is_limited_by_shmmax() {
    let max = u64::try_from(size_of::<Bare>()).unwrap() - 1;
    let Some(peer) = peer!().in_namespace(&[("shmmax", max)]) else {
        return;
    };
    assert_limit(&peer.start_bare().failure("create_private"), "kernel.shmmax", max);
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
    assert_limit(&peer.failure("create_private"), "kernel.shmall", 2);
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
