//! A process with a role at a mutex, a sequence lock or an event.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use shm_runtime::sync::LockError;
use shm_runtime::{Attached, Segment};
use shm_tests::structs::sync::{Board, Frame, Totals};
use shm_tests::{HANGS, eventually};

use crate::{Answer, Domain, number};

/// Has one role after another, each `ROLE SHMID ARGUMENT`; nothing stays.
pub(crate) struct Peer;

impl Domain for Peer {
    fn follow(&mut self, words: &[&str]) -> Answer {
        let [role, segment, argument] = *words else { return Err("no such command".into()) };
        if role == "lock-and-say" {
            let board = Segment::<Board>::from_id(number(segment))?.attach()?;
            let locked = board.first.lock().map(drop).map_err(LockError::release);
            return Ok(locked.map_or_else(|error| error.to_string(), |()| "locked".to_owned()));
        }
        play(role, &Segment::from_id(number(segment))?, number(argument));
        Ok(String::new())
    }
}

fn play(role: &str, segment: &Segment<Board>, argument: u64) {
    let board = segment.attach().unwrap();
    match role {
        "increment" => increment(&board, argument, 10_000),
        "increment-and-die" => {
            increment(&board, argument, 5_000);
            let totals = lock(&board);
            totals.count.update(|count| count + 1);
            die();
        }
        "hold-until-killed" => {
            let _totals = board.first.lock().unwrap();
            board.arrived.fetch_add(1, SeqCst);
            std::thread::sleep(HANGS);
        }
        "hold-until-told" => {
            let _totals = board.first.lock().unwrap();
            board.arrived.fetch_add(1, SeqCst);
            eventually(|| board.go.load(SeqCst) == 1);
        }
        // Waits for the lock, and counts what it got.
        "want" | "want-when-told" => {
            board.arrived.fetch_add(1, SeqCst);
            if role == "want-when-told" {
                eventually(|| board.go.load(SeqCst) == 1);
            }
            match board.first.lock() {
                Ok(_) => drop(board.done.fetch_add(1, SeqCst)),
                Err(LockError::OwnerDied(died)) => {
                    board.reports.fetch_add(1, SeqCst);
                    drop(died.into_guard());
                }
                Err(error) => panic!("{error}"),
            }
        }
        // The same, if that needs no waiting.
        "want-at-once" => {
            board.arrived.fetch_add(1, SeqCst);
            match board.first.try_lock() {
                Ok(_) => drop(board.done.fetch_add(1, SeqCst)),
                Err(LockError::OwnerDied(died)) => {
                    board.reports.fetch_add(1, SeqCst);
                    drop(died.into_guard());
                }
                Err(LockError::WouldBlock { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        // Says whether it has got the lock without waiting, and if so holds it until told.
        "hold-if-free" => {
            let guard = match board.first.try_lock() {
                Ok(guard) => Some(guard),
                Err(LockError::OwnerDied(died)) => Some(died.into_guard()),
                Err(LockError::WouldBlock { .. }) => None,
                Err(error) => panic!("{error}"),
            };
            board.round.store(if guard.is_some() { 1 } else { 2 }, SeqCst);
            eventually(|| board.go.load(SeqCst) == 1);
        }
        // Goes in and out until it is killed, and counts when another process is or was in.
        "in-and-out" => loop {
            let (guard, whole) = match board.first.lock() {
                Ok(guard) => (guard, true),
                Err(LockError::OwnerDied(died)) => (died.into_guard(), false),
                Err(error) => panic!("{error}"),
            };
            let alone = guard.count.get() == 0 || !whole;
            guard.count.set(argument);
            board.done.fetch_add(1, SeqCst);
            if !alone || guard.count.get() != argument {
                board.reports.fetch_add(1, SeqCst);
            }
            guard.count.set(0);
        },
        // Holds the second lock, and wants the first.
        "cross" => {
            let _second = board.second.lock().unwrap();
            board.arrived.fetch_add(1, SeqCst);
            drop(board.first.lock().unwrap());
        }
        "sleep" => {
            board.arrived.fetch_add(1, SeqCst);
            std::thread::sleep(HANGS);
        }
        "read" => read(&segment.attach_read_only().unwrap(), &board),
        "write" => {
            let mut writer = board.frame.writer().unwrap();
            board.arrived.fetch_add(1, SeqCst);
            for number in 1.. {
                writer.write(&Frame::new(number)).unwrap();
            }
        }
        // The same, by a writer that has the attachment.
        "write-owned" => {
            let board = Arc::new(board);
            let mut writer = board.part(|board| &board.frame).into_writer().unwrap();
            board.arrived.fetch_add(1, SeqCst);
            for number in 1.. {
                writer.write(&Frame::new(number)).unwrap();
            }
        }
        // Takes the role from the writer that has it, writes so many values, each with its own number, and gives it back.
        "take" => {
            board.frame.reset_writer();
            let mut writer = board.frame.writer().unwrap();
            for _ in 0..argument {
                writer.write(&Frame::new(board.frame.version() + 1)).unwrap();
            }
        }
        "pong" => {
            for round in 0..argument {
                loop {
                    let ping = board.ping.listen();
                    if board.round.load(SeqCst) == 2 * round + 1 {
                        break;
                    }
                    ping.wait();
                }
                board.round.store(2 * round + 2, SeqCst);
                board.pong.notify_all();
            }
        }
        // Waits for work and takes it, looking by itself every so many milliseconds, if any. The first that finds some is
        // killed before it has taken it, and says so.
        "work" => {
            let mut arrives = 1;
            loop {
                let ping = board.ping.listen();
                let work = board.second.lock().or_else(|error| error.repair(|_| {})).unwrap();
                if work.get() > 0 {
                    if board.go.fetch_add(1, SeqCst) == 0 {
                        board.round.store(std::process::id().into(), SeqCst);
                        die();
                    }
                    work.update(|work| work - 1);
                    board.done.fetch_add(1, SeqCst);
                    break;
                }
                drop(work);
                board.arrived.fetch_add(arrives, SeqCst);
                arrives = 0;
                match argument {
                    0 => ping.wait(),
                    millis => _ = ping.wait_timeout(Duration::from_millis(millis)),
                }
            }
        }
        // Waits once, through a read-only attachment.
        "wait" => {
            let ping = segment.attach_read_only().unwrap();
            let ping = ping.ping.listen();
            board.arrived.fetch_add(1, SeqCst);
            ping.wait();
            board.done.fetch_add(1, SeqCst);
        }
        _ => panic!("there is no role {role}"),
    }
}

/// kill -9 by its own hand: nothing more runs.
fn die() -> ! {
    // SAFETY: takes a number only.
    unsafe { libc::raise(libc::SIGKILL) };
    unreachable!("SIGKILL cannot be survived");
}

/// The lock; if its last holder died, counts that, and repairs: the count is what each has counted for itself.
fn lock(board: &Attached<Board>) -> shm_runtime::sync::MutexGuard<'_, Totals> {
    let locked = board.first.lock().or_else(|error| {
        assert!(matches!(error, LockError::OwnerDied(_)), "{error}");
        error.repair(|totals| {
            board.reports.fetch_add(1, SeqCst);
            totals.count.set(totals.by.get().iter().sum());
        })
    });
    locked.unwrap()
}

fn increment(board: &Attached<Board>, me: u64, times: u64) {
    for _ in 0..times {
        let totals = lock(board);
        totals.count.update(|count| count + 1);
        totals.by[usize::try_from(me).unwrap()].update(|count| count + 1);
    }
}

/// Reads until told to stop; counts whole frames, and fails for a torn one or one older than the last.
fn read(reader: &Attached<Board, shm_runtime::ReadOnly>, board: &Attached<Board>) {
    board.arrived.fetch_add(1, SeqCst);
    let mut last = 0;
    while board.go.load(SeqCst) == 0 {
        let Ok(frame) = reader.frame.read() else { continue };
        assert!(frame.number == 0 || frame.is_whole(), "torn: {}", frame.number);
        assert!(frame.number >= last, "{} after {last}", frame.number);
        last = frame.number;
        board.done.fetch_add(1, SeqCst);
    }
}
