//! Attachments: counted by the kernel, made and ended as the documentation says.

use std::sync::atomic::Ordering::Relaxed;

use shm_runtime::{Segment, SharedSegment};
use shm_tests::key::{Own, OwnKey};
use shm_tests::structs::Board;
use shm_tests::{oracle, peer};

#[test]
fn each_attachment_is_a_mapping_of_its_own_and_ends_with_detach_or_drop() {
    let segment = Own::<Board>::create_unattached();
    let attached = || oracle::attached(segment.id());
    assert_eq!(attached(), 0);
    let first = segment.attach().unwrap();
    assert_eq!(attached(), 1);
    let second = segment.attach_read_only().unwrap();
    let third = segment.attach_write_only().unwrap();
    assert_eq!(attached(), 3);
    assert_eq!(segment.stat().unwrap().attached, 3);
    let addresses = [first.as_ptr(), second.as_ptr(), third.as_mut_ptr().cast_const()];
    assert_ne!(addresses[0], addresses[1]);
    assert_ne!(addresses[1], addresses[2]);
    third.part.value.set(8);
    assert_eq!(format!("{third:?}"), "<write-only>");
    assert_eq!((first.part.value.get(), second.part.value.get()), (8, 8));
    assert_eq!(first.segment().id(), segment.id());
    first.detach().unwrap();
    assert_eq!(attached(), 2);
    drop(second);
    assert_eq!(attached(), 1);
    drop(third);
    assert_eq!(attached(), 0);
}

#[test]
fn the_creator_is_attached_until_its_first_attachment_takes_over_or_the_segment_value_is_dropped() {
    let own = OwnKey::new();
    let created = Board::options().key(own.key()).create().unwrap();
    let attached = || oracle::attached(created.id());
    assert_eq!(attached(), 1);
    let first = created.attach().unwrap();
    assert_eq!(attached(), 1);
    let second = created.attach().unwrap();
    assert_eq!(attached(), 2);
    drop((first, second));
    assert_eq!(attached(), 0);

    let own = OwnKey::new();
    let created = Board::options().key(own.key()).create().unwrap();
    let id = created.id();
    drop(created);
    assert_eq!(oracle::attached(id), 0);
}

#[test]
fn an_attachment_ends_when_a_panic_unwinds_past_it() {
    let segment = Own::<Board>::create();
    let board = segment.attach().unwrap();
    let panicked = std::panic::catch_unwind(move || {
        board.part.value.set(1);
        std::panic::resume_unwind(Box::new("a failure"));
    });
    assert!(panicked.is_err());
    assert_eq!(oracle::attached(segment.id()), 0);
}

/// The flags of the mapping in /proc/self/smaps: `wr` for writable, `rd` for readable.
fn flags(address: usize) -> Vec<String> {
    let flags = &oracle::smaps(address)["VmFlags"];
    flags.split(' ').map(str::to_owned).collect()
}

#[test]
fn a_read_only_attachment_is_mapped_read_only_by_the_kernel() {
    let segment = Own::<Board>::create();
    let write = "wr".to_owned();
    let both = segment.attach().unwrap();
    let read_only = segment.attach_read_only().unwrap();
    assert!(flags(both.as_ptr().addr()).contains(&write));
    assert!(!flags(read_only.as_ptr().addr()).contains(&write));
    assert!(flags(read_only.as_ptr().addr()).contains(&"rd".to_owned()));
}

#[test]
fn the_kernel_detaches_a_process_that_is_killed_and_one_that_exits() {
    let segment = Own::<Board>::create_unattached();
    let attached = || oracle::attached(segment.id());
    let (mut killed, mut exiting) = (peer!().start(), peer!().start());
    for peer in [&mut killed, &mut exiting] {
        peer.number(format!("from_id {}", segment.id()));
        peer.ask("attach");
    }
    killed.ask("set 1");
    assert_eq!(attached(), 2);
    killed.kill();
    assert_eq!(attached(), 1);
    exiting.send("exit");
    assert!(exiting.finish().success());
    assert_eq!(attached(), 0);
    assert_eq!(segment.attach().unwrap().part.value.get(), 1);
}

#[test]
fn a_forked_child_inherits_the_attachment() {
    let segment = Own::<Board>::create_unattached();
    let mut peer = peer!().start();
    peer.number(format!("from_id {}", segment.id()));
    peer.ask("attach");
    assert_eq!(oracle::attached(segment.id()), 1);
    peer.number("fork");
    assert_eq!(oracle::attached(segment.id()), 2);
    peer.ask("detach");
    assert_eq!(oracle::attached(segment.id()), 1);
    peer.ask("reap");
    assert_eq!(oracle::attached(segment.id()), 0);
}

#[test]
fn a_program_that_is_executed_has_no_attachment() {
    let segment = Own::<Board>::create();
    let board = segment.attach().unwrap();
    // A child of this very process, with this segment attached in it.
    let mut peer = peer!().start();
    peer.number(format!("from_id {}", segment.id()));
    assert_eq!(oracle::attached(segment.id()), 1);
    drop(board);
}

#[test]
fn what_one_process_writes_the_other_reads_and_all_count_in_one_atomic() {
    const TIMES: u64 = 20_000;
    let segment = Own::<Board>::create();
    let board = segment.attach().unwrap();
    let mut peers = [peer!().start(), peer!().start()];
    for peer in &mut peers {
        peer.number(format!("from_id {}", segment.id()));
        peer.ask("attach");
        peer.send(format!("count {TIMES}"));
    }
    for _ in 0..TIMES {
        board.part.counter.fetch_add(1, Relaxed);
    }
    for peer in &mut peers {
        assert_eq!(peer.answer().unwrap(), "done");
    }
    assert_eq!(board.part.counter.load(Relaxed), 3 * TIMES);

    let [writer, reader] = &mut peers;
    writer.ask("detach");
    writer.ask("attach_write_only");
    writer.ask("set 123456789");
    assert_eq!(board.part.value.get(), 123_456_789);
    board.part.value.update(|value| value + 1);
    assert_eq!(reader.number("get"), 123_456_790);
}

#[test]
fn a_segment_of_an_attachment_outlives_it() {
    let created = Own::<Board>::create();
    let board = created.attach().unwrap();
    let segment: Segment<Board> = board.segment().clone();
    board.part.value.set(4);
    drop(board);
    assert_eq!(segment.attach_read_only().unwrap().part.value.get(), 4);
}
