//! The latest value: whole, with its own version and time, waited for, and what its writer's death leaves.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use shm_runtime::inspect::{self, Builtin, Value};
use shm_runtime::sync::{ReadError, WriterError};
use shm_runtime::{Attached, RemoveOnDrop, Segment, Shareable, SharedSegment, sync};

use shm_tests::child::Child;
use shm_tests::killed::kills;
use shm_tests::structs::rings::{Item, Newest};
use shm_tests::{HANGS, eventually, oracle, peer};

/// The same memory, to a program that respects no protocol.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare, size = size_of::<Newest>())]
struct Raw {
    sequence: AtomicU64,
    slots: [[u64; 9]; 2],
    role: [u64; 4],
    bell: AtomicU32,
    arrived: AtomicU64,
}

fn newest() -> RemoveOnDrop<Segment<Newest>> {
    Newest::create().unwrap().remove_on_drop()
}

fn raw(segment: &Segment<Newest>) -> Attached<Raw> {
    Segment::<Raw>::from_id(segment.id()).unwrap().attach().unwrap()
}

#[test]
fn a_reading_has_the_version_and_the_time_of_its_own_write() {
    let segment = newest();
    let (newest, display) = (segment.attach().unwrap(), segment.attach_read_only().unwrap());
    assert_eq!(display.item.read(), Err(ReadError::NeverWritten));
    assert_eq!((display.item.age(), display.item.version()), (Ok(None), 0));
    let mut writer = newest.item.writer().unwrap();
    let mut last = Duration::ZERO;
    for number in 1..=3 {
        let before = oracle::monotonic();
        writer.write(&Item::new(number)).unwrap();
        let after = oracle::monotonic();
        let reading = display.item.read().unwrap();
        assert_eq!((reading.value, reading.version), (Item::new(number), number));
        assert!(
            before <= reading.written() && reading.written() <= after,
            "{before:?} {reading:?} {after:?}"
        );
        assert!(reading.written() >= last);
        last = reading.written();
        let (least, age) = (oracle::monotonic() - reading.written(), display.item.age().unwrap().unwrap());
        assert!(least <= age && age <= reading.age());
    }
    assert!(matches!(newest.item.writer(), Err(WriterError::Held { .. })));
}

#[test]
fn readers_that_wait_see_whole_values_in_order_and_the_last_one() {
    let segment = newest();
    let newest = segment.attach().unwrap();
    let roles = ["newest-wait", "newest-wait", "newest-wait-read-only"];
    let readers = roles.map(|role| peer!().rings(&segment, role));
    eventually(|| newest.arrived.load(SeqCst) == 3);
    let mut writer = newest.item.writer().unwrap();
    let start = Instant::now();
    for number in 1.. {
        if start.elapsed() > Duration::from_millis(500) {
            break;
        }
        writer.write(&Item::new(number)).unwrap();
        // All fall asleep now and then.
        if number % 1024 == 0 {
            thread::sleep(Duration::from_millis(2));
        }
    }
    writer.write(&Item::new(u64::MAX)).unwrap();
    readers.into_iter().for_each(Child::ends);
}

#[test]
fn a_wait_ends_in_time_and_reads_what_is_newer_however_short_the_time_is() {
    let segment = newest();
    let (newest, display) = (segment.attach().unwrap(), segment.attach_read_only().unwrap());
    for millis in [0, 5, 50] {
        let (start, timeout) = (Instant::now(), Duration::from_millis(millis));
        assert_eq!(newest.item.wait_newer(0, timeout).unwrap(), None);
        assert_eq!(display.item.wait_newer(0, timeout).unwrap(), None);
        assert!(start.elapsed() >= 2 * timeout && start.elapsed() < HANGS);
    }
    newest.item.writer().unwrap().write(&Item::new(1)).unwrap();
    assert_eq!(display.item.wait_newer(0, Duration::ZERO).unwrap().unwrap().version, 1);
    assert_eq!(display.item.wait_newer(1, Duration::ZERO).unwrap(), None);
    // A time that no clock reaches.
    assert_eq!(display.item.wait_newer(0, Duration::MAX).unwrap().unwrap().version, 1);
}

#[test]
fn a_writer_killed_anywhere_leaves_the_last_value_whole_and_the_next_goes_on() {
    let segment = newest();
    let newest = segment.attach().unwrap();
    for kill in kills() {
        let before = newest.item.version();
        let mut peer = peer!().rings(&segment, "newest-write");
        eventually(|| newest.item.version() > before);
        kill.wait();
        peer.kill();
        let reading = newest.item.read().unwrap();
        assert_eq!(reading.value, Item::new(reading.version));
        let mut writer = newest.item.writer().unwrap();
        writer.write(&Item::new(reading.version + 1)).unwrap();
        assert_eq!(newest.item.read().unwrap().value.number, reading.version + 1);
    }
}

#[test]
fn a_write_that_nobody_is_woken_for_is_found_all_the_same() {
    let segment = newest();
    let newest = segment.attach().unwrap();
    let raw = raw(&segment);
    let reader = peer!().rings(&segment, "newest-wait");
    eventually(|| raw.bell.load(SeqCst) & 1 == 1);
    // As if the writer had been killed before it rang.
    let mut writer = newest.item.writer().unwrap();
    raw.bell.store(0, SeqCst);
    writer.write(&Item::new(u64::MAX)).unwrap();
    reader.ends();
}

#[test]
fn no_word_in_its_place_hangs_or_panics() {
    let segment = newest();
    let newest = segment.attach().unwrap();
    let raw = raw(&segment);
    for word in [0, 1, u64::MAX, 1 << 63, 0x5555_5555_5555_5555] {
        raw.sequence.store(word, SeqCst);
        raw.bell.store(u32::MAX - u32::from(word == 0), SeqCst);
        raw.slots.set([[word; 9]; 2]);
        raw.role.set([word; 4]);
        if let Ok(reading) = newest.item.read() {
            assert!(reading.age() < Duration::from_secs(1 << 40));
        }
        let _ = newest.item.age();
        let _ = newest.item.wait_newer(word, Duration::from_millis(3)).unwrap();
        newest.item.reset_writer();
        newest.item.writer().unwrap().write(&Item::new(1)).unwrap();
        assert_eq!(
            newest.item.read().map(|reading| reading.value),
            match word {
                // After that the count has begun anew.
                u64::MAX => Err(ReadError::NeverWritten),
                _ => Ok(Item::new(1)),
            }
        );
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(u8)]
enum Sky {
    Clear = 1,
    Cloudy = 2,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Skies {
    sky: sync::Latest<Sky>,
}

#[test]
fn the_tool_reads_it_by_the_schema() {
    let segment = Skies::create().unwrap().remove_on_drop();
    let skies = segment.attach().unwrap();
    skies.sky.writer().unwrap().write(&Sky::Cloudy).unwrap();
    let tool = inspect::Segment::from_id(segment.id()).unwrap().attach_read_only().unwrap();
    let Some(Builtin::Latest(sky)) = tool.builtin(tool.resolve("sky").unwrap()) else { panic!() };
    let snapshot = sky.read().unwrap();
    assert_eq!(snapshot.view().resolve("value").unwrap().get(), Value::Enum { name: "Cloudy", number: 2 });
    let written = i128::try_from(skies.sky.read().unwrap().written().as_nanos()).unwrap();
    assert_eq!(snapshot.view().resolve("written").unwrap().get(), Value::Int(written));
}
