//! Rings and queues whose capacity is the length of the slice at the end of the segment's struct: what is passed on arrives, for
//! any length, and whatever another process writes over their heads.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use shm_runtime::inspect::{self, Builtin};
use shm_runtime::sync::{self, QueueError, RingError, WriterError};
use shm_runtime::{RemoveOnDrop, Segment, SharedSegment, TailedSegment};

use shm_tests::key::OwnKey;
use shm_tests::structs::rings::{
    FEED_LONGEST, Item, LongByteFeed, LongByteWire, LongFeed, LongOffice, LongWire, PASSED_ON, WIRE_LONGEST,
    message,
};
use shm_tests::{HANGS, eventually, peer};

fn create<T: TailedSegment + ?Sized>(own: &OwnKey, len: usize) -> RemoveOnDrop<Segment<T>> {
    T::options().key(own.key()).len(len).create().unwrap().remove_on_drop()
}

/// Small ones, powers of two, their neighbours, and one that is longer than what is passed on.
const LENGTHS: [usize; 7] = [2, 3, 7, 8, 9, 1000, 6000];

#[test]
fn values_are_read_in_order_or_missed_by_another_process_at_any_capacity() {
    for len in LENGTHS {
        let own = OwnKey::new();
        let segment = create::<LongFeed>(&own, len);
        let display = segment.attach_read_only().unwrap();
        let mut reader = display.ring.reader(&display.items);
        let writer = peer!().rings_of(own.value(), "long-feed-write");
        let (mut items, mut last, mut missed) = (Vec::new(), 0, 0);
        while last < PASSED_ON {
            items.clear();
            let outcome = match last % 2 {
                0 => reader.read_timeout(HANGS).map(|item| items.push(item)),
                _ => reader.read_into(&mut items, 3).map(drop),
            };
            match outcome {
                Ok(()) => {}
                Err(RingError::Missed(many)) => {
                    missed += many;
                    last += many;
                }
                Err(error) => panic!("{error}"),
            }
            for item in &items {
                assert!(item.is_whole() && item.number == last + 1, "{item:?} after {last}");
                last += 1;
            }
        }
        assert!(len < 6000 || missed == 0);
        writer.ends();
        // What is still there: all slots but one.
        reader.rewind();
        let mut rest = Vec::new();
        let there = (len as u64 - 1).min(PASSED_ON);
        while reader.read_into(&mut rest, 100).unwrap() > 0 {}
        assert_eq!(rest, (PASSED_ON - there + 1..=PASSED_ON).map(Item::new).collect::<Vec<_>>());
    }
}

#[test]
fn values_are_received_in_order_from_another_process_at_any_capacity() {
    for len in [1].into_iter().chain(LENGTHS) {
        let own = OwnKey::new();
        let segment = create::<LongWire>(&own, len);
        let wire = segment.attach().unwrap();
        let sender = peer!().rings_of(own.value(), "long-wire-send");
        let mut receiver = wire.queue.receiver(&wire.items).unwrap();
        let (mut items, mut last) = (Vec::new(), 0);
        while last < PASSED_ON {
            items.clear();
            match last % 2 {
                0 => items.push(receiver.receive_timeout(HANGS).unwrap()),
                _ => _ = receiver.receive_into(&mut items, 3).unwrap(),
            }
            for item in &items {
                assert!(item.is_whole() && item.number == last + 1, "{item:?} after {last}");
                last += 1;
            }
        }
        sender.ends();
        assert!(wire.queue.is_empty() && wire.queue.len(&wire.items) == 0);
    }
}

#[test]
fn jobs_of_another_process_are_received_at_any_capacity_and_again_if_it_is_killed() {
    for len in [1].into_iter().chain(LENGTHS) {
        let own = OwnKey::new();
        let segment = create::<LongOffice>(&own, len);
        let office = segment.attach().unwrap();
        let jobs = office.queue.over(&office.jobs);
        let sender = peer!().rings_of(own.value(), "long-office-send");
        for number in 1..=PASSED_ON {
            let job = jobs.receive_timeout(HANGS).unwrap();
            assert!(job.is_whole() && job.number == number && !job.is_redelivered(), "{job:?}, not {number}");
            job.done().unwrap();
        }
        sender.ends();
        assert!(jobs.is_empty());

        jobs.send(&Item::new(7)).unwrap();
        let mut keeps = peer!().rings_of(own.value(), "long-office-keep");
        eventually(|| office.kept.load(SeqCst) == 1);
        assert!(matches!(jobs.try_receive(), Err(QueueError::Empty)));
        keeps.kill();
        let job = jobs.receive_timeout(HANGS).unwrap();
        assert!(job.number == 7 && job.is_redelivered());
        job.done().unwrap();
    }
}

#[test]
fn messages_arrive_from_another_process_at_any_size() {
    for len in [308_usize, 309, 512, 1003, 100_000] {
        let own = OwnKey::new();
        let feed = create::<LongByteFeed>(&own, len);
        let display = feed.attach_read_only().unwrap();
        let mut reader = display.ring.reader(&display.bytes);
        let writer = peer!().rings_of(own.value(), "long-lines-write");
        let mut line = Vec::new();
        while reader.position() < PASSED_ON {
            let number = reader.position();
            match reader.read_into_timeout(&mut line, HANGS) {
                Ok(()) => assert_eq!(line, message(number, FEED_LONGEST), "number {number}"),
                Err(RingError::Missed(many)) => assert_eq!(reader.position(), number + many),
                Err(error) => panic!("{error}"),
            }
        }
        writer.ends();
    }
    for len in [154_usize, 155, 256, 1003, 100_000] {
        let own = OwnKey::new();
        let segment = create::<LongByteWire>(&own, len);
        let wire = segment.attach().unwrap();
        let sender = peer!().rings_of(own.value(), "long-lines-send");
        let mut receiver = wire.queue.receiver(&wire.bytes).unwrap();
        let mut line = Vec::new();
        for number in 0..PASSED_ON {
            receiver.receive_into_timeout(&mut line, HANGS).unwrap();
            assert_eq!(line, message(number, WIRE_LONGEST), "number {number}");
        }
        sender.ends();
    }
}

#[test]
fn too_few_slots_are_an_error_with_both_lengths_and_no_call_waits() {
    for len in [0, 1] {
        let own = OwnKey::new();
        let segment = create::<LongFeed>(&own, len);
        let feed = segment.attach().unwrap();
        let error = feed.ring.writer(&feed.items).expect_err("too few");
        assert!(matches!(error, WriterError::TooFew { len: found, min: 2, .. } if found == len));
        assert!(error.to_string().contains(&format!("length {len}")), "{error}");
        assert!(error.to_string().contains("options().len(2)"), "{error}");
        let mut reader = feed.ring.reader(&feed.items);
        assert_eq!(reader.try_read(), Err(RingError::NothingNew));
        reader.rewind();
        assert_eq!(reader.read_into(&mut Vec::new(), 10), Ok(0));
    }
    let own = OwnKey::new();
    let segment = create::<LongWire>(&own, 0);
    let wire = segment.attach().unwrap();
    assert!(matches!(wire.queue.sender(&wire.items), Err(WriterError::TooFew { len: 0, min: 1, .. })));
    assert!(matches!(wire.queue.receiver(&wire.items), Err(WriterError::TooFew { len: 0, min: 1, .. })));

    let own = OwnKey::new();
    let segment = create::<LongOffice>(&own, 0);
    let office = segment.attach().unwrap();
    let jobs = office.queue.over(&office.jobs);
    assert!(matches!(jobs.send(&Item::new(1)), Err(QueueError::Full)));
    assert!(matches!(jobs.try_send(&Item::new(1)), Err(QueueError::Full)));
    assert!(matches!(jobs.receive(), Err(QueueError::Empty)));
    assert!(matches!(jobs.try_receive(), Err(QueueError::Empty)));
    jobs.clear();
    assert_eq!(jobs.len(), 0);

    for len in [0, 4, 8] {
        let own = OwnKey::new();
        let feed = create::<LongByteFeed>(&own, len);
        let feed = feed.attach().unwrap();
        assert!(matches!(feed.ring.writer(&feed.bytes), Err(WriterError::TooFew { min: 9, .. })));
        let mut reader = feed.ring.reader(&feed.bytes);
        assert_eq!(reader.try_read_into(&mut Vec::new()), Err(RingError::NothingNew));
        let own = OwnKey::new();
        let wire = create::<LongByteWire>(&own, len / 2);
        let wire = wire.attach().unwrap();
        assert!(matches!(wire.queue.sender(&wire.bytes), Err(WriterError::TooFew { min: 5, .. })));
        assert!(matches!(wire.queue.receiver(&wire.bytes), Err(WriterError::TooFew { min: 5, .. })));
    }
}

/// Each head beside the same slots, so that a hostile program can write to all of them.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct All {
    unused: AtomicU64,
    ring: sync::RingHead,
    wire: sync::SpscHead,
    office: sync::QueueHead,
    lines: sync::ByteRingHead,
    orders: sync::ByteQueueHead,
    slots: [sync::QueueSlot<u64>],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct RawAll {
    unused: AtomicU64,
    words: [AtomicU64],
}

#[test]
fn no_word_in_a_head_or_a_slot_and_no_slots_of_another_segment_hang_or_panic() {
    let own = OwnKey::new();
    let values = create::<LongFeed>(&own, 7);
    let values = values.attach().unwrap();
    let own = OwnKey::new();
    let bytes = create::<LongByteWire>(&own, 99);
    let bytes = bytes.attach().unwrap();
    let words = [0, 1, 6, 7, 8, 98, 99, 1 << 32, 1 << 63, u64::MAX - 7, u64::MAX];
    for len in [0, 1, 3, 8] {
        let own = OwnKey::new();
        let segment = create::<All>(&own, len);
        let raw = RawAll::options().key(own.key()).open().unwrap().attach().unwrap();
        let all = segment.attach().unwrap();
        for at in 0..raw.words.len() {
            for word in words {
                raw.words.iter().for_each(|word| word.store(0, SeqCst));
                let mut reader = all.ring.reader(&values.items);
                let mut writer = all.ring.writer(&values.items).unwrap();
                let mut sender = all.wire.sender(&values.items).unwrap();
                let mut receiver = all.wire.receiver(&values.items).unwrap();
                let mut lines = all.lines.writer(&bytes.bytes).unwrap();
                let mut line_reader = all.lines.reader(&bytes.bytes);
                let mut orders = all.orders.sender(&bytes.bytes).unwrap();
                let mut order_reader = all.orders.receiver(&bytes.bytes).unwrap();
                let jobs = all.office.over(&all.slots);
                raw.words[at].store(word, SeqCst);
                let (mut items, mut line) = (Vec::new(), Vec::new());
                for _ in 0..3 {
                    let _ = writer.write(&Item::new(1));
                    let _ = reader.try_read();
                    let _ = reader.read_into(&mut items, 100);
                    let _ = sender.try_send(&Item::new(1));
                    let _ = receiver.try_receive();
                    let _ = receiver.receive_into(&mut items, 100);
                    let _ = receiver.skip();
                    let _ = lines.write(b"line");
                    let _ = line_reader.try_read_into(&mut line);
                    line_reader.rewind();
                    let _ = orders.try_send(b"order");
                    let _ = order_reader.try_receive_into(&mut line);
                    let _ = order_reader.skip();
                    let _ = jobs.len();
                    assert!(line.len() <= 99 && items.len() <= 42);
                }
                reader.rewind();
                let _ = reader.try_read();
                // The lock's words are a mutex's, which has tests of its own; a time-out ends it in any case.
                if at >= after_the_lock() {
                    let _ = jobs.try_send(&1);
                    let _ = jobs.try_receive().map(sync::Received::done);
                }
                jobs.clear();
                if len > 0 {
                    jobs.try_send(&5).unwrap();
                    assert_eq!(*jobs.receive_timeout(Duration::from_secs(1)).unwrap(), 5);
                }
            }
        }
    }
}

/// The first word after that of the lock: before are the two heads, and what is unused.
fn after_the_lock() -> usize {
    (64 + size_of::<sync::RingHead>() + size_of::<sync::SpscHead>()) / 8
}

/// All heads, and bytes that are slots to two of them.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Heads {
    ring: sync::RingHead,
    wire: sync::SpscHead,
    office: sync::QueueHead,
    lines: sync::ByteRingHead,
    orders: sync::ByteQueueHead,
    bytes: [u8],
}

#[test]
fn the_tool_knows_each_head_and_who_has_its_roles_by_the_schema() {
    let segment = Heads::options().len(100).create().unwrap().remove_on_drop();
    let heads = segment.attach().unwrap();
    let mut writer = heads.ring.writer(&heads.bytes).unwrap();
    writer.write_all(&[1, 2, 3]).unwrap();
    let mut sender = heads.wire.sender(&heads.bytes).unwrap();
    sender.send_all(&[1, 2]).unwrap();
    heads.lines.writer(&heads.bytes).unwrap().write(b"one").unwrap();
    let mut receiver = heads.orders.receiver(&heads.bytes).unwrap();
    heads.orders.sender(&heads.bytes).unwrap().send(b"one").unwrap();
    receiver.receive_into(&mut Vec::new()).unwrap();

    let tool = inspect::Segment::from_id(segment.id()).unwrap().attach_read_only().unwrap();
    let find = |name| tool.builtin(tool.resolve(name).unwrap()).unwrap();
    let me =
        |who: Option<inspect::Process>| who.is_some_and(|who| who.pid.unsigned_abs() == std::process::id());
    assert!(matches!(find("ring"), Builtin::Ring { written: 3, writer, slots: None, .. } if me(writer)));
    let Builtin::SpscQueue { sent: 2, received: 0, sender, receiver: None, slots: None, .. } = find("wire")
    else {
        panic!()
    };
    assert!(me(sender));
    let Builtin::Queue { lock, accepted: 0, given: 0, slots: None, .. } = find("office") else { panic!() };
    assert!(lock.holder().is_none());
    assert!(matches!(find("lines"), Builtin::ByteRing { written: 1, writer: None, bytes: None, .. }));
    let Builtin::ByteQueue { sent: 7, received: 7, sender: None, receiver, bytes: None, .. } = find("orders")
    else {
        panic!()
    };
    assert!(me(receiver));
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(key = 1)]
struct Grows {
    queue: sync::QueueHead,
    jobs: [sync::QueueSlot<u64>],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(key = 1)]
struct Streams {
    ring: sync::RingHead,
    values: [u64],
}

#[test]
fn a_successor_is_empty_and_what_is_left_in_the_old_one_is_received_there() {
    let own = OwnKey::new();
    let mut options = Grows::options();
    options.key(own.key());
    let old = options.len(3).create().unwrap().remove_on_drop().attach().unwrap();
    let jobs = old.queue.over(&old.jobs);
    jobs.send(&1).unwrap();
    jobs.send(&2).unwrap();
    let held = jobs.receive().unwrap();
    assert!(old.is_current().unwrap());
    let new = options.successor(5).unwrap().remove_on_drop().attach().unwrap();
    let more = new.queue.over(&new.jobs);
    // All slots are free, that one, too, which is taken in the old one.
    assert!(matches!(more.try_receive(), Err(QueueError::Empty)));
    assert_eq!(more.try_send_some(&[10, 11, 12, 13, 14, 15]).unwrap(), 5);

    held.done().unwrap();
    assert_eq!(*jobs.try_receive().unwrap(), 2);
    assert!(!old.is_current().unwrap() && new.is_current().unwrap());
    for number in 10..15 {
        let job = more.try_receive().unwrap();
        assert_eq!(*job, number);
        job.done().unwrap();
    }

    let own = OwnKey::new();
    let mut options = Streams::options();
    options.key(own.key());
    let old = options.len(3).create().unwrap().remove_on_drop().attach().unwrap();
    old.ring.writer(&old.values).unwrap().write_all(&[1, 2, 3, 4]).unwrap();
    let new = options.successor(5).unwrap().remove_on_drop().attach().unwrap();
    assert_eq!(new.ring.written(), 0);
    let mut reader = new.ring.reader(&new.values);
    // The role is free, and numbers begin anew.
    new.ring.writer(&new.values).unwrap().write(&7).unwrap();
    assert_eq!(reader.try_read(), Ok(7));
}

#[test]
fn the_ends_of_a_queue_of_two_are_free_in_a_successor_and_what_was_sent_is_received_in_the_old_one() {
    let own = OwnKey::new();
    let mut options = LongWire::options();
    options.key(own.key());
    let old = options.len(3).create().unwrap().remove_on_drop().attach().unwrap();
    let mut sender = old.queue.sender(&old.items).unwrap();
    let mut receiver = old.queue.receiver(&old.items).unwrap();
    for number in 1..=3 {
        sender.try_send(&Item::new(number)).unwrap();
    }
    assert_eq!(receiver.receive().unwrap(), Item::new(1));
    let new = options.successor(5).unwrap().remove_on_drop().attach().unwrap();
    // Claimed there although they are held here, by handles of this process that live.
    let mut next_sender = new.queue.sender(&new.items).unwrap();
    let mut next_receiver = new.queue.receiver(&new.items).unwrap();
    assert!(matches!(next_receiver.try_receive(), Err(QueueError::Empty)));
    for number in 10..15 {
        next_sender.try_send(&Item::new(number)).unwrap();
    }
    assert!(matches!(next_sender.try_send(&Item::new(15)), Err(QueueError::Full)));

    // There is room, and so what comes too late goes to the old one.
    sender.try_send(&Item::new(4)).unwrap();
    for number in 2..=4 {
        assert_eq!(receiver.try_receive().unwrap(), Item::new(number));
    }
    assert!(matches!(receiver.try_receive(), Err(QueueError::Empty)));
    assert!(!old.is_current().unwrap() && new.is_current().unwrap());
    for number in 10..15 {
        assert_eq!(next_receiver.try_receive().unwrap(), Item::new(number));
    }
}

#[test]
fn the_ends_of_a_queue_of_messages_are_free_in_a_successor_and_what_was_sent_is_received_in_the_old_one() {
    let own = OwnKey::new();
    let mut options = LongByteWire::options();
    options.key(own.key());
    let old = options.len(20).create().unwrap().remove_on_drop().attach().unwrap();
    let mut sender = old.queue.sender(&old.bytes).unwrap();
    let mut receiver = old.queue.receiver(&old.bytes).unwrap();
    sender.try_send(b"first").unwrap();
    sender.try_send(b"second").unwrap();
    let mut line = Vec::new();
    receiver.receive_into(&mut line).unwrap();
    let new = options.successor(35).unwrap().remove_on_drop().attach().unwrap();
    assert!(new.queue.is_empty() && new.queue.used(&new.bytes) == 0);
    let mut next_sender = new.queue.sender(&new.bytes).unwrap();
    let mut next_receiver = new.queue.receiver(&new.bytes).unwrap();
    assert!(matches!(next_receiver.try_receive_into(&mut line), Err(QueueError::Empty)));
    // Longer than any in the old one.
    next_sender.try_send(&[7; 31]).unwrap();
    receiver.try_receive_into(&mut line).unwrap();
    assert_eq!(line, b"second");
    assert!(matches!(receiver.try_receive_into(&mut line), Err(QueueError::Empty)));
    next_receiver.try_receive_into(&mut line).unwrap();
    assert_eq!(line, [7; 31]);
}

#[test]
fn a_ring_of_messages_is_empty_in_a_successor_and_what_was_written_is_read_in_the_old_one() {
    let own = OwnKey::new();
    let mut options = LongByteFeed::options();
    options.key(own.key());
    let old = options.len(40).create().unwrap().remove_on_drop().attach().unwrap();
    let mut writer = old.ring.writer(&old.bytes).unwrap();
    let mut reader = old.ring.reader(&old.bytes);
    for line in ["one", "two", "three"] {
        writer.write(line.as_bytes()).unwrap();
    }
    let mut line = Vec::new();
    let new = options.successor(100).unwrap().remove_on_drop().attach().unwrap();
    assert_eq!((old.ring.written(), new.ring.written()), (3, 0));
    let mut next_reader = new.ring.reader(&new.bytes);
    next_reader.rewind();
    assert_eq!(next_reader.try_read_into(&mut line), Err(RingError::NothingNew));
    // The role is free, numbers begin anew, and a message can be longer than all of the old one.
    let mut next_writer = new.ring.writer(&new.bytes).unwrap();
    next_writer.write(&[7; 92]).unwrap();
    next_reader.try_read_into(&mut line).unwrap();
    assert_eq!((line.as_slice(), next_reader.position()), (&[7; 92][..], 1));

    for written in ["one", "two", "three"] {
        reader.try_read_into(&mut line).unwrap();
        assert_eq!(line, written.as_bytes());
    }
    assert_eq!(reader.try_read_into(&mut line), Err(RingError::NothingNew));
    assert!(!old.is_current().unwrap() && new.is_current().unwrap());
}
