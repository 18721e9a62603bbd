//! The queue of one sender and one receiver: each value once and in order, and what a death at either end leaves.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst, fence};
use std::thread;
use std::time::{Duration, Instant};

use shm_runtime::inspect::{self, Builtin, Value};
use shm_runtime::sync::{QueueError, Role, SpscQueue, WriterError};
use shm_runtime::{Attached, RemoveOnDrop, Segment, Shareable, SharedSegment};

use shm_tests::killed::kills;
use shm_tests::structs::rings::{Item, RawWire, Wire};
use shm_tests::{HANGS, eventually, peer};

fn wire() -> RemoveOnDrop<Segment<Wire>> {
    Wire::create().unwrap().remove_on_drop()
}

fn raw(segment: &Segment<Wire>) -> Attached<RawWire> {
    Segment::<RawWire>::from_id(segment.id()).unwrap().attach().unwrap()
}

#[test]
fn values_arrive_in_order_and_no_more_than_there_is_room_for() {
    let segment = wire();
    let wire = segment.attach().unwrap();
    let (mut sender, mut receiver) = (wire.items.sender().unwrap(), wire.items.receiver().unwrap());
    let (mut sent, mut received) = (0, 0);
    for round in 0..50_u64 {
        for _ in 0..=round % 8 {
            if sent - received < 8 {
                sent += 1;
                sender.try_send(&Item::new(sent)).unwrap();
            } else {
                assert!(matches!(sender.try_send(&Item::new(0)), Err(QueueError::Full)));
            }
        }
        let items: Vec<Item> = (1..=20).map(|i| Item::new(sent + i)).collect();
        let room = usize::try_from(8 - (sent - received)).unwrap();
        assert_eq!(sender.try_send_some(&items).unwrap(), room);
        sent += u64::try_from(room).unwrap();
        assert_eq!(wire.items.len(), 8);
        let mut items = Vec::new();
        let wanted = usize::try_from(round % 11).unwrap();
        assert_eq!(receiver.receive_into(&mut items, wanted).unwrap(), wanted.min(8));
        for item in items {
            received += 1;
            assert_eq!(item, Item::new(received));
        }
        if received < sent {
            received += 1;
            assert_eq!(receiver.try_receive().unwrap(), Item::new(received));
        }
    }
    while received < sent {
        received += 1;
        assert_eq!(receiver.receive().unwrap(), Item::new(received));
    }
    assert!(matches!(receiver.try_receive(), Err(QueueError::Empty)) && wire.items.is_empty());
}

#[test]
fn a_wait_for_a_value_or_for_room_ends_in_time() {
    let segment = wire();
    let wire = segment.attach().unwrap();
    let (mut sender, mut receiver) = (wire.items.sender().unwrap(), wire.items.receiver().unwrap());
    for millis in [0, 5, 45] {
        let (start, timeout) = (Instant::now(), Duration::from_millis(millis));
        assert!(matches!(receiver.receive_timeout(timeout), Err(QueueError::Empty)));
        assert!(start.elapsed() >= timeout && start.elapsed() < HANGS);
    }
    sender.send_all(&[Item::new(1); 8]).unwrap();
    for millis in [0, 5, 45] {
        let (start, timeout) = (Instant::now(), Duration::from_millis(millis));
        assert!(matches!(sender.send_timeout(&Item::new(2), timeout), Err(QueueError::Full)));
        assert!(start.elapsed() >= timeout && start.elapsed() < HANGS);
    }
    assert_eq!(receiver.receive_timeout(Duration::ZERO).unwrap(), Item::new(1));
    sender.send_timeout(&Item::new(2), Duration::MAX).unwrap();
}

#[test]
fn each_end_has_one_process_and_one_claim() {
    let segment = wire();
    let wire = segment.attach().unwrap();
    let mut sender = wire.items.sender().unwrap();
    assert!(matches!(wire.items.sender(), Err(WriterError::Held { pid, .. }) if pid == std::process::id()));
    let mut receiver = wire.items.receiver().unwrap();
    let held = wire.items.receiver().unwrap_err();
    assert!(
        matches!(held, WriterError::Held { role: Role::Receiver, .. })
            && held.to_string().contains("the receiver")
    );
    wire.items.reset_sender();
    let lost = sender.send(&Item::new(9)).unwrap_err();
    assert!(lost.to_string().contains("`reset_sender`; claim it again with `sender`"), "{lost}");
    let mut next = wire.items.sender().unwrap();
    assert!(matches!(
        sender.send(&Item::new(9)),
        Err(QueueError::Lost(WriterError::Lost { role: Role::Sender, .. }))
    ));
    drop(sender);
    next.send(&Item::new(1)).unwrap();
    assert_eq!(receiver.receive().unwrap(), Item::new(1));
    wire.items.reset_receiver();
    assert!(matches!(receiver.try_receive(), Err(QueueError::Empty | QueueError::Lost(_))));
    next.send(&Item::new(2)).unwrap();
    let lost = receiver.receive().unwrap_err();
    assert!(matches!(lost, QueueError::Lost(_)) && lost.to_string().contains("`reset_receiver`"), "{lost}");
    assert_eq!(wire.items.receiver().unwrap().receive().unwrap(), Item::new(2));
}

#[test]
fn a_forked_child_has_neither_end() {
    let segment = wire();
    let wire = segment.attach().unwrap();
    let (mut sender, mut receiver) = (wire.items.sender().unwrap(), wire.items.receiver().unwrap());
    sender.send(&Item::new(1)).unwrap();
    // SAFETY: the child uses the attachment, and leaves by _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let lost = matches!(sender.send(&Item::new(2)), Err(QueueError::Lost(_)))
            && matches!(receiver.receive(), Err(QueueError::Lost(_)))
            && matches!(receiver.skip(), Err(QueueError::Lost(_)));
        drop((sender, receiver));
        // SAFETY: ends the process without running anything that belongs to the parent.
        unsafe { libc::_exit(i32::from(!lost)) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0, "the child had an end");
    sender.send(&Item::new(2)).unwrap();
    assert_eq!([receiver.receive().unwrap(), receiver.receive().unwrap()], [Item::new(1), Item::new(2)]);
}

#[test]
fn whichever_end_is_killed_anywhere_each_value_that_was_sent_is_received_once() {
    let segment = wire();
    let wire = segment.attach().unwrap();
    let raw = raw(&segment);
    let count = |side: &shm_runtime::Shared<shm_tests::structs::rings::RawSide>| side.count.load(SeqCst);
    let (mut sender, mut receiver) =
        (peer!().rings(&segment, "wire-send"), peer!().rings(&segment, "wire-receive"));
    let mut unused = 0;
    for kill in kills() {
        let before = count(&raw.receiver);
        eventually(|| count(&raw.receiver) > before + 16);
        kill.wait();
        if kill.chance() % 2 == 0 {
            sender.kill();
            sender = peer!().rings(&segment, "wire-send");
        } else {
            receiver.kill();
            // What it had received, and not used yet, is lost with it.
            let lost = count(&raw.receiver) - wire.used.load(SeqCst);
            assert!(lost <= 3, "{lost} lost");
            unused += lost;
            receiver = peer!().rings(&segment, "wire-receive");
        }
    }
    // Both check what they see: that they live still is the proof.
    let before = count(&raw.receiver);
    eventually(|| count(&raw.receiver) > before + 1_000);
    assert!(sender.is_running() && receiver.is_running());
    sender.kill();
    eventually(|| wire.items.is_empty());
    assert_eq!(count(&raw.sender), count(&raw.receiver));
    eventually(|| wire.used.load(SeqCst) == count(&raw.sender));
    assert!(unused < count(&raw.sender));
}

#[test]
fn a_value_or_room_that_nobody_is_woken_for_is_found_all_the_same() {
    let segment = wire();
    let wire = segment.attach().unwrap();
    let raw = raw(&segment);
    let _receiver = peer!().rings(&segment, "wire-receive");
    let mut sender = wire.items.sender().unwrap();
    for number in 1..=10 {
        eventually(|| raw.bells[0].load(SeqCst) & 1 == 1 || raw.receiver.count.load(SeqCst) % 5 < 2);
        // As if the sender had been killed before it rang.
        raw.bells[0].store(0, SeqCst);
        fence(SeqCst);
        sender.send(&Item::new(number)).unwrap();
        eventually(|| wire.used.load(SeqCst) == number);
    }
}

#[test]
fn no_word_in_its_place_hangs_or_panics() {
    let segment = wire();
    let wire = segment.attach().unwrap();
    let raw = raw(&segment);
    let words = [0, 1, 7, 8, 9, 1 << 32, 1 << 63, u64::MAX - 3, u64::MAX];
    for sent in words {
        for received in words {
            raw.sender.count.store(sent, SeqCst);
            raw.receiver.count.store(received, SeqCst);
            let (mut sender, mut receiver) = (wire.items.sender().unwrap(), wire.items.receiver().unwrap());
            raw.bells[0].store(u32::MAX, SeqCst);
            assert!(wire.items.len() <= 8);
            let can_be = sent.wrapping_sub(received) <= 8;
            let sending = sender.send_timeout(&Item::new(1), Duration::ZERO);
            assert_eq!(matches!(sending, Err(QueueError::Corrupted { .. })), !can_be, "{sending:?}");
            let receiving = receiver.receive_timeout(Duration::ZERO);
            assert_eq!(matches!(receiving, Err(QueueError::Corrupted { .. })), !can_be, "{receiving:?}");
            assert!(receiver.receive_into(&mut Vec::new(), usize::MAX).is_ok() == can_be);
            // The way out.
            receiver.skip().unwrap();
            sender.send_all(&(1..=8).map(Item::new).collect::<Vec<_>>()).unwrap();
            assert!((1..=8).all(|number| receiver.receive().unwrap() == Item::new(number)));
        }
    }
    // While both run.
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut sender = wire.items.sender().unwrap();
            (0..2_000)
                .for_each(|number| _ = sender.send_timeout(&Item::new(number), Duration::from_micros(10)));
            stop.store(true, SeqCst);
        });
        scope.spawn(|| {
            let mut receiver = wire.items.receiver().unwrap();
            while !stop.load(SeqCst) {
                let _ = receiver.receive_timeout(Duration::from_micros(10));
                let _ = receiver.receive_into(&mut Vec::new(), 100);
            }
        });
        for word in (0_u64..2_000).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
            raw.sender.count.store(word, SeqCst);
            raw.receiver.count.store(word.wrapping_sub(word >> 61), SeqCst);
            thread::yield_now();
        }
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
    modes: SpscQueue<Mode, 3>,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare, size = size_of::<Modes>())]
struct RawModes {
    before: [u64; 40],
    slots: [u8; 3],
    rest: [u8; 61],
}

#[test]
fn bytes_that_are_not_a_value_are_an_error_and_received() {
    let segment = Modes::create().unwrap().remove_on_drop();
    let modes = segment.attach().unwrap();
    let raw = Segment::<RawModes>::from_id(segment.id()).unwrap().attach().unwrap();
    let (mut sender, mut receiver) = (modes.modes.sender().unwrap(), modes.modes.receiver().unwrap());
    sender.send_all(&[Mode::On, Mode::Off, Mode::On]).unwrap();
    raw.slots[1].set(7);
    let mut values = vec![Mode::Off];
    assert!(matches!(receiver.receive_into(&mut values, 3), Err(QueueError::Invalid(_))));
    assert_eq!(values, [Mode::Off, Mode::On]);
    assert_eq!(receiver.try_receive().unwrap(), Mode::On);
    assert!(matches!(receiver.try_receive(), Err(QueueError::Empty)));
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Sealed {
    modes: SpscQueue<Mode, 3>,
}

#[test]
fn the_tool_knows_both_ends_by_the_schema() {
    let segment = Sealed::create().unwrap().remove_on_drop();
    let sealed = segment.attach().unwrap();
    let mut sender = sealed.modes.sender().unwrap();
    sender.send_all(&[Mode::On, Mode::Off]).unwrap();
    let tool = inspect::Segment::from_id(segment.id()).unwrap().attach_read_only().unwrap();
    let queue = tool.builtin(tool.resolve("modes").unwrap());
    let Some(Builtin::SpscQueue { sent, received, sender: who, receiver, slots, .. }) = queue else {
        panic!()
    };
    assert_eq!((sent, received, receiver), (2, 0, None));
    assert_eq!(who.map(|who| who.pid.unsigned_abs()), Some(std::process::id()));
    assert_eq!(slots.unwrap().resolve("[1]").unwrap().get(), Value::Enum { name: "Off", number: 1 });
}
