//! A dead holder's lock, taken over by a process that is stopped in each of its system calls in turn, while its peers
//! have their turns and a new process is given the dead one's id.
//!
//! The kernel, the processes and their ids are real. They are in a pid namespace of the test's own, where the next id can
//! be chosen, and the process is stopped by ptrace(2).

use std::fs;
use std::process::Command;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use shm_runtime::sync::LockError;
use shm_runtime::{Attached, Segment};

use shm_tests::child::Child;
use shm_tests::process::{asleep, is_asleep};
use shm_tests::structs::sync::{Board, arrive, board, raw};
use shm_tests::traced::Traced;
use shm_tests::{HANGS, eventually, peer};

/// Set inside the namespace.
const INSIDE: &str = "SHM_TAKEOVER_INSIDE";

/// Runs the test of this name again in a pid namespace of its own, where `inside` is what it does.
fn in_a_namespace(name: &str, inside: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let namespace = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--pid", "--fork", "--kill-child", "--mount-proc", "--"]);
        unshare
    };
    let next_id = "echo 1000 > /proc/sys/kernel/ns_last_pid";
    if !namespace().args(["sh", "-c", next_id]).output().is_ok_and(|output| output.status.success()) {
        println!("skipped: a pid namespace in which ids can be chosen is not allowed here");
        return;
    }
    let mut again = namespace();
    again.arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]).env(INSIDE, "1");
    let output = again.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}");
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
}

/// A process that has just died holding the lock: its id.
fn dead_holder(segment: &Segment<Board>, board: &Attached<Board>) -> u32 {
    let mut holder = peer!().sync(segment, "hold-until-killed", 0);
    arrive(board, 1);
    let dead = holder.pid();
    holder.kill();
    dead
}

/// A new process with this id.
fn reuse(id: u32, segment: &Segment<Board>, role: &str) -> Child {
    fs::write("/proc/sys/kernel/ns_last_pid", (id - 1).to_string()).unwrap();
    let process = peer!().sync(segment, role, 0);
    assert_eq!(process.pid(), id, "the id was not reused");
    process
}

/// What happens while the process is stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meanwhile {
    /// A new process with the dead one's id wants the lock.
    NewProcess,
    /// The same, after another has taken it over and given it back.
    AfterATurn,
    /// And a third one waits for it in vain, so that the word is what it was.
    AndWaiter,
    /// Nothing: the process is killed there.
    Killed,
}

#[test]
fn no_two_have_a_dead_holders_lock_wherever_one_is_stopped_and_the_dead_ones_id_reused() {
    in_a_namespace(
        "no_two_have_a_dead_holders_lock_wherever_one_is_stopped_and_the_dead_ones_id_reused",
        || {
            let meanwhile =
                [Meanwhile::NewProcess, Meanwhile::AfterATurn, Meanwhile::AndWaiter, Meanwhile::Killed];
            for (meanwhile, role) in
                meanwhile.into_iter().flat_map(|what| ["want", "want-at-once"].map(|role| (what, role)))
            {
                let mut point = 0;
                while stopped_at(point, role, meanwhile) {
                    point += 1;
                }
                assert!(point >= 6, "{role} was stopped {point} times only");
                println!("{role}, {meanwhile:?}: stopped at {point} points");
            }
        },
    );
}

#[test]
fn those_who_wait_for_a_dead_holders_reused_id_get_the_lock_before_the_new_process() {
    in_a_namespace("those_who_wait_for_a_dead_holders_reused_id_get_the_lock_before_the_new_process", || {
        let segment = board();
        let board = segment.attach().unwrap();
        let dead = dead_holder(&segment, &board);
        let new = reuse(dead, &segment, "want-when-told");
        arrive(&board, 2);
        // To the kernel, the new process is the holder.
        assert!(
            matches!(board.first.try_lock(), Err(LockError::WouldBlock { holder, .. }) if holder == dead)
        );
        let waiters = [(); 3].map(|()| peer!().sync(&segment, "want", 0));
        arrive(&board, 5);
        waiters.iter().for_each(|waiter| asleep(waiter.pid()));
        board.go.store(1, SeqCst);
        // It gives the lock back in the dead one's name, and then has its turn.
        waiters.into_iter().for_each(Child::ends);
        new.ends();
        assert_eq!((board.reports.load(SeqCst), board.done.load(SeqCst)), (1, 3));
        drop(board.first.try_lock().unwrap());
        assert_eq!(raw(&segment).first.word.load(SeqCst), 0);
    });
}

/// One round; `false` if the process ended before it reached that point.
fn stopped_at(point: u32, role: &str, meanwhile: Meanwhile) -> bool {
    let context = || format!("{role}, {meanwhile:?}, stopped at {point}");
    let segment = board();
    let board = segment.attach().unwrap();
    let raw = raw(&segment);

    let dead = dead_holder(&segment, &board);
    let mut taker = Traced::start(peer!().sync_command(&segment, role, 0)).expect("ptrace is allowed");
    let Some(()) = run_to(&mut taker, &board, point) else { return false };
    let mut new = None;
    match meanwhile {
        Meanwhile::Killed => taker.kill(),
        _ => {
            if meanwhile != Meanwhile::NewProcess {
                drop(board.first.try_lock());
            }
            let process = reuse(dead, &segment, "hold-if-free");
            eventually(|| board.round.load(SeqCst) != 0);
            let has_it = board.round.load(SeqCst) == 1;
            assert!(!has_it || raw.first.word.load(SeqCst) & 0x3f_ffff == dead, "{}", context());
            if meanwhile == Meanwhile::AndWaiter && has_it {
                let waited = board.first.lock_timeout(Duration::from_millis(1));
                assert!(matches!(waited, Err(LockError::TimedOut { .. })), "{}", context());
            }
            let before = got(&board);
            // It goes on: until it waits, has ended, or has got what it must not.
            taker.go_on();
            if has_it {
                eventually(|| got(&board) > before || taker.has_ended() || is_asleep(taker.pid()));
                assert_eq!(got(&board), before, "{}: both have it", context());
            }
            new = Some(process);
        }
    }
    board.go.store(1, SeqCst);
    if let Some(new) = new {
        new.ends();
    }
    let status = taker.ends();
    assert!(status == 0 || libc::WIFSIGNALED(status), "{}: {status:#x}", context());
    // And it can be had.
    match board.first.lock_timeout(HANGS) {
        Ok(guard) => drop(guard),
        Err(LockError::OwnerDied(died)) => drop(died.into_guard()),
        Err(error) => panic!("{}: {error}", context()),
    }
    assert_eq!(raw.first.word.load(SeqCst), 0, "{}", context());
    true
}

/// How often the taker got the lock.
fn got(board: &Attached<Board>) -> u64 {
    board.done.load(SeqCst) + u64::from(board.reports.load(SeqCst))
}

/// Runs it to the beginning or the end of one of the system calls that it makes to have the lock. `None` if it ended
/// first.
fn run_to(taker: &mut Traced, board: &Attached<Board>, point: u32) -> Option<()> {
    let mut seen = 0;
    while taker.step().is_some() {
        if board.arrived.load(SeqCst) >= 2 {
            if seen == point {
                return Some(());
            }
            seen += 1;
        }
    }
    assert_eq!(taker.ends(), 0, "how it ended");
    None
}
