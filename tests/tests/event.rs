//! The event: no announcement is lost, and a wait ends for nothing else.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use shm_runtime::sync::Event;
use shm_runtime::{Attached, Segment};
use shm_tests::child::Child;
use shm_tests::process::{asleep, is_asleep};
use shm_tests::structs::sync::{Board, arrive, board, raw};
use shm_tests::{HANGS, eventually, peer};

const SHORT: Duration = Duration::from_millis(50);

#[test]
fn no_announcement_is_lost_in_ten_thousand_rounds_between_two_processes() {
    const ROUNDS: u64 = 10_000;
    let segment = board();
    let board = segment.attach().unwrap();
    let peer = peer!().sync(&segment, "pong", ROUNDS);
    for round in 0..ROUNDS {
        board.round.store(2 * round + 1, SeqCst);
        board.ping.notify_all();
        loop {
            let pong = board.pong.listen();
            if board.round.load(SeqCst) == 2 * round + 2 {
                break;
            }
            assert!(pong.wait_timeout(HANGS), "round {round} was lost");
        }
    }
    peer.ends();
}

#[test]
fn an_announcement_after_listen_ends_the_wait_at_once() {
    let segment = board();
    let board = segment.attach().unwrap();
    let listener = board.ping.listen();
    board.ping.notify_one();
    listener.wait();
    // One before it does not.
    assert!(!board.ping.listen().wait_timeout(SHORT));
}

#[test]
fn all_who_wait_are_woken_through_read_only_memory_and_by_a_writer_that_cannot_read() {
    let segment = board();
    let board = segment.attach().unwrap();
    let waiters = [(); 3].map(|()| peer!().sync(&segment, "wait", 0));
    arrive(&board, 3);
    waiters.iter().for_each(|waiter| asleep(waiter.pid()));
    segment.attach_write_only().unwrap().ping.notify_all();
    waiters.into_iter().for_each(Child::ends);
    assert_eq!(board.done.load(SeqCst), 3);
}

#[test]
fn one_announcement_to_one_wakes_one() {
    let segment = board();
    let board = segment.attach().unwrap();
    let waiters = [(); 3].map(|()| peer!().sync(&segment, "wait", 0));
    arrive(&board, 3);
    waiters.iter().for_each(|waiter| asleep(waiter.pid()));
    for woken in 1..=3 {
        board.ping.notify_one();
        eventually(|| board.done.load(SeqCst) == woken);
        // Time for another one that was woken by mistake.
        thread::sleep(SHORT);
        assert_eq!(board.done.load(SeqCst), woken);
    }
    waiters.into_iter().for_each(Child::ends);
}

#[test]
fn a_waiter_that_was_killed_leaves_nothing_behind() {
    let segment = board();
    let board = segment.attach().unwrap();
    let (mut first, second) = (peer!().sync(&segment, "wait", 0), peer!().sync(&segment, "wait", 0));
    arrive(&board, 2);
    [&first, &second].into_iter().for_each(|waiter| asleep(waiter.pid()));
    first.kill();
    board.ping.notify_one();
    second.ends();
}

/// Two processes asleep that wait for work, of which the first that finds some dies before it has taken it; and work, for which
/// `notify` announces. Gives the one that has not died.
fn one_dies_over_work(
    segment: &Segment<Board>,
    millis: u64,
    notify: impl FnOnce(&Event),
) -> (Attached<Board>, Child) {
    let board = segment.attach().unwrap();
    let workers = [(); 2].map(|()| peer!().sync(segment, "work", millis));
    arrive(&board, 2);
    workers.iter().for_each(|worker| asleep(worker.pid()));
    board.second.lock().unwrap().set(1);
    notify(&board.ping);
    eventually(|| board.round.load(SeqCst) != 0);
    let [first, second] = workers;
    let first_died = board.round.load(SeqCst) == first.pid().into();
    let (dead, survivor) = if first_died { (first, second) } else { (second, first) };
    eventually(|| has_ended(dead.pid()));
    (board, survivor)
}

/// Whether it has ended; nothing waits for it meanwhile.
fn has_ended(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().any(|line| line.starts_with("State:\tZ"))
}

#[test]
fn what_is_announced_to_one_is_lost_to_the_others_if_that_one_has_ended_before_it_takes_the_work() {
    let segment = board();
    let (board, survivor) = one_dies_over_work(&segment, 0, Event::notify_one);
    // Time for it to be woken after all.
    thread::sleep(SHORT);
    assert!(is_asleep(survivor.pid()));
    assert_eq!(board.done.load(SeqCst), 0);
    // The work is there: the next announcement is for it, too.
    assert_eq!(board.second.lock().or_else(|error| error.repair(|_| {})).unwrap().get(), 1);
    board.ping.notify_one();
    survivor.ends();
    assert_eq!((board.done.load(SeqCst), board.second.lock().unwrap().get()), (1, 0));
}

#[test]
fn work_that_is_counted_in_a_mutex_and_announced_to_all_is_done_if_one_has_ended_before_it_takes_it() {
    let segment = board();
    let (board, survivor) = one_dies_over_work(&segment, 0, Event::notify_all);
    survivor.ends();
    assert_eq!((board.done.load(SeqCst), board.second.lock().unwrap().get()), (1, 0));
}

#[test]
fn work_that_is_counted_in_a_mutex_is_found_by_one_that_looks_by_itself_every_so_often() {
    let segment = board();
    let (board, survivor) = one_dies_over_work(&segment, 100, Event::notify_one);
    survivor.ends();
    assert_eq!((board.done.load(SeqCst), board.second.lock().unwrap().get()), (1, 0));
}

#[test]
fn a_timeout_is_no_shorter_than_it_says() {
    let segment = board();
    let board = segment.attach().unwrap();
    let start = Instant::now();
    assert!(!board.ping.listen().wait_timeout(SHORT));
    assert!(start.elapsed() >= SHORT);
    assert!(!board.ping.listen().wait_timeout(Duration::ZERO));
}

#[test]
fn a_timeout_beyond_all_time_waits_for_the_announcement() {
    let segment = board();
    let board = segment.attach().unwrap();
    let listener = board.ping.listen();
    thread::scope(|scope| {
        scope.spawn(|| assert!(listener.wait_timeout(Duration::MAX)));
        board.ping.notify_all();
    });
}

#[test]
fn a_signal_and_a_wake_for_no_reason_do_not_end_a_wait() {
    extern "C" fn nothing(_: libc::c_int) {}
    let segment = board();
    let board = segment.attach().unwrap();
    let handler: extern "C" fn(libc::c_int) = nothing;
    // SAFETY: a struct of integers and a pointer that may be null. Without SA_RESTART, the wait ends with EINTR.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as libc::sighandler_t;
    // SAFETY: the handler does nothing.
    let installed = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(installed, 0);
    let (waiter, woken) = (AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let ping = board.ping.listen();
            // SAFETY: takes nothing.
            waiter.store(unsafe { libc::gettid() }.unsigned_abs(), SeqCst);
            ping.wait();
            woken.store(1, SeqCst);
        });
        eventually(|| waiter.load(SeqCst) != 0);
        let tid = waiter.load(SeqCst);
        for _ in 0..10 {
            asleep(tid);
            // SAFETY: sends a signal that has a handler to a thread of this process.
            let sent = unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), tid, libc::SIGUSR1) };
            assert_eq!(sent, 0);
            asleep(tid);
            let word = raw(&segment).ping.as_ptr();
            // SAFETY: the word is mapped; the kernel takes its address for a name. But that mapping is another one:
            // shared futexes are the same word's at any address.
            unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE, i32::MAX) };
        }
        asleep(tid);
        assert_eq!(woken.load(SeqCst), 0);
        board.ping.notify_all();
    });
    assert_eq!(woken.load(SeqCst), 1);
}
