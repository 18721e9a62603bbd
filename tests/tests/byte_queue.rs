//! The queue of messages of any length: each once, whole and in order, and what a death at either end leaves.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst, fence};
use std::thread;
use std::time::{Duration, Instant};

use shm_runtime::inspect::{self, Builtin};
use shm_runtime::sync::{ByteQueue, QueueError, WriterError};
use shm_runtime::{Attached, RemoveOnDrop, Segment, Shared, SharedSegment};

use shm_tests::killed::kills;
use shm_tests::structs::rings::{ByteWire, RawByteWire, RawSide, WIRE_LONGEST, message};
use shm_tests::{HANGS, eventually, peer};

fn wire() -> RemoveOnDrop<Segment<ByteWire>> {
    ByteWire::create().unwrap().remove_on_drop()
}

fn raw(segment: &Segment<ByteWire>) -> Attached<RawByteWire> {
    Segment::<RawByteWire>::from_id(segment.id()).unwrap().attach().unwrap()
}

fn count(side: &Shared<RawSide>) -> u64 {
    side.count.load(SeqCst)
}

#[test]
fn messages_of_every_length_arrive_whole_and_in_order_and_no_more_than_there_is_room_for() {
    let segment = wire();
    let wire = segment.attach().unwrap();
    let (mut sender, mut receiver) = (wire.lines.sender().unwrap(), wire.lines.receiver().unwrap());
    assert_eq!(ByteQueue::<217>::MAX_LEN, 213);
    let (mut model, mut used, mut line) = (VecDeque::new(), 0, Vec::new());
    // Of a model that has as many bytes.
    for number in 0..3_000 {
        let longest = if number % 5 == 0 { 213 } else { 40 };
        let message = message(number, longest);
        let fits = used + 4 + message.len() <= 217;
        assert_eq!(sender.try_send(&message).is_ok(), fits, "{used} used, {} more", message.len());
        if fits {
            used += 4 + message.len();
            model.push_back(message);
        }
        assert_eq!((wire.lines.used(), wire.lines.is_empty()), (used, model.is_empty()));
        if number % 3 > 0 {
            match model.pop_front() {
                Some(first) => {
                    receiver.try_receive_into(&mut line).unwrap();
                    assert_eq!(line, first);
                    used -= 4 + first.len();
                }
                None => assert!(matches!(receiver.try_receive_into(&mut line), Err(QueueError::Empty))),
            }
        }
    }
}

#[test]
fn too_long_a_message_is_an_error_with_both_lengths_and_nothing_is_lost() {
    let segment = wire();
    let wire = segment.attach().unwrap();
    let (mut sender, mut receiver) = (wire.lines.sender().unwrap(), wire.lines.receiver().unwrap());
    sender.send(b"before").unwrap();
    for len in [214, 217, 5_000] {
        let error = sender.send(&vec![7; len]).unwrap_err();
        assert!(matches!(error, QueueError::TooLong { len: found, max: 213, .. } if found == len));
        let text = error.to_string();
        assert!(text.contains(&format!("{len} bytes")) && text.contains("213"), "{text}");
    }
    let mut line = Vec::new();
    receiver.receive_into(&mut line).unwrap();
    assert_eq!(line, b"before");
    sender.send(&[8; 213]).unwrap();
    receiver.receive_into(&mut line).unwrap();
    assert_eq!(line, [8; 213]);
}

#[test]
fn a_wait_for_a_message_or_for_room_ends_in_time() {
    let segment = wire();
    let wire = segment.attach().unwrap();
    let (mut sender, mut receiver) = (wire.lines.sender().unwrap(), wire.lines.receiver().unwrap());
    let mut line = Vec::new();
    for millis in [0, 5, 45] {
        let (start, timeout) = (Instant::now(), Duration::from_millis(millis));
        assert!(matches!(receiver.receive_into_timeout(&mut line, timeout), Err(QueueError::Empty)));
        assert!(start.elapsed() >= timeout && start.elapsed() < HANGS);
    }
    sender.send(&[1; 200]).unwrap();
    for millis in [0, 5, 45] {
        let (start, timeout) = (Instant::now(), Duration::from_millis(millis));
        // There is room, and not enough.
        assert!(matches!(sender.send_timeout(&[2; 20], timeout), Err(QueueError::Full)));
        assert!(start.elapsed() >= timeout && start.elapsed() < HANGS);
    }
    thread::scope(|scope| {
        let waits = scope.spawn(|| sender.send(&[2; 20]));
        receiver.receive_into(&mut line).unwrap();
        waits.join().unwrap().unwrap();
        receiver.receive_into(&mut line).unwrap();
        assert_eq!(line, [2; 20]);
    });
}

#[test]
fn each_end_has_one_process_and_one_claim() {
    let segment = wire();
    let wire = segment.attach().unwrap();
    let mut line = Vec::new();
    let mut sender = wire.lines.sender().unwrap();
    assert!(matches!(wire.lines.sender(), Err(WriterError::Held { pid, .. }) if pid == std::process::id()));
    let mut receiver = wire.lines.receiver().unwrap();
    assert!(matches!(wire.lines.receiver(), Err(WriterError::Held { .. })));
    wire.lines.reset_sender();
    let mut next = wire.lines.sender().unwrap();
    assert!(matches!(sender.send(b"lost"), Err(QueueError::Lost(_))));
    drop(sender);
    next.send(b"one").unwrap();
    next.send(b"two").unwrap();
    receiver.receive_into(&mut line).unwrap();
    wire.lines.reset_receiver();
    assert!(matches!(receiver.receive_into(&mut line), Err(QueueError::Lost(_))));
    assert!(matches!(receiver.skip(), Err(QueueError::Lost(_))));
    wire.lines.receiver().unwrap().receive_into(&mut line).unwrap();
    assert_eq!(line, b"two");
}

#[test]
fn a_forked_child_has_neither_end() {
    let segment = wire();
    let wire = segment.attach().unwrap();
    let (mut sender, mut receiver) = (wire.lines.sender().unwrap(), wire.lines.receiver().unwrap());
    let mut line = Vec::with_capacity(217);
    sender.send(b"one").unwrap();
    // SAFETY: the child uses the attachment and /proc, and leaves by _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let lost = matches!(sender.send(b"child"), Err(QueueError::Lost(_)))
            && matches!(sender.try_send(b"child"), Err(QueueError::Lost(_)))
            && matches!(receiver.receive_into(&mut line), Err(QueueError::Lost(_)))
            && matches!(receiver.skip(), Err(QueueError::Lost(_)));
        drop((sender, receiver));
        let held = matches!(wire.lines.sender(), Err(WriterError::Held { .. }))
            && matches!(wire.lines.receiver(), Err(WriterError::Held { .. }));
        // SAFETY: ends the process without running anything that belongs to the parent.
        unsafe { libc::_exit(i32::from(!(lost && held))) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0, "the child had an end, or its parent's is free");
    sender.send(b"two").unwrap();
    for sent in ["one", "two"] {
        receiver.receive_into(&mut line).unwrap();
        assert_eq!(line, sent.as_bytes());
    }
    assert!(wire.lines.is_empty());
}

#[test]
fn whichever_end_is_killed_anywhere_each_message_that_was_sent_is_received_once() {
    let segment = wire();
    let wire = segment.attach().unwrap();
    let raw = raw(&segment);
    let (mut sender, mut receiver) =
        (peer!().rings(&segment, "lines-send"), peer!().rings(&segment, "lines-receive"));
    let mut killed = 0;
    for kill in kills() {
        let before = count(&raw.receiver);
        eventually(|| count(&raw.receiver) > before + 1_000);
        kill.wait();
        if kill.chance() % 2 == 0 {
            sender.kill();
            sender = peer!().rings(&segment, "lines-send");
        } else {
            receiver.kill();
            // The one message that it had received, and not used yet, is lost with it.
            let lost = count(&raw.receiver) - wire.used.load(SeqCst);
            assert!(lost == 0 || lost == 4 + message(wire.used.load(SeqCst), WIRE_LONGEST).len() as u64);
            receiver = peer!().rings(&segment, "lines-receive");
        }
        killed += 1;
    }
    // Both check what they see: that they live still is the proof.
    let before = count(&raw.receiver);
    eventually(|| count(&raw.receiver) > before + 50_000);
    assert!(killed > 0 && sender.is_running() && receiver.is_running());
    sender.kill();
    eventually(|| wire.lines.is_empty());
    assert_eq!(count(&raw.sender), count(&raw.receiver));
    eventually(|| wire.used.load(SeqCst) == count(&raw.sender));
}

#[test]
fn a_message_that_nobody_is_woken_for_is_found_all_the_same() {
    let segment = wire();
    let wire = segment.attach().unwrap();
    let raw = raw(&segment);
    let _receiver = peer!().rings(&segment, "lines-receive");
    let mut sender = wire.lines.sender().unwrap();
    for _ in 0..10 {
        let at = count(&raw.sender);
        // As if the sender had been killed before it rang.
        raw.bells[0].store(0, SeqCst);
        fence(SeqCst);
        sender.send(&message(at, WIRE_LONGEST)).unwrap();
        eventually(|| wire.used.load(SeqCst) == count(&raw.sender));
    }
}

#[test]
fn no_count_and_no_length_in_its_place_hangs_or_panics_or_reads_more_than_there_is() {
    let segment = wire();
    let wire = segment.attach().unwrap();
    let raw = raw(&segment);
    let words = [0, 1, 3, 4, 5, 216, 217, 218, 1 << 32, 1 << 63, u64::MAX - 216, u64::MAX - 3, u64::MAX];
    let lengths = [0, 1, 4, 212, 213, 214, 217, 1 << 16, u32::MAX - 4, u32::MAX];
    for sent in words {
        for received in words {
            for len in lengths {
                raw.sender.count.store(sent, SeqCst);
                raw.receiver.count.store(received, SeqCst);
                for (i, byte) in (0..).zip(len.to_ne_bytes()) {
                    raw.bytes[usize::try_from((received % 217 + i) % 217).unwrap()].set(byte);
                }
                let mut receiver = wire.lines.receiver().unwrap();
                let there = sent.wrapping_sub(received);
                let mut line = Vec::new();
                match receiver.receive_into_timeout(&mut line, Duration::ZERO) {
                    Ok(()) => {
                        assert!(there <= 217 && u64::from(len) + 4 <= there);
                        assert_eq!(line.len(), usize::try_from(len).unwrap());
                    }
                    Err(QueueError::Empty) => assert_eq!(there, 0),
                    Err(QueueError::Corrupted { .. }) => assert!(there > 217),
                    Err(QueueError::BadLength { left, .. }) => {
                        assert!(left < 217 && (there < 4 || u64::from(len) > left));
                    }
                    Err(error) => panic!("{error}"),
                }
                let mut sender = wire.lines.sender().unwrap();
                raw.receiver.count.store(received, SeqCst);
                match sender.send_timeout(b"x", Duration::ZERO) {
                    Ok(()) => assert!(there <= 212),
                    Err(QueueError::Full) => assert!((213..=217).contains(&there)),
                    Err(QueueError::Corrupted { .. }) => assert!(there > 217),
                    Err(error) => panic!("{error}"),
                }
                // The way out; where the count turns over, there is another one.
                receiver.skip().unwrap();
                if count(&raw.sender) < u64::MAX - 1_000 {
                    for number in 0..20 {
                        sender.send(&message(number, 150)).unwrap();
                        receiver.receive_into(&mut line).unwrap();
                        assert_eq!(line, message(number, 150));
                    }
                }
            }
        }
    }
    // While both run.
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut sender = wire.lines.sender().unwrap();
            (0..2_000).for_each(|number| {
                let _ = sender.send_timeout(&message(number, 213), Duration::from_micros(10));
            });
            stop.store(true, SeqCst);
        });
        scope.spawn(|| {
            let (mut receiver, mut line) = (wire.lines.receiver().unwrap(), Vec::new());
            while !stop.load(SeqCst) {
                let _ = receiver.receive_into_timeout(&mut line, Duration::from_micros(10));
                assert!(line.len() <= 213 && line.capacity() < 1_000);
            }
        });
        for word in (0_u64..2_000).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            raw.sender.count.store(word, SeqCst);
            raw.receiver.count.store(word.wrapping_sub(word >> 56), SeqCst);
            raw.bytes[usize::try_from(word % 217).unwrap()].set(word.to_ne_bytes()[3]);
            thread::yield_now();
        }
    });
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Sealed {
    lines: ByteQueue<100>,
}

#[test]
fn the_tool_knows_both_ends_by_the_schema() {
    let segment = Sealed::create().unwrap().remove_on_drop();
    let sealed = segment.attach().unwrap();
    let mut sender = sealed.lines.sender().unwrap();
    sender.send(b"hello").unwrap();
    let tool = inspect::Segment::from_id(segment.id()).unwrap().attach_read_only().unwrap();
    let queue = tool.builtin(tool.resolve("lines").unwrap());
    let Some(Builtin::ByteQueue { sent, received, sender: who, receiver, bytes, .. }) = queue else {
        panic!()
    };
    assert_eq!((sent, received, receiver), (9, 0, None));
    assert_eq!(who.map(|who| who.pid.unsigned_abs()), Some(std::process::id()));
    assert_eq!(bytes.unwrap().resolve("[4]").unwrap().get(), inspect::Value::Int(b'h'.into()));
}
