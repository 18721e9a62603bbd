//! The ring: each reader sees every value, whole and in order, or is told how many it has missed.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use shm_runtime::inspect::{self, Builtin, Value};
use shm_runtime::sync::{Ring, RingError, WriterError};
use shm_runtime::{Attached, RemoveOnDrop, Segment, Shareable, SharedSegment};

use shm_tests::child::Child;
use shm_tests::killed::kills;
use shm_tests::structs::rings::{Feed, Item, RawFeed};
use shm_tests::{HANGS, eventually, peer};

fn feed() -> RemoveOnDrop<Segment<Feed>> {
    Feed::create().unwrap().remove_on_drop()
}

fn raw(segment: &Segment<Feed>) -> Attached<RawFeed> {
    Segment::<RawFeed>::from_id(segment.id()).unwrap().attach().unwrap()
}

#[test]
fn all_but_one_of_the_slots_can_be_read_and_what_is_older_is_missed() {
    let segment = feed();
    let (feed, display) = (segment.attach().unwrap(), segment.attach_read_only().unwrap());
    let mut writer = feed.items.writer().unwrap();
    for behind in 1..30_u64 {
        let mut reader = display.items.reader();
        let first = reader.position() + 1;
        let items: Vec<Item> = (first..first + behind).map(Item::new).collect();
        if behind % 2 == 0 {
            writer.write_all(&items).unwrap();
        } else {
            items.iter().for_each(|item| writer.write(item).unwrap());
        }
        if behind < 8 {
            let mut read = vec![reader.try_read().unwrap()];
            assert_eq!(reader.read_into(&mut read, 100).unwrap() + 1, items.len());
            assert_eq!(read, items);
        } else {
            let missed = behind - 4;
            assert_eq!(reader.try_read(), Err(RingError::Missed(missed)));
            assert_eq!(reader.try_read().unwrap().number, first + missed);
            let mut late = display.items.reader();
            late.rewind();
            assert_eq!(late.try_read().unwrap().number, first + behind - 7);
        }
    }
    assert!(matches!(feed.items.writer(), Err(WriterError::Held { .. })));
}

#[test]
fn a_wait_for_a_value_ends_in_time() {
    let segment = feed();
    let (feed, display) = (segment.attach().unwrap(), segment.attach_read_only().unwrap());
    for millis in [0, 5, 45] {
        let (start, timeout) = (Instant::now(), Duration::from_millis(millis));
        assert_eq!(feed.items.reader().read_timeout(timeout), Err(RingError::NothingNew));
        assert_eq!(display.items.reader().read_timeout(timeout), Err(RingError::NothingNew));
        assert!(start.elapsed() >= 2 * timeout && start.elapsed() < HANGS);
    }
    let mut reader = display.items.reader();
    thread::scope(|scope| {
        let waits = scope.spawn(|| reader.read());
        feed.items.writer().unwrap().write(&Item::new(1)).unwrap();
        assert_eq!(waits.join().unwrap().unwrap(), Item::new(1));
    });
}

#[test]
fn whichever_process_is_killed_anywhere_readers_see_every_value_or_are_told_how_many_they_missed() {
    let segment = feed();
    let feed = segment.attach().unwrap();
    let mut writer = peer!().rings(&segment, "feed-write");
    let mut readers = [(); 3].map(|()| peer!().rings(&segment, "feed-read"));
    for kill in kills() {
        let before = (feed.items.written(), feed.read.load(SeqCst));
        eventually(|| feed.items.written() > before.0 + 16 && feed.read.load(SeqCst) > before.1 + 3);
        kill.wait();
        match readers.get_mut(usize::try_from(kill.chance() % 6).unwrap()) {
            Some(reader) => {
                reader.kill();
                *reader = peer!().rings(&segment, "feed-read");
            }
            None => {
                writer.kill();
                writer = peer!().rings(&segment, "feed-write");
            }
        }
    }
    eventually(|| feed.arrived.load(SeqCst) >= 3);
    feed.stop.store(1, SeqCst);
    // Each checks what it sees.
    readers.into_iter().for_each(Child::ends);
    assert!(writer.is_running() && feed.read.load(SeqCst) > 100 && feed.missed.load(SeqCst) > 0);
}

#[test]
fn a_reader_that_is_as_fast_as_the_writer_misses_nothing() {
    let segment = feed();
    let feed = segment.attach().unwrap();
    let readers = [(); 2].map(|()| peer!().rings(&segment, "feed-read"));
    eventually(|| feed.arrived.load(SeqCst) == 2);
    let mut writer = feed.items.writer().unwrap();
    for number in 1..=200 {
        writer.write(&Item::new(number)).unwrap();
        eventually(|| feed.read.load(SeqCst) == 2 * number);
    }
    feed.stop.store(1, SeqCst);
    readers.into_iter().for_each(Child::ends);
    assert_eq!(feed.missed.load(SeqCst), 0);
}

#[test]
fn a_lost_role_writes_nothing() {
    let segment = feed();
    let feed = segment.attach().unwrap();
    let mut old = feed.items.writer().unwrap();
    feed.items.reset_writer();
    assert!(matches!(old.write(&Item::new(1)), Err(WriterError::Lost { .. })));
    let mut new = feed.items.writer().unwrap();
    assert!(matches!(old.write_all(&[Item::new(1); 3]), Err(WriterError::Lost { .. })));
    drop(old);
    new.write(&Item::new(1)).unwrap();
    assert_eq!(feed.items.written(), 1);
}

#[test]
fn no_word_in_its_place_hangs_or_panics() {
    let segment = feed();
    let (feed, display) = (segment.attach().unwrap(), segment.attach_read_only().unwrap());
    let raw = raw(&segment);
    let words = [0, 1, 7, 8, 9, 1 << 32, 1 << 63, u64::MAX - 3, u64::MAX];
    for before in words {
        for after in words {
            raw.count.store(before, SeqCst);
            let mut reader = display.items.reader();
            raw.count.store(after, SeqCst);
            raw.bell.store(u32::MAX, SeqCst);
            match reader.read_timeout(Duration::ZERO) {
                Ok(_) => assert!((1..8).contains(&after.wrapping_sub(before))),
                Err(RingError::NothingNew) => assert_eq!(before, after),
                Err(RingError::Missed(missed)) => assert!(missed <= after.saturating_sub(before)),
                Err(error) => panic!("{error}"),
            }
            let _ = reader.read_into(&mut Vec::new(), usize::MAX);
            reader.rewind();
            let _ = reader.try_read();
            // And goes on.
            raw.count.store(8, SeqCst);
            let mut reader = display.items.reader();
            feed.items.writer().unwrap().write(&Item::new(9)).unwrap();
            assert_eq!(reader.try_read().unwrap(), Item::new(9));
        }
    }
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut reader = display.items.reader();
            let mut items = Vec::new();
            while !stop.load(SeqCst) {
                let _ = reader.read_timeout(Duration::from_micros(10));
                items.clear();
                let _ = reader.read_into(&mut items, 100);
            }
        });
        for word in (0_u64..20_000).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            raw.count.store(word, SeqCst);
            raw.count.fetch_add(word >> 62, SeqCst);
        }
        stop.store(true, SeqCst);
    });
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(u8)]
enum Mode {
    Off = 1,
    On = 2,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Modes {
    modes: Ring<Mode, 4>,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare, size = size_of::<Modes>())]
struct RawModes {
    before: [u64; 16],
    slots: [u8; 4],
    rest: [u8; 60],
}

#[test]
fn bytes_that_are_not_a_value_are_an_error_and_passed_over() {
    let segment = Modes::create().unwrap().remove_on_drop();
    let modes = segment.attach().unwrap();
    let raw = Segment::<RawModes>::from_id(segment.id()).unwrap().attach().unwrap();
    let mut reader = modes.modes.reader();
    modes.modes.writer().unwrap().write_all(&[Mode::On, Mode::Off, Mode::On]).unwrap();
    raw.slots[1].set(7);
    let mut values = vec![Mode::Off];
    assert!(matches!(reader.read_into(&mut values, 3), Err(RingError::Invalid(_))));
    assert_eq!(values, [Mode::Off, Mode::On]);
    assert_eq!(reader.try_read().unwrap(), Mode::On);
    assert_eq!(reader.try_read(), Err(RingError::NothingNew));
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Sealed {
    modes: Ring<Mode, 4>,
}

#[test]
fn the_tool_knows_the_writer_and_the_values_by_the_schema() {
    let segment = Sealed::create().unwrap().remove_on_drop();
    let sealed = segment.attach().unwrap();
    let mut modes = sealed.modes.writer().unwrap();
    modes.write_all(&[Mode::On, Mode::Off]).unwrap();
    let tool = inspect::Segment::from_id(segment.id()).unwrap().attach_read_only().unwrap();
    let ring = tool.builtin(tool.resolve("modes").unwrap());
    let Some(Builtin::Ring { written, writer, slots, .. }) = ring else { panic!() };
    assert_eq!(written, 2);
    assert_eq!(writer.map(|who| who.pid.unsigned_abs()), Some(std::process::id()));
    assert_eq!(slots.unwrap().resolve("[1]").unwrap().get(), Value::Enum { name: "Off", number: 1 });
}
