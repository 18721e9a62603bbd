//! The queue in memory: each value that was accepted to one receiver, whichever process is killed, and again only with a mark.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use shm_runtime::inspect::{self, Builtin, Value};
use shm_runtime::sync::{Queue, QueueError};
use shm_runtime::{Attached, RemoveOnDrop, Segment, Shareable, SharedSegment};

use shm_tests::killed::kills;
use shm_tests::structs::rings::{Item, JOBS, Office, RawOffice};
use shm_tests::{HANGS, eventually, peer};

fn office() -> RemoveOnDrop<Segment<Office>> {
    Office::create().unwrap().remove_on_drop()
}

fn raw(segment: &Segment<Office>) -> Attached<RawOffice> {
    Segment::<RawOffice>::from_id(segment.id()).unwrap().attach().unwrap()
}

#[test]
fn values_are_received_in_order_by_one_each_until_they_are_done() {
    let segment = office();
    let office = segment.attach().unwrap();
    for round in 0..10 {
        let items: Vec<Item> = (round..round + 20).map(Item::new).collect();
        assert_eq!(office.jobs.try_send_some(&items).unwrap(), 8);
        assert!(matches!(office.jobs.try_send(&items[0]), Err(QueueError::Full)));
        assert_eq!(office.jobs.len(), 8);
        let first = office.jobs.receive().unwrap();
        assert_eq!((*first, first.is_redelivered()), (items[0], false));
        // It is not done, so there is no room.
        assert!(matches!(office.jobs.try_send(&items[0]), Err(QueueError::Full)));
        let rest = office.jobs.try_receive_some(100).unwrap();
        assert_eq!(rest.iter().map(|job| **job).collect::<Vec<_>>(), items[1..8]);
        assert!(matches!(office.jobs.try_receive(), Err(QueueError::Empty)) && office.jobs.is_empty());
        first.done().unwrap();
        rest.into_iter().for_each(|job| job.done().unwrap());
    }
}

#[test]
fn a_value_that_is_dropped_or_panicked_with_is_given_again_with_a_mark() {
    let segment = office();
    let office = segment.attach().unwrap();
    office.jobs.send(&Item::new(1)).unwrap();
    drop(office.jobs.receive().unwrap());
    let panicked = thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let job = office.jobs.receive().unwrap();
            assert_eq!(job.number, 0, "as a worker fails");
        });
        worker.join().is_err()
    });
    assert!(panicked);
    let job = office.jobs.receive_timeout(Duration::ZERO).unwrap();
    assert_eq!((*job, job.is_redelivered()), (Item::new(1), true));
    job.done().unwrap();
    assert!(matches!(office.jobs.receive_timeout(Duration::ZERO), Err(QueueError::Empty)));
}

#[test]
fn a_wait_for_a_value_or_for_room_ends_in_time() {
    let segment = office();
    let office = segment.attach().unwrap();
    for millis in [0, 5, 45] {
        let (start, timeout) = (Instant::now(), Duration::from_millis(millis));
        assert!(matches!(office.jobs.receive_timeout(timeout), Err(QueueError::Empty)));
        assert!(start.elapsed() >= timeout && start.elapsed() < HANGS);
    }
    assert_eq!(office.jobs.try_send_some(&[Item::new(1); 8]).unwrap(), 8);
    for millis in [0, 5, 45] {
        let (start, timeout) = (Instant::now(), Duration::from_millis(millis));
        assert!(matches!(office.jobs.send_timeout(&Item::new(2), timeout), Err(QueueError::Full)));
        assert!(start.elapsed() >= timeout && start.elapsed() < HANGS);
    }
    thread::scope(|scope| {
        scope.spawn(|| office.jobs.send(&Item::new(2)).unwrap());
        (0..9).for_each(|_| office.jobs.receive().unwrap().done().unwrap());
    });
}

#[test]
fn a_forked_child_has_no_value_of_its_parents() {
    let segment = office();
    let office = segment.attach().unwrap();
    office.jobs.send(&Item::new(1)).unwrap();
    office.jobs.send(&Item::new(2)).unwrap();
    let (first, second) = (office.jobs.receive().unwrap(), office.jobs.receive().unwrap());
    // SAFETY: the child uses the attachment, and leaves by _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let lost = matches!(first.done(), Err(QueueError::Lost(_)));
        drop(second);
        // SAFETY: ends the process without running anything that belongs to the parent.
        unsafe { libc::_exit(i32::from(!lost)) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0, "the child ended a value");
    assert!(matches!(office.jobs.try_receive(), Err(QueueError::Empty)));
    first.done().unwrap();
    second.done().unwrap();
}

#[test]
fn whichever_process_is_killed_anywhere_no_value_is_lost_or_doubled_without_a_mark_and_the_others_go_on() {
    let segment = office();
    let office = segment.attach().unwrap();
    let roles = ["office-send", "office-send", "office-receive", "office-receive", "office-receive"];
    let mut peers = roles.map(|role| peer!().rings(&segment, role));
    let mut killed_with_one = 0;
    for kill in kills() {
        let (received, again) = (office.received.load(SeqCst), office.again.load(SeqCst));
        let limit = office.issued.load(SeqCst) + 400;
        assert!(limit < u64::try_from(JOBS).unwrap(), "no more jobs are accounted for");
        office.limit.store(limit, SeqCst);
        eventually(|| office.received.load(SeqCst) > received + 20);
        kill.wait();
        let which = usize::try_from(kill.chance() % 5).unwrap();
        peers[which].kill();
        // The others go on.
        let received = office.received.load(SeqCst);
        office.limit.store(limit + 100, SeqCst);
        eventually(|| office.received.load(SeqCst) > received + 20);
        killed_with_one += u64::from(office.again.load(SeqCst) > again);
        peers[which] = peer!().rings(&segment, roles[which]);
    }
    // All that is left.
    office.limit.store(0, SeqCst);
    let issued = office.issued.load(SeqCst);
    let is_done = || {
        let jobs =
            (0..usize::try_from(issued).unwrap() + 6).map(|i| (&office.accepted[i], &office.counts[i]));
        jobs.into_iter().all(|(accepted, count)| accepted.load(SeqCst) == 0 || count.load(SeqCst) > 0)
    };
    eventually(|| is_done() && office.jobs.is_empty());
    assert_eq!(office.wrong.load(SeqCst), 0, "received twice without a mark, or torn");
    assert!(peers.iter_mut().all(|peer| peer.is_running()));
    assert!(killed_with_one > 0);
    // And nothing is left in a slot.
    drop(peers);
    let raw = raw(&segment);
    let left = office.jobs.try_receive_some(100).unwrap();
    assert!(left.iter().all(|job| job.is_redelivered()));
    left.into_iter().for_each(|job| job.done().unwrap());
    assert!(raw.slots.iter().all(|slot| slot.state.load(SeqCst) & (1 << 63 | 0x3f_ffff) == 0));
    assert_eq!(office.jobs.try_send_some(&[Item::new(0); 9]).unwrap(), 8);
}

#[test]
fn a_killed_receivers_value_is_found_by_one_that_waits_and_by_one_that_is_busy() {
    let segment = office();
    let office = segment.attach().unwrap();
    for busy in [false, true] {
        office.jobs.send(&Item::new(1)).unwrap();
        // SAFETY: the child uses the attachment, and leaves by _exit.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let received = office.jobs.receive().map(std::mem::forget).is_ok();
            // SAFETY: ends the process without running anything that belongs to the parent.
            unsafe { libc::_exit(i32::from(!received)) };
        }
        let mut status = 0;
        // SAFETY: waits for the child made above.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(status, 0);
        if busy {
            let found = (0..200).any(|number| {
                // The slot of the value that was taken is not free.
                let sent = office.jobs.try_send(&Item::new(number)).is_ok();
                let job = office.jobs.receive().unwrap();
                assert!(sent || job.is_redelivered() || office.jobs.len() < 8);
                let found = job.is_redelivered();
                job.done().unwrap();
                found
            });
            assert!(found);
        } else {
            let job = office.jobs.receive().unwrap();
            assert_eq!((*job, job.is_redelivered()), (Item::new(1), true));
            job.done().unwrap();
        }
    }
}

#[test]
fn no_word_in_its_place_hangs_or_panics() {
    let segment = office();
    let office = segment.attach().unwrap();
    let raw = raw(&segment);
    let words = [0, 1, 8, 9, 63, 64, 1 << 22, 1 << 63, u64::MAX - 1, u64::MAX];
    for next in words {
        for tail in words {
            for state in words {
                for (place, word) in raw.positions.iter().zip([state, next, tail]) {
                    place.store(word, SeqCst);
                }
                for slot in raw.slots.iter() {
                    slot.state.store(state, SeqCst);
                    slot.marks.iter().for_each(|mark| mark.store(state, SeqCst));
                }
                raw.bells.iter().for_each(|bell| bell.store(u32::MAX, SeqCst));
                let corrupted = tail.wrapping_sub(next) > 8;
                // The highest bit of the tail says that the values are in another segment.
                let is_refused = |error: Option<&QueueError>| match error {
                    Some(QueueError::Corrupted { .. }) => tail >> 63 == 0,
                    Some(QueueError::Upgraded) => tail >> 63 == 1,
                    _ => false,
                };
                let sent = office.jobs.try_send(&Item::new(1));
                assert_eq!(is_refused(sent.as_ref().err()), corrupted, "{sent:?}");
                let received = office.jobs.try_receive();
                assert_eq!(is_refused(received.as_ref().err()), corrupted, "{received:?}");
                drop(received);
                assert!(office.jobs.len() <= 8);
                // The way out.
                office.jobs.clear();
                assert_eq!(office.jobs.try_send_some(&[Item::new(1); 9]).unwrap(), 8);
                let received = office.jobs.try_receive_some(9).unwrap();
                assert!(received.len() == 8 && !received[0].is_redelivered());
                received.into_iter().for_each(|job| job.done().unwrap());
            }
        }
    }
    // A lock that is none.
    for word in [u32::MAX, 0x3f_ffff, 0x4000_0000] {
        raw.word.store(word, SeqCst);
        let start = Instant::now();
        let _ = (office.jobs.try_send(&Item::new(1)).is_ok(), office.jobs.try_receive().is_ok());
        assert!(start.elapsed() < HANGS);
        office.jobs.clear();
        office.jobs.send(&Item::new(1)).unwrap();
        office.jobs.receive().unwrap().done().unwrap();
    }
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(SeqCst) {
                let _ = office.jobs.send_timeout(&Item::new(1), Duration::from_micros(10));
                let _ = office.jobs.receive_timeout(Duration::from_micros(10)).map(|job| job.done());
            }
        });
        for word in (0_u64..2_000).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            raw.positions[1].store(word, SeqCst);
            raw.positions[2].store(word.wrapping_add(word >> 61), SeqCst);
            raw.slots[0].state.store(word, SeqCst);
            thread::yield_now();
        }
        stop.store(true, SeqCst);
    });
}

#[test]
fn one_that_had_a_value_of_before_the_queue_was_cleared_ends_no_later_one() {
    let segment = office();
    let office = segment.attach().unwrap();
    office.jobs.send(&Item::new(1)).unwrap();
    let old = office.jobs.receive().unwrap();
    office.jobs.clear();
    office.jobs.send(&Item::new(2)).unwrap();
    let new = office.jobs.receive().unwrap();
    assert!(matches!(old.done(), Err(QueueError::Lost(_))));
    assert_eq!((*new, new.is_redelivered()), (Item::new(2), false));
    new.done().unwrap();
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(u8)]
enum Mode {
    Off = 1,
    On = 2,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Sealed {
    modes: Queue<Mode, 3>,
}

#[test]
fn the_tool_knows_the_positions_and_the_values_by_the_schema() {
    let segment = Sealed::create().unwrap().remove_on_drop();
    let sealed = segment.attach().unwrap();
    sealed.modes.try_send_some(&[Mode::On, Mode::Off]).unwrap();
    sealed.modes.receive().unwrap().done().unwrap();
    let tool = inspect::Segment::from_id(segment.id()).unwrap().attach().unwrap();
    let queue = tool.builtin(tool.resolve("modes").unwrap());
    let Some(Builtin::Queue { lock, accepted, given, slots, .. }) = queue else { panic!() };
    assert_eq!((lock.holder(), accepted, given), (None, 2, 1));
    assert_eq!(slots.unwrap().resolve("[1].value").unwrap().get(), Value::Enum { name: "Off", number: 1 });
}
