//! A process that has one end of a ring or a queue, or the latest value.

use std::sync::atomic::Ordering::SeqCst;

use shm_runtime::Segment;
use shm_tests::HANGS;
use shm_tests::structs::rings::{Item, Newest};

use crate::{Answer, Domain, number};

/// Has one role after another, each `ROLE SHMID`; nothing stays.
pub(crate) struct Peer;

impl Domain for Peer {
    fn follow(&mut self, words: &[&str]) -> Answer {
        let [role, segment, ..] = *words else { return Err("no such command".into()) };
        let id = number(segment);
        match role {
            "newest-write" => newest_write(&Segment::from_id(id)?),
            "newest-wait" => newest_wait(&Segment::from_id(id)?, true),
            "newest-wait-read-only" => newest_wait(&Segment::from_id(id)?, false),
            _ => return Err("no such role".into()),
        }
        Ok(String::new())
    }
}

/// Writes one number after another, until it is killed.
fn newest_write(segment: &Segment<Newest>) {
    let newest = segment.attach().unwrap();
    let mut writer = newest.item.writer().unwrap();
    newest.arrived.fetch_add(1, SeqCst);
    for number in newest.item.version() + 1.. {
        writer.write(&Item::new(number)).unwrap();
    }
}

/// Waits for one value after another, until the one with the number `u64::MAX`.
fn newest_wait(segment: &Segment<Newest>, writable: bool) {
    let board = segment.attach().unwrap();
    let display = segment.attach_read_only().unwrap();
    board.arrived.fetch_add(1, SeqCst);
    let mut last = 0;
    loop {
        let reading = match writable {
            true => board.item.wait_newer(last, HANGS).unwrap(),
            false => display.item.wait_newer(last, HANGS).unwrap(),
        };
        let reading = reading.expect("the writer writes");
        assert!(reading.value.is_whole(), "torn: {:?}", reading.value);
        assert!(reading.version > last, "{} after {last}", reading.version);
        last = reading.version;
        if reading.value.number == u64::MAX {
            return;
        }
    }
}
