//! The ring of messages of any length: each reader sees every message, whole and in order, or is told how many it has missed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use shm_runtime::inspect::{self, Builtin};
use shm_runtime::sync::{ByteRing, RingError, WriterError};
use shm_runtime::{Attached, RemoveOnDrop, Segment, SharedSegment};

use shm_tests::child::Child;
use shm_tests::killed::kills;
use shm_tests::structs::rings::{ByteFeed, FEED_LONGEST, RawByteFeed, message};
use shm_tests::{HANGS, eventually, peer, skip};

fn feed() -> RemoveOnDrop<Segment<ByteFeed>> {
    ByteFeed::create().unwrap().remove_on_drop()
}

fn raw(segment: &Segment<ByteFeed>) -> Attached<RawByteFeed> {
    Segment::<RawByteFeed>::from_id(segment.id()).unwrap().attach().unwrap()
}

/// Number of the oldest message of those with these lengths that is in the ring after the last one.
fn oldest(lengths: &[usize]) -> usize {
    let mut used = 0;
    let there = lengths.iter().rev().take_while(|&&len| {
        used += len + 8;
        used <= 1003
    });
    lengths.len() - there.count()
}

#[test]
fn what_fits_can_be_read_whole_and_in_order_and_what_is_older_is_missed() {
    let segment = feed();
    let (feed, display) = (segment.attach().unwrap(), segment.attach_read_only().unwrap());
    let mut writer = feed.lines.writer().unwrap();
    let mut line = Vec::new();
    let (mut lengths, mut readers) = (Vec::new(), Vec::new());
    for number in 0..800_u64 {
        readers.push(display.lines.reader());
        assert_eq!(readers.last().map(|reader| reader.position()), Some(number));
        let longest = [20, 300, 995, 3][usize::try_from(number / 20 % 4).unwrap()];
        let message = message(number, longest);
        writer.write(&message).unwrap();
        lengths.push(message.len());
    }
    // Each begins at another place.
    let oldest = oldest(&lengths) as u64;
    assert!((20..780).contains(&oldest));
    for (number, mut reader) in (0_u64..).zip(readers) {
        if number < oldest {
            let Err(RingError::Missed(missed)) = reader.try_read_into(&mut line) else { panic!("{number}") };
            assert_eq!(number + missed, reader.position());
            // It goes on in the newer half.
            let left: usize =
                lengths[usize::try_from(reader.position()).unwrap()..].iter().map(|len| len + 8).sum();
            assert!(reader.position() >= oldest && left <= 502, "{left}");
            reader.rewind();
            assert_eq!(reader.position(), oldest);
        }
        for number in reader.position()..800 {
            reader.try_read_into(&mut line).unwrap();
            assert_eq!(line, message(number, [20, 300, 995, 3][usize::try_from(number / 20 % 4).unwrap()]));
        }
        assert_eq!(reader.try_read_into(&mut line), Err(RingError::NothingNew));
    }
    assert!(matches!(feed.lines.writer(), Err(WriterError::Held { .. })));
}

#[test]
fn a_message_can_have_all_the_room_and_one_that_is_longer_is_an_error_with_both_lengths() {
    let segment = feed();
    let feed = segment.attach().unwrap();
    assert_eq!(ByteRing::<1003>::MAX_LEN, 995);
    let (mut writer, mut reader) = (feed.lines.writer().unwrap(), feed.lines.reader());
    let mut line = Vec::new();
    for number in 0..5 {
        writer.write(&[number; 995]).unwrap();
        reader.read_into(&mut line).unwrap();
        assert_eq!(line, [number; 995]);
        let error = writer.write(&[7; 996]).unwrap_err();
        assert_eq!(error.to_string().matches("99").count(), 2, "{error}");
        assert!(matches!(error, WriterError::TooLong { len: 996, max: 995, .. }));
        assert_eq!(reader.try_read_into(&mut line), Err(RingError::NothingNew));
        reader.rewind();
        reader.read_into(&mut line).unwrap();
        assert_eq!(line, [number; 995]);
    }
}

#[test]
fn a_wait_for_a_message_ends_in_time() {
    let segment = feed();
    let (feed, display) = (segment.attach().unwrap(), segment.attach_read_only().unwrap());
    let mut line = Vec::new();
    for millis in [0, 5, 45] {
        let (start, timeout) = (Instant::now(), Duration::from_millis(millis));
        assert_eq!(feed.lines.reader().read_into_timeout(&mut line, timeout), Err(RingError::NothingNew));
        assert_eq!(display.lines.reader().read_into_timeout(&mut line, timeout), Err(RingError::NothingNew));
        assert!(start.elapsed() >= 2 * timeout && start.elapsed() < HANGS);
    }
    let mut reader = display.lines.reader();
    thread::scope(|scope| {
        let waits = scope.spawn(|| reader.read_into(&mut line));
        feed.lines.writer().unwrap().write(b"there").unwrap();
        waits.join().unwrap().unwrap();
    });
    assert_eq!(line, b"there");
}

#[test]
fn whichever_process_is_killed_anywhere_readers_see_every_message_or_are_told_how_many_they_missed() {
    let segment = feed();
    let feed = segment.attach().unwrap();
    let mut writer = peer!().rings(&segment, "lines-write");
    let mut readers = [(); 3].map(|()| peer!().rings(&segment, "lines-read"));
    for kill in kills() {
        let before = (feed.lines.written(), feed.read.load(SeqCst));
        eventually(|| feed.lines.written() > before.0 + 16 && feed.read.load(SeqCst) > before.1 + 3);
        kill.wait();
        match readers.get_mut(usize::try_from(kill.chance() % 6).unwrap()) {
            Some(reader) => {
                reader.kill();
                *reader = peer!().rings(&segment, "lines-read");
            }
            None => {
                writer.kill();
                // What the dead one was writing has made room, and all else is whole.
                let mut reader = feed.lines.reader();
                let newest = reader.position();
                reader.rewind();
                let mut line = Vec::new();
                for number in reader.position()..newest {
                    reader.try_read_into(&mut line).unwrap();
                    assert_eq!(line, message(number, FEED_LONGEST));
                }
                writer = peer!().rings(&segment, "lines-write");
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
    let readers = [(); 2].map(|()| peer!().rings(&segment, "lines-read"));
    eventually(|| feed.arrived.load(SeqCst) == 2);
    let mut writer = feed.lines.writer().unwrap();
    for number in 0..200 {
        writer.write(&message(number, FEED_LONGEST)).unwrap();
        eventually(|| feed.read.load(SeqCst) == 2 * (number + 1));
    }
    feed.stop.store(1, SeqCst);
    readers.into_iter().for_each(Child::ends);
    assert_eq!(feed.missed.load(SeqCst), 0);
}

#[test]
fn a_lost_role_writes_nothing() {
    let segment = feed();
    let feed = segment.attach().unwrap();
    let mut old = feed.lines.writer().unwrap();
    feed.lines.reset_writer();
    assert!(matches!(old.write(b"lost"), Err(WriterError::Lost { .. })));
    let mut new = feed.lines.writer().unwrap();
    assert!(matches!(old.write(b"lost"), Err(WriterError::Lost { .. })));
    drop(old);
    new.write(b"new").unwrap();
    assert_eq!(feed.lines.written(), 1);
}

#[test]
fn a_forked_child_is_not_the_writer() {
    let segment = feed();
    let feed = segment.attach().unwrap();
    let (mut writer, mut reader) = (feed.lines.writer().unwrap(), feed.lines.reader());
    let mut line = Vec::with_capacity(1003);
    writer.write(b"one").unwrap();
    // SAFETY: the child uses the attachment and /proc, and leaves by _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let lost = matches!(writer.write(b"child"), Err(WriterError::Lost { .. }));
        drop(writer);
        let held = matches!(feed.lines.writer(), Err(WriterError::Held { .. }));
        // What its parent's reader can read, its own can, too.
        let read = reader.try_read_into(&mut line) == Ok(()) && line == b"one";
        // SAFETY: ends the process without running anything that belongs to the parent.
        unsafe { libc::_exit(i32::from(!(lost && held && read))) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0, "the child could write, or claim the role, or could not read");
    assert_eq!(feed.lines.written(), 1);
    writer.write(b"two").unwrap();
    for written in ["one", "two"] {
        reader.try_read_into(&mut line).unwrap();
        assert_eq!(line, written.as_bytes());
    }
}

#[test]
fn a_process_that_may_not_ask_for_barriers_in_other_threads_takes_the_role_from_a_living_writer_all_the_same()
{
    let mut taker = peer!().start_with("rings");
    if taker.ask(format!("refuse membarrier {}", libc::EPERM)) == "false" {
        skip("a filter for system calls is forbidden here");
        return;
    }
    let segment = feed();
    let feed = &segment.attach().unwrap();
    let readers = [(); 2].map(|()| peer!().rings(&segment, "lines-read"));
    eventually(|| feed.arrived.load(SeqCst) == 2);
    for _ in 0..5 {
        let (start, before) = (Instant::now(), feed.lines.written());
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut writer = feed.lines.writer().unwrap();
                // Until the role is taken away.
                while writer.write(&message(feed.lines.written(), FEED_LONGEST)).is_ok() {
                    assert!(start.elapsed() < HANGS, "the role was not taken away");
                }
            });
            eventually(|| feed.lines.written() > before + 3);
            taker.ask(format!("lines-take {}", segment.id()));
        });
        let (mut reader, written, mut line) = (feed.lines.reader(), feed.lines.written(), Vec::new());
        assert!(written > before + 53);
        reader.rewind();
        for number in reader.position()..written {
            reader.try_read_into(&mut line).unwrap();
            assert_eq!(line, message(number, FEED_LONGEST));
        }
    }
    feed.stop.store(1, SeqCst);
    // Each checks what it sees.
    readers.into_iter().for_each(Child::ends);
}

/// Two words to write over.
type Words = fn(&Attached<RawByteFeed>) -> [&AtomicU64; 2];

#[test]
fn no_word_and_no_length_in_its_place_hangs_or_panics_or_reads_more_than_there_is() {
    let segment = feed();
    let (feed, display) = (segment.attach().unwrap(), segment.attach_read_only().unwrap());
    let raw = raw(&segment);
    let words = [0, 1, 8, 502, 995, 1003, 1004, 1 << 32, 1 << 63, u64::MAX - 1002, u64::MAX - 7, u64::MAX];
    let places: [Words; 4] = [
        |raw| [&raw.count, &raw.tail],
        |raw| [&raw.marks[0][0], &raw.marks[1][0]],
        |raw| [&raw.marks[0][1], &raw.marks[1][1]],
        |raw| [&raw.tail, &raw.marks[0][0]],
    ];
    let mut line = Vec::new();
    for place in places {
        for first in words {
            for second in words {
                feed.lines.writer().unwrap().write(&message(first, 900)).unwrap();
                let mut reader = display.lines.reader();
                let places = place(&raw);
                places[0].store(first, SeqCst);
                places[1].store(second, SeqCst);
                for mut reader in [display.lines.reader(), {
                    reader.rewind();
                    reader
                }] {
                    for _ in 0..3 {
                        let _ = reader.read_into_timeout(&mut line, Duration::ZERO);
                        assert!(line.len() <= 995 && line.capacity() < 3_000);
                        reader.rewind();
                    }
                    // What a length there may be.
                    for (i, len) in [u32::MAX, 996, 995, 1 << 31].into_iter().enumerate() {
                        raw.bytes[i * 250].set(len.to_ne_bytes()[i % 4]);
                        let _ = reader.try_read_into(&mut line);
                    }
                }
                let mut writer = feed.lines.writer().unwrap();
                for number in 0..4 {
                    writer.write(&message(number, 300)).unwrap();
                }
                // The way out of all of it is a new message; where the position turns over, there is another one.
                let words = [&raw.count, &raw.tail, &raw.marks[0][0], &raw.marks[1][0]];
                if words.iter().any(|word| word.load(SeqCst) > u64::MAX - 100_000) {
                    raw.count.store(0, SeqCst);
                    raw.tail.store(0, SeqCst);
                    raw.marks.iter().for_each(|marks| marks.iter().for_each(|mark| mark.store(0, SeqCst)));
                    writer.write(b"begin anew").unwrap();
                }
                let mut reader = display.lines.reader();
                let mut late = display.lines.reader();
                for number in 0..5 {
                    writer.write(&message(number, 100)).unwrap();
                    reader.try_read_into(&mut line).unwrap();
                    assert_eq!(line, message(number, 100));
                }
                // The oldest one may still not be known.
                late.rewind();
                let _ = late.try_read_into(&mut line);
            }
        }
    }
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut reader, mut line) = (display.lines.reader(), Vec::new());
            while !stop.load(SeqCst) {
                let _ = reader.read_into_timeout(&mut line, Duration::from_micros(10));
                assert!(line.len() <= 995 && line.capacity() < 3_000);
                reader.rewind();
            }
        });
        scope.spawn(|| {
            let mut writer = feed.lines.writer().unwrap();
            for number in (0..).take_while(|_| !stop.load(SeqCst)) {
                writer.write(&message(number, 995)).unwrap();
            }
        });
        for word in (0_u64..20_000).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            let words = [
                &raw.count,
                &raw.tail,
                &raw.marks[0][0],
                &raw.marks[0][1],
                &raw.marks[1][0],
                &raw.marks[1][1],
            ];
            words[usize::try_from(word % 6).unwrap()].store(word >> (word % 50), SeqCst);
            raw.bytes[usize::try_from(word % 1003).unwrap()].set(word.to_ne_bytes()[3]);
        }
        stop.store(true, SeqCst);
    });
}

#[test]
fn what_is_overwritten_in_a_message_is_an_error_and_the_next_one_is_read() {
    let segment = feed();
    let feed = segment.attach().unwrap();
    let raw = raw(&segment);
    let (mut writer, mut line) = (feed.lines.writer().unwrap(), Vec::new());
    let mut reader = feed.lines.reader();
    writer.write(b"one").unwrap();
    writer.write(b"two").unwrap();
    // The length of the first, and the number of the second.
    raw.bytes[2].set(1);
    assert_eq!(
        reader.try_read_into(&mut line).map_err(|error| error.to_string().contains("message 0")),
        Err(true)
    );
    assert_eq!((reader.position(), reader.try_read_into(&mut line)), (2, Err(RingError::NothingNew)));
    raw.bytes[2].set(0);
    raw.bytes[11 + 4].set(9);
    reader.rewind();
    reader.try_read_into(&mut line).unwrap();
    assert!(matches!(reader.try_read_into(&mut line), Err(RingError::Corrupted { number: 1, .. })));
    writer.write(b"three").unwrap();
    reader.try_read_into(&mut line).unwrap();
    assert_eq!((line.as_slice(), reader.position()), (&b"three"[..], 3));
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Sealed {
    lines: ByteRing<100>,
}

#[test]
fn the_tool_knows_the_writer_and_the_bytes_by_the_schema() {
    let segment = Sealed::create().unwrap().remove_on_drop();
    let sealed = segment.attach().unwrap();
    let mut lines = sealed.lines.writer().unwrap();
    lines.write(b"hello").unwrap();
    let tool = inspect::Segment::from_id(segment.id()).unwrap().attach_read_only().unwrap();
    let ring = tool.builtin(tool.resolve("lines").unwrap());
    let Some(Builtin::ByteRing { written, writer, bytes, .. }) = ring else { panic!() };
    assert_eq!(written, 1);
    assert_eq!(writer.map(|who| who.pid.unsigned_abs()), Some(std::process::id()));
    assert_eq!(bytes.unwrap().resolve("[8]").unwrap().get(), inspect::Value::Int(b'h'.into()));
}
