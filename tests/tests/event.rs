//! The event: no announcement is lost, and a wait ends for nothing else.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use shm_tests::child::Child;
use shm_tests::process::asleep;
use shm_tests::structs::sync::{arrive, board, raw};
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
