//! Message queues: what is sent arrives as it was, once, and bytes that are not a value are not lost.

use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::time::{Duration, SystemTime};

use shm_runtime::msg::{Payload, Queue, Select};
use shm_runtime::{Error, ErrorKind, Key, Permissions, Record};
use shm_tests::c::Program;
use shm_tests::child::{Child, Failure, NOBODY, Peer};
use shm_tests::key::OwnKey;
use shm_tests::oracle::Table;
use shm_tests::structs::ipc::{Colour, Job};
use shm_tests::{eventually, have, kind, peer};

fn job(pages: u16) -> Job {
    Job { pages, cost: f64::from(pages) / 2.0, urgent: pages % 2 == 1 }
}

fn private<T: Payload + ?Sized>() -> shm_runtime::RemoveOnDrop<Queue<T>> {
    Queue::create(Key::private()).unwrap().remove_on_drop()
}

/// Sends a message of its own, and sends back what it receives, with the type one higher and one page more.
const PEER: &str = r#"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

struct job { uint16_t pages; double cost; bool urgent; };
struct message { long mtype; struct job value; };

int main(int argc, char **argv)
{
    struct message message;
    char line[16];
    int id = msgget(argc > 1 ? atoi(argv[1]) : 0, 0);
    memset(&message, 0, sizeof message);
    message.mtype = 5;
    message.value = (struct job){.pages = 300, .cost = 7.25, .urgent = true};
    printf("%d %zu\n", msgsnd(id, &message, sizeof message.value, 0), sizeof message.value);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        long size = msgrcv(id, &message, sizeof message.value, atol(line), 0);
        printf("%ld %ld %u %g %d\n", size, message.mtype, message.value.pages, message.value.cost,
            message.value.urgent);
        fflush(stdout);
        message.mtype++;
        message.value.pages++;
        if (msgsnd(id, &message, sizeof message.value, 0))
            return 1;
    }
    return 0;
}
"#;

#[test]
fn a_c_program_and_this_one_exchange_messages() {
    let (own, program) = (OwnKey::new(), Program::compile(PEER));
    let queue = Queue::<Job>::create(own.key()).unwrap();
    let mut c = program.start(&[own.value()]);
    assert_eq!(c.line(), format!("0 {}", size_of::<Job>()));
    let message = queue.receive(Select::Equal(5)).unwrap();
    let expected = Job { pages: 300, cost: 7.25, urgent: true };
    assert_eq!((message.mtype, message.value), (5, expected));
    queue.send(8, &job(41)).unwrap();
    c.send("8");
    assert_eq!(c.line(), format!("{} 8 41 20.5 1", size_of::<Job>()));
    let message = queue.receive(Select::Equal(9)).unwrap();
    assert_eq!(message.value, Job { pages: 42, ..job(41) });
}

#[test]
fn padding_is_sent_as_zeros() {
    let queue = private::<Job>();
    let mut job = Box::new(MaybeUninit::<Job>::uninit());
    let at = job.as_mut_ptr();
    // SAFETY: room for a `Job`; its padding has a secret now.
    unsafe { at.write_bytes(0xee, 1) };
    // SAFETY: a field of the box's.
    unsafe { (*at).pages = 0x0201 };
    // SAFETY: a field of the box's.
    unsafe { (*at).cost = 1.0 };
    // SAFETY: a field of the box's.
    unsafe { (*at).urgent = true };
    // SAFETY: every field is initialised.
    queue.send(1, unsafe { &*at }).unwrap();
    let message = queue.try_receive_raw(Select::Any).unwrap().unwrap();
    let mut expected = vec![0; size_of::<Job>()];
    expected[..2].copy_from_slice(&0x0201_u16.to_ne_bytes());
    expected[8..16].copy_from_slice(&1.0_f64.to_ne_bytes());
    expected[16] = 1;
    assert_eq!(message.bytes, expected);
}

#[test]
fn messages_are_selected_by_their_type() {
    let queue = private::<u32>();
    for (mtype, value) in [(3, 30), (2, 20), (4, 40), (2, 21), (1, 10)] {
        queue.send(mtype, &value).unwrap();
    }
    let receive = |select| {
        let message = queue.try_receive(select).unwrap()?;
        Some((message.mtype, message.value))
    };
    assert_eq!(receive(Select::Equal(5)), None);
    assert_eq!(receive(Select::Equal(4)), Some((4, 40)));
    assert_eq!(receive(Select::UpTo(3)), Some((1, 10)));
    assert_eq!(receive(Select::Except(3)), Some((2, 20)));
    assert_eq!(receive(Select::UpTo(1)), None);
    assert_eq!(receive(Select::UpTo(i64::MAX)), Some((2, 21)));
    assert_eq!(receive(Select::Except(3)), None);
    assert_eq!(receive(Select::Any), Some((3, 30)));
    assert_eq!(receive(Select::Any), None);
    queue.send(i64::MAX, &1).unwrap();
    assert_eq!(receive(Select::Equal(i64::MAX)), Some((i64::MAX, 1)));
}

#[test]
fn a_sender_waits_while_the_queue_is_full() {
    let own = OwnKey::new();
    let queue = Queue::<Job>::create(own.key()).unwrap();
    queue.set_limit(2 * size_of::<Job>() as u64).unwrap();
    assert!(queue.try_send(1, &job(1)).unwrap());
    assert!(queue.try_send(1, &job(2)).unwrap());
    assert!(!queue.try_send(1, &job(3)).unwrap());
    let mut peer = peer!().ipc();
    peer.ask(format!("open_queue {}", own.value()));
    peer.ask("say_signals");
    peer.send("send 7 4");
    assert!(peer.is_silent(Duration::from_millis(30)));
    peer.interrupt();
    assert_eq!(peer.line(), "signal");
    assert!(peer.is_silent(Duration::from_millis(30)));
    assert_eq!(queue.receive(Select::Any).unwrap().value, job(1));
    peer.answer().unwrap();
    assert_eq!(queue.receive(Select::Equal(7)).unwrap().value.pages, 4);
}

#[test]
fn a_receiver_waits_for_a_message_through_signals() {
    let own = OwnKey::new();
    let queue = Queue::<Job>::create(own.key()).unwrap();
    let mut peer = peer!().ipc();
    peer.ask(format!("open_queue {}", own.value()));
    assert_eq!(peer.ask("try_receive"), "none");
    peer.ask("say_signals");
    peer.send("receive");
    assert!(peer.is_silent(Duration::from_millis(30)));
    peer.interrupt();
    assert_eq!(peer.line(), "signal");
    assert!(peer.is_silent(Duration::from_millis(30)));
    queue.send(3, &job(9)).unwrap();
    assert_eq!(peer.answer().unwrap(), "3 9");
}

/// Interrupts the peer while it waits, until the call has ended: a signal that comes before the call does not end it.
fn interrupted(peer: &mut Child, wait: &str) {
    peer.send(wait);
    let answer = loop {
        peer.interrupt();
        // The answer comes after the signal that ended the call.
        match peer.line() {
            line if line == "signal" => {}
            answer => break answer,
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(answer.starts_with("err\tInterrupted\t"), "{wait}: {answer}");
    assert!(answer.contains("a signal came while it waited, and nothing was done"), "{answer}");
    // Of a signal that came after the call had ended.
    while !peer.is_silent(Duration::from_millis(5)) {}
}

#[test]
fn a_signal_ends_the_waiting_of_an_interruptible_handle_and_no_message_was_moved() {
    let own = OwnKey::new();
    let queue = Queue::<Job>::create(own.key()).unwrap();
    queue.set_limit(size_of::<Job>() as u64).unwrap();
    for signals in ["say_signals", "say_signals_and_restart"] {
        let mut peer = peer!().ipc();
        peer.ask(format!("open_queue {}", own.value()));
        peer.ask("interruptible_queue");
        peer.ask(signals);
        interrupted(&mut peer, "receive");
        queue.send(2, &job(1)).unwrap();
        interrupted(&mut peer, "send 3 4");
        assert_eq!(queue.stat().unwrap().messages, 1);
        // It goes on as any other.
        assert_eq!(peer.ask("receive"), "2 1");
    }
}

#[test]
fn every_message_is_received_once() {
    let own = OwnKey::new();
    let queue = Queue::<Job>::create(own.key()).unwrap();
    let mut workers: Vec<Child> = (0..4).map(|_| peer!().ipc()).collect();
    for worker in &mut workers {
        worker.ask(format!("open_queue {}", own.value()));
    }
    let mut received = BTreeSet::new();
    for round in 0..100 {
        for worker in &mut workers {
            worker.send("receive");
        }
        for pages in 0..4 {
            queue.send(1, &job(4 * round + pages)).unwrap();
        }
        received.extend(workers.iter_mut().map(|worker| worker.answer().unwrap()));
    }
    let sent: BTreeSet<String> = (0..400).map(|pages| format!("1 {pages}")).collect();
    assert_eq!(received, sent);
    assert_eq!(queue.stat().unwrap().messages, 0);
}

#[test]
fn a_message_that_is_too_small_is_in_the_error() {
    let queue = private::<Job>();
    let small = Queue::<u16>::from_id(queue.id()).unwrap();
    small.send(6, &0x0102).unwrap();
    let error = queue.receive(Select::Any).unwrap_err();
    let ErrorKind::WrongMessage { message: Some(message), expected: 24, invalid: None, .. } = error.kind()
    else {
        panic!("{error}")
    };
    assert_eq!((message.mtype, &message.bytes[..]), (6, &0x0102_u16.to_ne_bytes()[..]));
    let text = error.to_string();
    assert!(
        text.contains("message queue of Job")
            && text.contains("a message of type 6 has 2 bytes, and a Job has 24"),
        "{text}"
    );
    assert_eq!(queue.stat().unwrap().messages, 0);
}

#[test]
fn a_message_that_is_too_large_stays_in_the_queue() {
    let queue = private::<Job>();
    let large = Queue::<[u16; 16]>::from_id(queue.id()).unwrap();
    large.send(6, &[7; 16]).unwrap();
    for _ in 0..2 {
        let error = queue.try_receive(Select::Any).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::WrongMessage { message: None, expected: 24, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("try_receive_raw"), "{error}");
    }
    let message = queue.try_receive_raw(Select::Equal(6)).unwrap().unwrap();
    assert_eq!((message.mtype, message.bytes.len()), (6, 32));
    assert!(queue.try_receive_raw(Select::Any).unwrap().is_none());
}

#[test]
fn a_value_that_is_none_is_an_error_with_the_bytes() {
    let queue = private::<[Colour; 2]>();
    let numbers = Queue::<[u32; 2]>::from_id(queue.id()).unwrap();
    numbers.send(1, &[1, 2]).unwrap();
    assert_eq!(queue.receive(Select::Any).unwrap().value, [Colour::Red, Colour::Green]);
    numbers.send(1, &[1, 3]).unwrap();
    let error = queue.receive(Select::Any).unwrap_err();
    let ErrorKind::WrongMessage { message: Some(message), invalid: Some(invalid), .. } = error.kind() else {
        panic!("{error}")
    };
    assert_eq!((invalid.path(), invalid.found(), invalid.type_name()), ("[1]", 3, "Colour"));
    let bytes: Vec<u8> = [1_u32, 3].iter().flat_map(|number| number.to_ne_bytes()).collect();
    assert_eq!(message.bytes, bytes);
    assert!(error.to_string().contains("Red = 1, Green = 2"), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_bool_of_any_byte_is_one() {
    let queue = private::<[bool; 3]>();
    let bytes = Queue::<[u8; 3]>::from_id(queue.id()).unwrap();
    bytes.send(1, &[0, 1, 0xff]).unwrap();
    assert_eq!(queue.receive(Select::Any).unwrap().value, [false, true, true]);
}

/// Sends messages of 0 to 20 bytes, of the type one more than their length.
const SENDER: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

struct message { long mtype; char text[20]; };

int main(int argc, char **argv)
{
    struct message message;
    int id = msgget(argc > 1 ? atoi(argv[1]) : 0, 0);
    memcpy(message.text, "abcdefghijklmnopqrst", 20);
    for (int size = 0; size <= 20; size++) {
        message.mtype = size + 1;
        if (msgsnd(id, &message, size, 0))
            return 1;
    }
    printf("sent\n");
    fflush(stdout);
    if (getchar() == EOF)
        return 0;
    long size = msgrcv(id, &message, 20, 0, 0);
    printf("%ld %ld %.*s\n", message.mtype, size, (int)size, message.text);
    return 0;
}
"#;

#[test]
fn messages_of_any_length_come_from_c_and_go_to_it() {
    let (own, program) = (OwnKey::new(), Program::compile(SENDER));
    let queue = Queue::<[u8]>::create(own.key()).unwrap();
    let mut c = program.start(&[own.value()]);
    assert_eq!(c.line(), "sent");
    let mut text = vec![7; 3];
    for (size, mtype) in (0..=20).zip(1..) {
        assert_eq!(queue.receive_into(Select::Any, &mut text).unwrap(), mtype);
        assert_eq!(text, b"abcdefghijklmnopqrst"[..size]);
    }
    assert_eq!(queue.try_receive_into(Select::Any, &mut text).unwrap(), None);
    assert!(text.is_empty());
    queue.send(9, b"Zugspitze").unwrap();
    c.send("receive");
    assert_eq!(c.line(), "9 9 Zugspitze");
}

#[test]
fn slices_of_structs_arrive_whole_with_zeros_for_padding() {
    let queue = private::<[Job]>();
    let jobs: Vec<Job> = (0..500).map(job).collect();
    // The system's limit is 8192 bytes by default: 341 of these.
    for len in [0, 1, 2, 3, 340, 7] {
        queue.send(4, &jobs[..len]).unwrap();
        assert_eq!(queue.peek(0).unwrap().unwrap().value, jobs[..len]);
        let message = queue.receive(Select::Equal(4)).unwrap();
        assert_eq!((message.mtype, message.value), (4, jobs[..len].to_vec()));
    }
    queue.send(1, &jobs[1..3]).unwrap();
    let bytes = queue.try_receive_raw(Select::Any).unwrap().unwrap().bytes;
    assert_eq!(bytes.len(), 2 * size_of::<Job>());
    for (job, pages) in bytes.chunks(size_of::<Job>()).zip([1_u16, 2]) {
        let mut expected = vec![0; size_of::<Job>()];
        expected[..2].copy_from_slice(&pages.to_ne_bytes());
        expected[8..16].copy_from_slice(&(f64::from(pages) / 2.0).to_ne_bytes());
        expected[16] = u8::from(pages % 2 == 1);
        assert_eq!(job, expected);
    }
}

#[test]
fn a_message_that_is_not_a_whole_number_of_values_is_in_the_error() {
    let queue = private::<[Job]>();
    let bytes = Queue::<[u8]>::from_id(queue.id()).unwrap();
    let mut values = vec![job(1)];
    for size in [1, 23, 25, 49] {
        bytes.send(6, &vec![0xee; size]).unwrap();
        let error = queue.receive_into(Select::Any, &mut values).unwrap_err();
        let ErrorKind::WrongMessage {
            message: Some(message),
            in_queue: false,
            expected: 24,
            invalid: None,
            ..
        } = error.kind()
        else {
            panic!("{error}")
        };
        assert_eq!((message.mtype, &message.bytes), (6, &vec![0xee; size]));
        assert!(values.is_empty());
        let text = error.to_string();
        assert!(text.contains(&format!("a message of type 6 has {size} bytes")), "{text}");
        assert!(size < 24 || text.contains("is not a multiple of the 24 of a Job"), "{text}");
    }
    assert_eq!(queue.stat().unwrap().messages, 0);
}

#[test]
fn each_value_of_a_slice_is_checked() {
    let queue = private::<[Colour]>();
    let numbers = Queue::<[u32]>::from_id(queue.id()).unwrap();
    numbers.send(1, &[1, 2, 2]).unwrap();
    assert_eq!(queue.receive(Select::Any).unwrap().value, [Colour::Red, Colour::Green, Colour::Green]);
    numbers.send(1, &[1, 2, 0]).unwrap();
    let error = queue.receive(Select::Any).unwrap_err();
    let ErrorKind::WrongMessage { message: Some(message), invalid: Some(invalid), .. } = error.kind() else {
        panic!("{error}")
    };
    assert_eq!((invalid.path(), invalid.found(), invalid.type_name()), ("[2]", 0, "Colour"));
    assert_eq!(message.bytes.len(), 12);

    let queue = private::<[bool]>();
    Queue::<[u8]>::from_id(queue.id()).unwrap().send(1, &[0, 1, 0xff]).unwrap();
    assert_eq!(queue.receive(Select::Any).unwrap().value, [false, true, true]);
}

#[test]
fn slices_are_bounded_by_the_limits_of_the_system_and_of_the_queue() {
    let queue = private::<[u8]>();
    let most: usize = std::fs::read_to_string("/proc/sys/kernel/msgmax").unwrap().trim().parse().unwrap();
    let error = queue.send(1, &vec![0; most + 1]).unwrap_err();
    assert_eq!(limit(&error), ("kernel.msgmax", Some(most as u64)));
    queue.set_limit(3).unwrap();
    assert_eq!(limit(&queue.send(1, &[0; 4]).unwrap_err()), ("msg_qbytes", Some(3)));
    // As many messages as bytes, empty ones too.
    for _ in 0..3 {
        assert!(queue.try_send(1, &[]).unwrap());
    }
    assert!(!queue.try_send(1, &[]).unwrap());
    queue.set_limit(0).unwrap();
    assert_eq!(limit(&queue.send(1, &[]).unwrap_err()), ("msg_qbytes", Some(0)));
}

#[test]
fn a_look_takes_nothing_whatever_the_message_is() {
    let queue = private::<Job>();
    assert!(queue.peek(0).unwrap().is_none());
    queue.send(5, &job(1)).unwrap();
    Queue::<[u8]>::from_id(queue.id()).unwrap().send(6, b"small").unwrap();
    Queue::<[u8]>::from_id(queue.id()).unwrap().send(7, &[7; 5000]).unwrap();
    for _ in 0..2 {
        let first = queue.peek(0).unwrap().unwrap();
        assert_eq!((first.mtype, first.value), (5, job(1)));
        let error = queue.peek(1).unwrap_err();
        let ErrorKind::WrongMessage { message: Some(message), in_queue: true, .. } = error.kind() else {
            panic!("{error}")
        };
        assert_eq!((message.mtype, &message.bytes[..]), (6, &b"small"[..]));
        assert!(error.to_string().contains("still in the queue, and a copy of it in this error"), "{error}");
        let error = queue.peek(2).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::WrongMessage { message: None, in_queue: true, .. }),
            "{error}"
        );
        for index in [3, usize::MAX] {
            assert!(queue.peek(index).unwrap().is_none());
        }
        assert_eq!(Table::Queues.by_id(queue.id()).unwrap().qnum, 3);
    }
    queue.remove().unwrap();
    assert_eq!(kind(queue.peek(0)), "Removed");
}

#[test]
fn a_look_at_a_message_larger_than_can_be_sent_now_says_so() {
    let limits = [("msgmax", "20000"), ("msgmnb", "20000")];
    let Some(mut peer) = peer!().in_namespace(&limits).map(Peer::ipc) else {
        return;
    };
    peer.ask("create_queue 70");
    peer.ask("send_large");
    peer.ask("sysctl msgmax 100");
    let Failure { kind: kind_of, text, .. } = peer.failure("peek_raw");
    assert_eq!(kind_of, "Limit");
    assert!(text.contains("kernel.msgmax") && text.contains("it can be received"), "{text}");
    assert_eq!(peer.ask("receive_raw"), "1 8200");
}

#[test]
fn a_kernel_that_cannot_copy_messages_is_an_error_that_says_so() {
    if !have("strace") {
        return;
    }
    let own = OwnKey::new();
    let queue = Queue::<Job>::create(own.key()).unwrap();
    queue.send(1, &job(1)).unwrap();
    // This call only: of a kernel that knows the flag not, msgrcv does the rest.
    let words =
        ["strace", "-o", "/dev/null", "-e", "trace=msgrcv", "-e", "inject=msgrcv:error=ENOSYS:when=1"];
    let Some(mut peer) = peer!().by(&words).map(Peer::ipc) else {
        return;
    };
    peer.ask(format!("open_queue {}", own.value()));
    let Failure { kind: kind_of, text, .. } = peer.failure("peek");
    assert_eq!(kind_of, "Os");
    assert!(text.contains("CONFIG_CHECKPOINT_RESTORE"), "{text}");
}

#[test]
fn an_owner_changes_the_mode_of_a_queue_that_it_may_not_read() {
    let own = OwnKey::new();
    let Some(mut nobody) = peer!().as_nobody().map(Peer::ipc) else {
        return;
    };
    nobody.ask(format!("create_queue {}", own.value()));
    for mode in ["000", "200", "640"] {
        nobody.ask(format!("set_mode {mode}"));
        let row = Table::Queues.by_key(own.value()).unwrap();
        assert_eq!(row.perms, u32::from_str_radix(mode, 8).unwrap());
    }
    nobody.ask("set_mode 000");
    nobody.ask("set_limit 100");
    assert_eq!(Table::Queues.by_key(own.value()).unwrap().perms, 0);
    nobody.ask("remove_queue");
}

#[test]
fn a_mode_that_cannot_be_changed_because_of_the_queues_limit_is_an_error_with_both_limits() {
    let Some(mut owner) = peer!().in_namespace(&[("msgmnb", "16384")]).map(Peer::ipc) else {
        return;
    };
    owner.ask("create_queue 70");
    owner.ask(format!("give_queue {NOBODY}"));
    owner.ask("sysctl msgmnb 8192");
    owner.ask(format!("become {NOBODY}"));
    let Failure { kind: kind_of, text, .. } = owner.failure("set_mode 660");
    assert_eq!(kind_of, "Limit");
    for part in [
        "cannot set the permissions of message queue of Job",
        "kernel.msgmnb is reached, which is 8192",
        "The queue's own limit is 16384 bytes",
        "`set_limit(8192)`",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(owner.ask("mode_and_limit"), "600 16384");
    // The way out, as the error says.
    owner.ask("set_limit 8192");
    owner.ask("set_mode 660");
    assert_eq!(owner.ask("mode_and_limit"), "660 8192");
}

#[test]
fn root_without_the_capability_is_told_the_limit() {
    let own = OwnKey::new();
    let words = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"];
    let (Some(mut nobody), Some(root)) = (peer!().as_nobody().map(Peer::ipc), peer!().by(&words)) else {
        return;
    };
    let mut root = root.ipc();
    nobody.ask(format!("create_queue {}", own.value()));
    root.ask(format!("open_queue_of_anybody {}", own.value()));
    let Failure { kind: kind_of, text, .. } = root.failure("set_limit 1000000000");
    assert_eq!(kind_of, "Limit");
    assert!(text.contains("kernel.msgmnb") && text.contains("CAP_SYS_RESOURCE"), "{text}");
    root.ask("set_limit 100");
    nobody.ask("remove_queue");
}

#[test]
fn an_owner_that_is_nobody_is_refused_with_the_reason() {
    let queue = private::<Job>();
    let permissions = queue.stat().unwrap().permissions;
    let error = queue.set_permissions(Permissions { uid: u32::MAX, ..permissions }).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoSuchUser { uid: u32::MAX, .. }), "{error}");
    assert!(error.to_string().contains("/proc/self/uid_map"), "{error}");
    assert_eq!(queue.stat().unwrap().permissions, permissions);
}

#[test]
fn a_removal_ends_the_waiting_with_an_error() {
    let own = OwnKey::new();
    let queue = Queue::<Job>::create(own.key()).unwrap();
    queue.set_limit(size_of::<Job>() as u64).unwrap();
    queue.send(2, &job(1)).unwrap();
    let mut sender = peer!().ipc();
    sender.ask(format!("open_queue {}", own.value()));
    sender.send("send 1 1");
    assert!(sender.is_silent(Duration::from_millis(30)));
    queue.remove().unwrap();
    let Failure { kind: kind_of, text, .. } = sender.answer().unwrap_err();
    assert_eq!(kind_of, "Removed");
    assert!(
        text.starts_with(&format!("cannot send to message queue of Job (key {:#010x}", own.value()))
            && text.contains("the message queue was removed"),
        "{text}"
    );
    for found in [
        kind(queue.send(1, &job(1))),
        kind(queue.receive(Select::Any)),
        kind(queue.try_receive_raw(Select::Any)),
        kind(queue.stat()),
        kind(queue.set_limit(100)),
        kind(queue.remove()),
    ] {
        assert_eq!(found, "Removed");
    }
    assert_eq!(kind(Queue::<Job>::from_id(queue.id())), "NoSuchId");

    let queue = Queue::<Job>::create(own.key()).unwrap();
    let mut receiver = peer!().ipc();
    receiver.ask(format!("open_queue {}", own.value()));
    receiver.send("receive");
    assert!(receiver.is_silent(Duration::from_millis(30)));
    queue.remove().unwrap();
    assert_eq!(receiver.answer().unwrap_err().kind, "Removed");
}

fn limit(error: &Error) -> (&'static str, Option<u64>) {
    match error.kind() {
        ErrorKind::Limit { name, value, .. } => (name, *value),
        _ => panic!("{error}"),
    }
}

#[test]
fn a_message_that_could_never_fit_is_an_error_and_not_an_endless_wait() {
    let queue = private::<Job>();
    queue.set_limit(20).unwrap();
    for error in [queue.send(1, &job(1)).unwrap_err(), queue.try_send(1, &job(1)).unwrap_err()] {
        assert_eq!(limit(&error), ("msg_qbytes", Some(20)));
        assert!(error.to_string().contains("set_limit"), "{error}");
    }
    queue.set_limit(24).unwrap();
    queue.send(1, &job(1)).unwrap();
}

#[test]
fn the_limits_of_the_system_are_told_apart() {
    let Some(mut peer) =
        peer!().in_namespace(&[("msgmax", "100"), ("msgmni", "2"), ("msgmnb", "4000")]).map(Peer::ipc)
    else {
        return;
    };
    peer.ask("create_queue 70");
    let Failure { kind: kind_of, text, .. } = peer.failure("send_large");
    assert_eq!(kind_of, "Limit");
    assert!(
        text.contains("kernel.msgmax is reached, which is 100 bytes a message (asked for: 8200)"),
        "{text}"
    );
    peer.ask("create_queue 71");
    let Failure { kind: kind_of, text, .. } = peer.failure("create_queue 72");
    assert_eq!(kind_of, "Limit");
    assert!(
        text.contains("kernel.msgmni is reached, which is 2 message queues (in use: 2)")
            && text.contains("`ipcs -q`"),
        "{text}"
    );
}

#[test]
fn a_process_that_may_not_exceed_the_systems_limit_of_a_queue_is_told_so() {
    let own = OwnKey::new();
    let Some(mut nobody) = peer!().as_nobody().map(Peer::ipc) else {
        return;
    };
    nobody.ask(format!("create_queue {}", own.value()));
    nobody.ask("set_limit 100");
    let Failure { kind: kind_of, text, .. } = nobody.failure("set_limit 1000000000");
    assert_eq!(kind_of, "Limit");
    assert!(text.contains("kernel.msgmnb") && text.contains("CAP_SYS_RESOURCE"), "{text}");
    nobody.ask("remove_queue");
}

#[test]
fn a_message_larger_than_can_be_sent_now_can_still_be_received() {
    let Some(mut peer) = peer!().in_namespace(&[("msgmax", "20000"), ("msgmnb", "20000")]).map(Peer::ipc)
    else {
        return;
    };
    peer.ask("create_queue 70");
    peer.ask("send_large");
    peer.ask("sysctl msgmax 100");
    assert_eq!(peer.failure("send_large").kind, "Limit");
    assert_eq!(peer.ask("receive_raw"), "1 8200");
}

#[test]
fn errors_name_the_operation_the_key_the_id_and_the_way_out() {
    let own = OwnKey::new();
    let error = Queue::<Job>::open(own.key()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound), "{error}");
    assert!(
        error.to_string().contains("no message queue has this key")
            && error.to_string().contains("options(key).create()"),
        "{error}"
    );
    let id = Queue::<Job>::create(own.key()).unwrap().id();
    let error = Queue::<Job>::create(own.key()).unwrap_err();
    assert_eq!((error.operation(), error.key(), error.id()), ("create", Some(own.key()), Some(id)));
    let text = error.to_string();
    for part in ["0 messages of 0 bytes in all", "mode 0600", &format!("ipcrm -q {id}")] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let ErrorKind::AlreadyExists { existing, .. } = error.kind() else { panic!("{error}") };
    assert!(matches!(existing.as_deref(), Some(Record::Queue(stat)) if stat.limit.is_some()));
    assert_eq!(Queue::<Job>::open_or_create(own.key()).unwrap().id(), id);
    Queue::<Job>::options(own.key()).remove().unwrap();
    assert_eq!(kind(Queue::<Job>::options(own.key()).remove()), "NotFound");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let queue = private::<u32>();
    for mtype in [0, -1, i64::MIN] {
        assert_eq!(kind(queue.send(mtype, &1)), "InvalidInput");
        assert_eq!(kind(queue.try_send(mtype, &1)), "InvalidInput");
        for select in [Select::Equal(mtype), Select::UpTo(mtype), Select::Except(mtype)] {
            assert_eq!(kind(queue.receive(select)), "InvalidInput");
            assert_eq!(kind(queue.try_receive_raw(select)), "InvalidInput");
        }
    }
    assert_eq!(kind(Queue::<u32>::open(Key::private())), "InvalidInput");
    assert_eq!(kind(Queue::<u32>::options(Key::private()).mode(0o7777).create()), "InvalidInput");
}

#[test]
fn stat_says_what_the_kernel_says() {
    let own = OwnKey::new();
    let queue = Queue::<Job>::options(own.key()).mode(0o640).create().unwrap();
    assert_eq!(queue.stat().unwrap().sent_at, None);
    for pages in 0..3 {
        queue.send(1, &job(pages)).unwrap();
    }
    queue.receive(Select::Any).unwrap();
    let (stat, row) = (queue.stat().unwrap(), Table::Queues.by_id(queue.id()).unwrap());
    let seconds = |time: Option<SystemTime>| {
        let since = time.unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        i64::try_from(since.as_secs()).unwrap()
    };
    let mut said = vec![stat.bytes.cast_signed(), stat.messages.cast_signed()];
    said.extend([stat.last_sender_pid, stat.last_receiver_pid].map(i64::from));
    said.extend(
        [stat.permissions.uid, stat.permissions.gid, stat.creator_uid, stat.creator_gid].map(i64::from),
    );
    said.extend([stat.sent_at, stat.received_at, stat.changed_at].map(seconds));
    let mut shown = vec![row.cbytes.cast_signed(), row.qnum.cast_signed()];
    shown.extend([row.lspid, row.lrpid, row.uid, row.gid, row.cuid, row.cgid].map(i64::from));
    shown.extend([row.stime, row.rtime, row.ctime].map(u64::cast_signed));
    assert_eq!(said, shown);
    assert_eq!((stat.messages, stat.bytes), (2, 2 * size_of::<Job>() as u64));
    assert_eq!(u32::try_from(stat.last_sender_pid), Ok(std::process::id()));
    assert_eq!((stat.permissions.mode, row.perms), (0o640, 0o640));
    assert_eq!((queue.key(), stat.key), (own.value(), own.value()));
    assert_eq!(i64::from(stat.sequence), i64::from(queue.id()) >> 15);
    let default: u64 = std::fs::read_to_string("/proc/sys/kernel/msgmnb").unwrap().trim().parse().unwrap();
    assert_eq!(stat.limit, Some(default));
}

#[test]
fn permissions_and_limit_are_changed_each_by_itself() {
    let queue = private::<Job>();
    let permissions = queue.stat().unwrap().permissions;
    queue.set_limit(1234).unwrap();
    assert_eq!(queue.stat().unwrap().permissions, permissions);
    let wider = Permissions { mode: 0o666, ..permissions };
    queue.set_permissions(wider).unwrap();
    let stat = queue.stat().unwrap();
    assert_eq!((stat.permissions, stat.limit), (wider, Some(1234)));
    assert_eq!(Table::Queues.by_id(queue.id()).unwrap().perms, 0o666);
}

#[test]
fn a_process_that_may_only_send_sends() {
    let own = OwnKey::new();
    let queue = Queue::<Job>::options(own.key()).mode(0o622).create().unwrap();
    let Some(mut nobody) = peer!().as_nobody().map(Peer::ipc) else {
        return;
    };
    nobody.ask(format!("queue_from_id {}", queue.id()));
    nobody.ask(format!("open_queue {}", own.value()));
    nobody.ask("send 1 5");
    assert_eq!(queue.receive(Select::Any).unwrap().value.pages, 5);
    let Failure { kind: kind_of, text, .. } = nobody.failure("try_receive");
    assert_eq!(kind_of, "Permission");
    assert!(text.contains(&format!("uid {NOBODY}")) && text.contains("mode 0622"), "{text}");
    let Failure { kind: kind_of, text, .. } = nobody.failure("remove_queue");
    assert_eq!(kind_of, "NotOwner");
    assert!(text.contains("the message queue is msqid"), "{text}");
}

#[test]
fn a_guard_removes_and_a_kept_one_does_not() {
    let own = OwnKey::new();
    drop(Queue::<Job>::create(own.key()).unwrap().remove_on_drop());
    assert!(Table::Queues.by_key(own.value()).is_none());
    let id = Queue::<Job>::create(own.key()).unwrap().remove_on_drop().keep().id();
    assert_eq!(Table::Queues.by_key(own.value()).unwrap().id, id);
}

#[test]
fn messages_outlive_their_sender() {
    let own = OwnKey::new();
    let mut sender = peer!().ipc();
    sender.ask(format!("create_queue {}", own.value()));
    sender.ask("send 2 77");
    sender.kill();
    let queue = Queue::<Job>::open(own.key()).unwrap();
    eventually(|| queue.stat().unwrap().messages == 1);
    assert_eq!(queue.receive(Select::Equal(2)).unwrap().value.pages, 77);
}
