//! A process that has one end of a ring or a queue, or the latest value.

use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use shm_runtime::{Attached, Key, Segment, TailedSegment, sync::QueueError, sync::RingError};
use shm_tests::HANGS;
use shm_tests::structs::rings::{
    ByteFeed, ByteWire, FEED_LONGEST, Feed, Item, LongByteFeed, LongByteWire, LongFeed, LongOffice, LongWire,
    Newest, Office, PASSED_ON, RawByteWire, RawWire, WIRE_LONGEST, Wire, message,
};

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
            "wire-send" => wire_send(&Segment::from_id(id)?),
            "wire-receive" => wire_receive(&Segment::from_id(id)?),
            "lines-send" => lines_send(&Segment::from_id(id)?),
            "lines-receive" => lines_receive(&Segment::from_id(id)?),
            "lines-write" => lines_write(&Segment::from_id(id)?),
            "lines-take" => lines_take(&Segment::from_id(id)?),
            "lines-read" => lines_read(&Segment::from_id(id)?),
            "feed-write" => feed_write(&Segment::from_id(id)?),
            "feed-read" => feed_read(&Segment::from_id(id)?),
            "office-send" => office_send(&Segment::from_id(id)?),
            "office-receive" => office_receive(&Segment::from_id(id)?),
            "long-feed-write" => long_feed_write(id),
            "long-wire-send" => long_wire_send(id),
            "long-office-send" => long_office_send(id),
            "long-office-keep" => long_office_keep(id),
            "long-lines-write" => long_lines_write(id),
            "long-lines-send" => long_lines_send(id),
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

/// Sends the numbers from where the last one ended, in all ways, until it is killed.
fn wire_send(segment: &Segment<Wire>) {
    let wire = segment.attach().unwrap();
    let raw = Segment::<RawWire>::from_id(segment.id()).unwrap().attach().unwrap();
    let mut sender = wire.items.sender().unwrap();
    loop {
        let next = raw.sender.count.load(SeqCst) + 1;
        match next % 7 {
            0 => sender.send_all(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(|i| Item::new(next + i))).unwrap(),
            1 => _ = sender.try_send_some(&[0, 1, 2].map(|i| Item::new(next + i))).unwrap(),
            2 => match sender.try_send(&Item::new(next)) {
                Ok(()) | Err(QueueError::Full) => {}
                Err(error) => panic!("{error}"),
            },
            _ => sender.send(&Item::new(next)).unwrap(),
        }
    }
}

/// Receives, in all ways, until it is killed: each value is the one whose turn it is.
fn wire_receive(segment: &Segment<Wire>) {
    let wire = segment.attach().unwrap();
    let raw = Segment::<RawWire>::from_id(segment.id()).unwrap().attach().unwrap();
    let mut receiver = wire.items.receiver().unwrap();
    let mut items = Vec::new();
    loop {
        let before = raw.receiver.count.load(SeqCst);
        items.clear();
        match before % 5 {
            0 => _ = receiver.receive_into(&mut items, 3).unwrap(),
            1 => match receiver.try_receive() {
                Ok(item) => items.push(item),
                Err(QueueError::Empty) => {}
                Err(error) => panic!("{error}"),
            },
            _ => items.push(receiver.receive().unwrap()),
        }
        for (number, item) in (before + 1..).zip(&items) {
            assert!(item.is_whole() && item.number == number, "{item:?} is not {number}");
            wire.used.store(number, SeqCst);
        }
    }
}

/// Sends messages whose number is their position, from where the last sender ended, in all ways, until it is killed.
fn lines_send(segment: &Segment<ByteWire>) {
    let wire = segment.attach().unwrap();
    let raw = Segment::<RawByteWire>::from_id(segment.id()).unwrap().attach().unwrap();
    let mut sender = wire.lines.sender().unwrap();
    loop {
        let message = message(raw.sender.count.load(SeqCst), WIRE_LONGEST);
        let sent = match message.len() % 3 {
            0 => sender.try_send(&message),
            1 => sender.send_timeout(&message, Duration::from_micros(50)),
            _ => sender.send(&message),
        };
        match sent {
            Ok(()) | Err(QueueError::Full) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Receives, in all ways, until it is killed: each message is the one of its position.
fn lines_receive(segment: &Segment<ByteWire>) {
    let wire = segment.attach().unwrap();
    let raw = Segment::<RawByteWire>::from_id(segment.id()).unwrap().attach().unwrap();
    let mut receiver = wire.lines.receiver().unwrap();
    let mut line = Vec::new();
    for turn in 0.. {
        let before = raw.receiver.count.load(SeqCst);
        let received = match turn % 3 {
            0 => receiver.try_receive_into(&mut line),
            1 => receiver.receive_into_timeout(&mut line, Duration::from_micros(50)),
            _ => receiver.receive_into(&mut line),
        };
        match received {
            Ok(()) => {
                assert_eq!(line, message(before, WIRE_LONGEST), "at {before}");
                wire.used.store(before + 4 + line.len() as u64, SeqCst);
            }
            Err(QueueError::Empty) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Writes the messages from where the last writer ended, until it is killed.
fn lines_write(segment: &Segment<ByteFeed>) {
    let feed = segment.attach().unwrap();
    let mut writer = feed.lines.writer().unwrap();
    loop {
        writer.write(&message(feed.lines.written(), FEED_LONGEST)).unwrap();
    }
}

/// Takes the role from the writer that has it, writes some messages, and gives it back.
fn lines_take(segment: &Segment<ByteFeed>) {
    let feed = segment.attach().unwrap();
    feed.lines.reset_writer();
    let mut writer = feed.lines.writer().unwrap();
    for _ in 0..50 {
        writer.write(&message(feed.lines.written(), FEED_LONGEST)).unwrap();
    }
}

/// Reads through a read-only attachment, in all ways, until it is told to stop: each message is the one whose turn it is, and
/// what is missed is what is left out.
fn lines_read(segment: &Segment<ByteFeed>) {
    let (board, display) = (segment.attach().unwrap(), segment.attach_read_only().unwrap());
    let mut reader = display.lines.reader();
    let start = reader.position();
    board.arrived.fetch_add(1, SeqCst);
    let (mut line, mut read, mut missed) = (Vec::new(), 0, 0);
    while board.stop.load(SeqCst) == 0 {
        let before = reader.position();
        let outcome = match (read + missed) % 3 {
            0 => reader.try_read_into(&mut line),
            _ => reader.read_into_timeout(&mut line, Duration::from_millis(5)),
        };
        match outcome {
            Ok(()) => {
                assert_eq!(line, message(before, FEED_LONGEST), "number {before}");
                read += 1;
                board.read.fetch_add(1, SeqCst);
            }
            Err(RingError::NothingNew) => {}
            Err(RingError::Missed(many)) => {
                assert!(many > 0 && reader.position() == before + many);
                missed += many;
                board.missed.fetch_add(many, SeqCst);
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(reader.position() - start, read + missed);
}

/// Writes the numbers from where the last writer ended, one or some at a time, until it is killed.
fn feed_write(segment: &Segment<Feed>) {
    let feed = segment.attach().unwrap();
    let mut writer = feed.items.writer().unwrap();
    loop {
        let next = feed.items.written() + 1;
        match next % 3 {
            0 => writer.write_all(&[0, 1, 2, 3].map(|i| Item::new(next + i))).unwrap(),
            _ => writer.write(&Item::new(next)).unwrap(),
        }
    }
}

/// Reads through a read-only attachment, in all ways, until it is told to stop: each value is the one whose turn it is, and what
/// is missed is what is left out.
fn feed_read(segment: &Segment<Feed>) {
    let (board, display) = (segment.attach().unwrap(), segment.attach_read_only().unwrap());
    let mut reader = display.items.reader();
    let start = reader.position();
    board.arrived.fetch_add(1, SeqCst);
    let (mut items, mut read, mut missed) = (Vec::new(), 0, 0);
    while board.stop.load(SeqCst) == 0 {
        let before = reader.position();
        items.clear();
        let outcome = match (read + missed) % 4 {
            0 => reader.read_into(&mut items, 5).map(drop),
            1 => reader.try_read().map(|item| items.push(item)),
            _ => reader.read_timeout(Duration::from_millis(5)).map(|item| items.push(item)),
        };
        match outcome {
            Ok(()) | Err(RingError::NothingNew) => {}
            Err(RingError::Missed(many)) => {
                assert!(many > 0 && items.is_empty() && reader.position() == before + many);
                missed += many;
                board.missed.fetch_add(many, SeqCst);
            }
            Err(error) => panic!("{error}"),
        }
        for (number, item) in (before + 1..).zip(&items) {
            assert!(item.is_whole() && item.number == number, "{item:?} is not {number}");
            read += 1;
            board.read.fetch_add(1, SeqCst);
        }
    }
    assert_eq!(reader.position() - start, read + missed);
}

/// Sends jobs as far as the limit, one or some at a time, until it is killed.
fn office_send(segment: &Segment<Office>) {
    let office = segment.attach().unwrap();
    loop {
        if office.issued.load(SeqCst) >= office.limit.load(SeqCst) {
            thread::sleep(Duration::from_micros(50));
            continue;
        }
        let first = office.issued.fetch_add(3, SeqCst);
        let items = [0, 1, 2].map(|i| Item::new(first + i));
        let sent = office.jobs.try_send_some(&items).unwrap();
        items[sent..].iter().for_each(|item| office.jobs.send(item).unwrap());
        for item in items {
            office.accepted[usize::try_from(item.number).unwrap()].store(1, SeqCst);
        }
    }
}

/// Receives jobs, one or some at a time, and says that they are done, or gives one back now and then, until it is killed.
fn office_receive(segment: &Segment<Office>) {
    let office = segment.attach().unwrap();
    loop {
        let received = match office.received.load(SeqCst) % 3 {
            0 => office.jobs.try_receive_some(2).unwrap(),
            _ => vec![office.jobs.receive().unwrap()],
        };
        for job in received {
            let before = office.counts[usize::try_from(job.number).unwrap()].fetch_add(1, SeqCst);
            if !job.is_whole() || before > 0 && !job.is_redelivered() {
                office.wrong.fetch_add(1, SeqCst);
            }
            office.again.fetch_add(u64::from(job.is_redelivered()), SeqCst);
            let number = office.received.fetch_add(1, SeqCst);
            if number % 101 != 100 {
                job.done().unwrap();
            }
        }
    }
}

fn by_key<T: TailedSegment + ?Sized>(key: i32) -> Attached<T> {
    T::options().key(Key::fixed(key.cast_unsigned())).open().unwrap().attach().unwrap()
}

/// Writes the numbers up to the last one.
fn long_feed_write(key: i32) {
    let feed = by_key::<LongFeed>(key);
    let mut writer = feed.ring.writer(&feed.items).unwrap();
    (1..=PASSED_ON).for_each(|number| writer.write(&Item::new(number)).unwrap());
}

/// Sends them, one or some at a time.
fn long_wire_send(key: i32) {
    let wire = by_key::<LongWire>(key);
    let mut sender = wire.queue.sender(&wire.items).unwrap();
    let items: Vec<Item> = (1..=PASSED_ON).map(Item::new).collect();
    for (i, items) in items.chunks(5).enumerate() {
        match i % 2 {
            0 => sender.send_all(items).unwrap(),
            _ => items.iter().for_each(|item| sender.send(item).unwrap()),
        }
    }
}

fn long_office_send(key: i32) {
    let office = by_key::<LongOffice>(key);
    let jobs = office.queue.over(&office.jobs);
    (1..=PASSED_ON).for_each(|number| jobs.send(&Item::new(number)).unwrap());
}

/// Takes a job, and keeps it until it is killed.
fn long_office_keep(key: i32) {
    let office = by_key::<LongOffice>(key);
    let _job = office.queue.over(&office.jobs).receive().unwrap();
    office.kept.fetch_add(1, SeqCst);
    loop {
        thread::park();
    }
}

fn long_lines_write(key: i32) {
    let feed = by_key::<LongByteFeed>(key);
    let mut writer = feed.ring.writer(&feed.bytes).unwrap();
    (0..PASSED_ON).for_each(|number| writer.write(&message(number, FEED_LONGEST)).unwrap());
}

fn long_lines_send(key: i32) {
    let wire = by_key::<LongByteWire>(key);
    let mut sender = wire.queue.sender(&wire.bytes).unwrap();
    (0..PASSED_ON).for_each(|number| sender.send(&message(number, WIRE_LONGEST)).unwrap());
}
