//! The mutex: who is in, who is told, and what becomes of a word that was overwritten.

use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use shm_runtime::sync::{LockError, MutexGuard, OwnerDied};
use shm_runtime::{Attached, RemoveOnDrop, Segment};

use shm_tests::child::Child;
use shm_tests::process::{asleep, without_system_calls};
use shm_tests::structs::sync::{Board, RawMutex, Totals, arrive, board, raw};
use shm_tests::{HANGS, eventually, peer};

/// Less than a mutex takes to notice anything, if it is not woken.
const SHORT: Duration = Duration::from_millis(50);

fn new() -> (RemoveOnDrop<Segment<Board>>, Attached<Board>) {
    let segment = board();
    let attached = segment.attach().unwrap();
    (segment, attached)
}

/// The id of a process that was and is not any more.
fn dead_pid() -> u32 {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id()
}

#[test]
fn no_increment_is_lost_while_holders_are_killed_and_each_death_is_reported_once() {
    let (segment, board) = new();
    let peers: Vec<Child> = (0..8)
        .map(|i| peer!().sync(&segment, if i % 3 == 1 { "increment-and-die" } else { "increment" }, i))
        .collect();
    for (i, peer) in peers.into_iter().enumerate() {
        if i % 3 == 1 {
            peer.ends_killed();
        } else {
            peer.ends();
        }
    }
    // The last death may have been the last event of all.
    let last = board.first.lock().or_else(|error| {
        board.reports.fetch_add(1, SeqCst);
        error.repair(|totals| totals.count.set(totals.by.get().iter().sum()))
    });
    let totals = last.unwrap().get();
    assert_eq!(board.reports.load(SeqCst), 3);
    assert_eq!(totals.count, 5 * 10_000 + 3 * 5_000);
    assert_eq!(totals.by, [10_000, 5_000, 10_000, 10_000, 5_000, 10_000, 10_000, 5_000]);
}

#[test]
fn a_holder_killed_at_any_moment_leaves_a_lock_that_others_get() {
    let (segment, board) = new();
    let raw = raw(&segment);
    for i in 0..40 {
        let before = raw.first.value.by[0].get();
        let mut victim = peer!().sync(&segment, "increment", 0);
        eventually(|| raw.first.value.by[0].get() > before + i * 7);
        victim.kill();
        let totals = board
            .first
            .lock_timeout(HANGS)
            .or_else(|error| error.repair(|totals| totals.count.set(totals.by.get().iter().sum())));
        let totals = totals.unwrap().get();
        assert_eq!(totals.count, totals.by.iter().sum::<u64>());
    }
}

#[test]
fn two_are_never_in_however_many_are_killed_at_any_moment() {
    let (segment, board) = new();
    let mut peers: std::collections::VecDeque<Child> =
        (1..=5).map(|i| peer!().sync(&segment, "in-and-out", i)).collect();
    for i in 6..206 {
        let before = board.done.load(SeqCst);
        // At another moment each time; and the lock goes on being taken.
        eventually(|| board.done.load(SeqCst) > before + i % 17);
        peers.pop_front().unwrap().kill();
        peers.push_back(peer!().sync(&segment, "in-and-out", i));
    }
    assert_eq!(board.reports.load(SeqCst), 0, "of {} times", board.done.load(SeqCst));
    // None of them failed.
    assert!(peers.iter_mut().all(|peer| peer.is_running()));
}

#[test]
fn a_holder_killed_while_nobody_waits_is_reported_once() {
    let (segment, board) = new();
    let mut holder = peer!().sync(&segment, "hold-until-killed", 0);
    arrive(&board, 1);
    let pid = holder.pid();
    assert!(matches!(board.first.try_lock(), Err(LockError::WouldBlock { holder, .. }) if holder == pid));
    holder.kill();
    match board.first.try_lock() {
        Err(LockError::OwnerDied(died)) => drop(died.into_guard()),
        other => panic!("{other:?}"),
    }
    drop(board.first.lock().unwrap());
    drop(board.first.try_lock().unwrap());
}

#[test]
fn a_dead_holder_is_noticed_before_its_parent_has_waited_for_it() {
    let (segment, board) = new();
    let mut holder = peer!().sync(&segment, "hold-until-killed", 0);
    arrive(&board, 1);
    holder.kill_unreaped();
    // A zombie from now on.
    let locked = board.first.lock_timeout(HANGS);
    assert!(matches!(locked, Err(LockError::OwnerDied(_))));
}

#[test]
fn a_holder_killed_while_others_wait_wakes_them_and_one_is_told() {
    let (segment, board) = new();
    for _ in 0..20 {
        board.arrived.store(0, SeqCst);
        board.reports.store(0, SeqCst);
        board.done.store(0, SeqCst);
        let mut holder = peer!().sync(&segment, "hold-until-killed", 0);
        arrive(&board, 1);
        let waiters = [0, 1, 2].map(|_| peer!().sync(&segment, "want", 0));
        arrive(&board, 4);
        waiters.iter().for_each(|waiter| asleep(waiter.pid()));
        // And some that come by just then.
        let passing = thread::scope(|scope| {
            let thread = scope.spawn(|| {
                board
                    .first
                    .lock_timeout(HANGS)
                    .or_else(|error| {
                        error.repair(|_| {
                            board.reports.fetch_add(1, SeqCst);
                        })
                    })
                    .map(drop)
                    .map_err(|error| error.to_string())
            });
            holder.kill();
            thread.join().unwrap()
        });
        passing.unwrap();
        waiters.into_iter().for_each(Child::ends);
        assert_eq!((board.reports.load(SeqCst), board.done.load(SeqCst) <= 3), (1, true));
    }
}

#[test]
fn a_panic_in_the_critical_section_is_reported_to_the_next() {
    let (_segment, board) = new();
    let panicked = thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let totals = board.first.lock().unwrap();
            totals.count.set(1);
            panic!("in the critical section");
        });
        thread.join()
    });
    assert!(panicked.is_err());
    assert!(matches!(board.first.lock(), Err(LockError::OwnerDied(_))));
    // That one dropped the error, and with it the lock, without a repair.
    let guard = board.first.lock().or_else(|error| error.repair(|totals| totals.count.set(0))).unwrap();
    assert_eq!(guard.count.get(), 0);
    drop(guard);
    drop(board.first.lock().unwrap());
}

#[test]
fn a_lock_and_unlock_during_a_panic_are_not_one_in_the_critical_section() {
    struct Logs<'a>(&'a Attached<Board>);
    impl Drop for Logs<'_> {
        fn drop(&mut self) {
            self.0.first.lock().unwrap().count.set(7);
        }
    }
    let (_segment, board) = new();
    let panicked = thread::scope(|scope| {
        scope
            .spawn(|| {
                let _logs = Logs(&board);
                panic!("elsewhere");
            })
            .join()
    });
    assert!(panicked.is_err());
    assert_eq!(board.first.lock().unwrap().count.get(), 7);
}

#[test]
fn a_thread_that_ends_with_its_guard_leaked_has_died_holding_the_lock() {
    let (_segment, board) = new();
    thread::scope(|scope| {
        scope.spawn(|| std::mem::forget(board.first.lock().unwrap()));
    });
    assert!(matches!(board.first.lock(), Err(LockError::OwnerDied(_))));
}

#[test]
fn relocking_is_an_error_and_not_a_deadlock() {
    let (_segment, board) = new();
    let guard = board.first.lock().unwrap();
    assert!(matches!(board.first.lock(), Err(LockError::AlreadyHeld)));
    assert!(matches!(board.first.try_lock(), Err(LockError::AlreadyHeld)));
    assert!(matches!(board.first.lock_timeout(SHORT), Err(LockError::AlreadyHeld)));
    drop(guard);
    drop(board.first.lock().unwrap());
}

#[test]
fn two_that_wait_for_each_others_lock_are_told() {
    let (segment, board) = new();
    let first = board.first.lock().unwrap();
    let other = peer!().sync(&segment, "cross", 0);
    arrive(&board, 1);
    asleep(other.pid());
    let pid = other.pid();
    assert!(matches!(board.second.lock(), Err(LockError::Deadlock { holder, .. }) if holder == pid));
    drop(first);
    other.ends();
    drop(board.second.lock().unwrap());
}

#[test]
fn a_timeout_comes_in_time_and_names_the_holder() {
    let (segment, board) = new();
    let holder = peer!().sync(&segment, "hold-until-told", 0);
    arrive(&board, 1);
    let start = Instant::now();
    let timeout = Duration::from_millis(600);
    let error = board.first.lock_timeout(timeout).unwrap_err();
    let took = start.elapsed();
    assert!(matches!(error, LockError::TimedOut { holder: tid, .. } if tid == holder.pid()), "{error}");
    assert!(took >= timeout && took < HANGS, "{took:?}");
    assert!(error.to_string().contains(&format!("thread {} (peer)", holder.pid())), "{error}");
    // The holder is none the worse for it.
    board.go.store(1, SeqCst);
    drop(board.first.lock().unwrap());
    holder.ends();
}

#[test]
fn a_timeout_beyond_all_time_waits_for_the_lock() {
    let (segment, board) = new();
    let holder = peer!().sync(&segment, "hold-until-told", 0);
    arrive(&board, 1);
    thread::scope(|scope| {
        scope.spawn(|| drop(board.first.lock_timeout(Duration::MAX).unwrap()));
        board.go.store(1, SeqCst);
    });
    holder.ends();
}

/// Short times, and one that is not.
const TIMES: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    Duration::from_micros(1),
    Duration::from_micros(20),
    Duration::from_micros(100),
    Duration::MAX,
];

#[test]
fn a_timed_lock_gets_a_dead_holders_lock_however_short_the_time() {
    let (segment, board) = new();
    for time in TIMES {
        // A process that was killed,
        board.arrived.store(0, SeqCst);
        let mut holder = peer!().sync(&segment, "hold-until-killed", 0);
        arrive(&board, 1);
        if time != Duration::MAX {
            assert!(matches!(board.first.lock_timeout(time), Err(LockError::TimedOut { .. })), "{time:?}");
        }
        holder.kill();
        assert_eq!(reported(board.first.lock_timeout(time)), Ok(true), "{time:?}");
        // and any word that `try_lock` takes for one.
        let raw = raw(&segment);
        for word in [dead_pid(), 0, tid()]
            .into_iter()
            .flat_map(|id| [0, 1 << 31, 1 << 30, 3 << 30].map(|flag| id | flag))
        {
            raw.first.word.store(word, SeqCst);
            let tried = reported(board.first.try_lock());
            raw.first.word.store(word, SeqCst);
            assert_eq!(reported(board.first.lock_timeout(time)), tried, "{word:#x}, {time:?}");
            assert!(tried.is_ok(), "{word:#x}");
            assert_eq!(raw.first.word.load(SeqCst), 0);
        }
    }
}

#[test]
fn a_timed_lock_gets_the_lock_of_a_thread_that_was_joined_however_short_the_time() {
    let (_segment, board) = new();
    for time in TIMES {
        thread::scope(|scope| {
            scope.spawn(|| std::mem::forget(board.first.lock().unwrap())).join().unwrap();
        });
        assert_eq!(reported(board.first.lock_timeout(time)), Ok(true), "{time:?}");
    }
}

/// Whether a death was reported to the one that locked, which unlocks again.
fn reported(
    locked: Result<MutexGuard<'_, Totals>, LockError<OwnerDied<'_, Totals>>>,
) -> Result<bool, String> {
    match locked {
        Ok(_) => Ok(false),
        Err(LockError::OwnerDied(died)) => {
            drop(died.into_guard());
            Ok(true)
        }
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_fork_while_held_leaves_the_lock_with_the_parent() {
    let (segment, board) = new();
    let guard = board.first.lock().unwrap();
    // SAFETY: the child uses the attachment, atomics and futexes, and leaves by _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop(guard);
        let timed_out = matches!(board.first.lock_timeout(SHORT), Err(LockError::TimedOut { .. }));
        board.arrived.store(1, SeqCst);
        // The parent lets go in its own time.
        let had = board.first.lock().is_ok_and(|totals| totals.count.get() == 7);
        // SAFETY: ends the process without running anything that belongs to the parent.
        unsafe { libc::_exit(i32::from(!(timed_out && had))) };
    }
    arrive(&board, 1);
    assert_eq!(raw(&segment).first.word.load(SeqCst) & 0x3fff_ffff, tid());
    guard.count.set(7);
    drop(guard);
    let mut status = 0;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child did not see what it should");
    drop(board.first.lock().unwrap());
}

fn tid() -> u32 {
    // SAFETY: takes nothing.
    unsafe { libc::gettid() }.unsigned_abs()
}

#[test]
fn locks_work_in_arrays_in_parts_and_side_by_side() {
    let (_segment, board) = new();
    let guards: Vec<_> = board.many.iter().map(|lock| lock.lock().unwrap()).collect();
    let part = board.part.lock.lock().unwrap();
    let first = board.first.lock().unwrap();
    part.set(1.5);
    guards[2].set(7);
    first.count.set(9);
    assert!(matches!(board.many[1].lock(), Err(LockError::AlreadyHeld)));
    drop((guards, part, first));
    assert_eq!(board.many[2].lock().unwrap().get(), 7);
    assert_eq!(board.part.lock.lock().unwrap().get(), 1.5);
    assert_eq!(board.part.before.get(), 0);
}

#[test]
fn a_word_overwritten_with_0_frees_the_lock_and_its_holder_does_not_notice() {
    let (segment, board) = new();
    let guard = board.first.lock().unwrap();
    raw(&segment).first.word.store(0, SeqCst);
    let peer = peer!().sync(&segment, "want", 0);
    peer.ends();
    assert_eq!(board.done.load(SeqCst), 1);
    drop(guard);
    drop(board.first.lock().unwrap());
}

#[test]
fn those_who_wait_for_a_word_overwritten_with_0_get_the_lock() {
    let (segment, board) = new();
    let guard = board.first.lock().unwrap();
    let peers = [0, 1, 2].map(|_| peer!().sync(&segment, "want", 0));
    arrive(&board, 3);
    peers.iter().for_each(|peer| asleep(peer.pid()));
    raw(&segment).first.word.store(0, SeqCst);
    // The holder lives on, and does not unlock: they will not be woken.
    peers.into_iter().for_each(Child::ends);
    assert_eq!(board.done.load(SeqCst), 3);
    drop(guard);
}

#[test]
fn a_word_that_names_a_dead_thread_is_a_dead_holder() {
    let (segment, board) = new();
    for flags in [0, 0x8000_0000, 0x4000_0000, 0xc000_0000] {
        raw(&segment).first.word.store(dead_pid() | flags, SeqCst);
        let died = board.first.lock_timeout(HANGS);
        let Err(LockError::OwnerDied(died)) = died else { panic!("{died:?}") };
        drop(died.into_guard());
        drop(board.first.lock().unwrap());
        assert_eq!(raw(&segment).first.word.load(SeqCst), 0);
    }
}

#[test]
fn a_word_that_names_an_unrelated_living_thread_is_held_until_that_ends() {
    // As after the holder died and a new process was given its id.
    let (segment, board) = new();
    let mut unrelated = peer!().sync(&segment, "sleep", 0);
    arrive(&board, 1);
    raw(&segment).first.word.store(unrelated.pid(), SeqCst);
    assert!(
        matches!(board.first.try_lock(), Err(LockError::WouldBlock { holder, .. }) if holder == unrelated.pid())
    );
    assert!(
        matches!(board.first.lock_timeout(SHORT), Err(LockError::TimedOut { holder, .. }) if holder == unrelated.pid())
    );
    let waiter = peer!().sync(&segment, "want", 0);
    arrive(&board, 2);
    asleep(waiter.pid());
    unrelated.kill();
    waiter.ends();
    assert_eq!(board.reports.load(SeqCst), 1);
}

#[test]
fn the_callers_own_id_is_a_relock_only_if_it_holds_something() {
    let (segment, board) = new();
    let raw = raw(&segment);
    // As after a predecessor with this id died: a container's first process has the same id every time.
    raw.first.word.store(tid(), SeqCst);
    let Err(LockError::OwnerDied(died)) = board.first.lock() else { panic!("not reported") };
    drop(died.into_guard());
    assert_eq!(raw.first.word.load(SeqCst), 0);
    let second = board.second.lock().unwrap();
    raw.first.word.store(tid(), SeqCst);
    assert!(matches!(board.first.lock(), Err(LockError::AlreadyHeld)));
    drop(second);
}

#[test]
fn a_word_that_no_lock_can_have_is_corrupted_until_it_is_reset() {
    let (segment, board) = new();
    // A thread of the kernel, which a pid namespace may hide, and an id larger than any.
    let kthreadd = std::fs::read_to_string("/proc/2/comm").is_ok_and(|comm| comm.trim() == "kthreadd");
    for word in
        [kthreadd.then_some(2), Some(0x3fff_ffff), Some(0xffff_ffff), Some(0x0123_4567)].into_iter().flatten()
    {
        raw(&segment).first.word.store(word, SeqCst);
        for _ in 0..2 {
            let error = board.first.lock().unwrap_err();
            assert!(
                matches!(error, LockError::Corrupted { word: found, .. } if found & 0x3fff_ffff == word & 0x3fff_ffff),
                "{error}"
            );
            assert!(error.to_string().contains("reset"));
        }
        // In no time, too.
        let error = board.first.lock_timeout(Duration::ZERO).unwrap_err();
        assert!(matches!(error, LockError::Corrupted { .. }), "{error}");
        assert!(matches!(board.first.try_lock(), Err(LockError::Corrupted { .. })));
        board.first.reset();
        assert!(matches!(board.first.lock(), Err(LockError::OwnerDied(_))));
        drop(board.first.lock().or_else(|error| error.repair(|_| {})).unwrap());
    }
}

#[test]
fn no_word_makes_a_timed_lock_hang_or_panic() {
    let (segment, board) = new();
    let raw = raw(&segment);
    let unrelated = peer!().sync(&segment, "sleep", 0);
    let ids = [
        0,
        1,
        2,
        tid(),
        std::process::id(),
        unrelated.pid(),
        dead_pid(),
        1 << 22,
        (1 << 22) + 1,
        0x3fff_ffff,
    ];
    let flags = [0, 0x4000_0000, 0x8000_0000, 0xc000_0000];
    let meant = ids.iter().flat_map(|&id| flags.map(|flag| id | flag));
    // xorshift: any bits, the same each time.
    let random = std::iter::successors(Some(0x2545_f491_u32), |&x| {
        let x = x ^ x << 13;
        let x = x ^ x >> 17;
        Some(x ^ x << 5)
    });
    let small = random.clone().take(300).map(|word| word & 0xc000_7fff);
    for word in meant.chain(random.take(2_000)).chain(small) {
        for abandoned in [0, word] {
            for timed in [true, false] {
                raw.second.word.store(word, SeqCst);
                raw.second.abandoned.store(abandoned, SeqCst);
                let start = Instant::now();
                let outcome = match timed {
                    true => board.second.lock_timeout(Duration::from_millis(1)),
                    false => board.second.try_lock(),
                };
                // Overwritten while held, too.
                raw.second.word.store(word.rotate_left(9), SeqCst);
                drop(outcome);
                assert!(start.elapsed() < Duration::from_secs(5), "{word:#x} took {:?}", start.elapsed());
            }
        }
    }
    // And it can be repaired.
    board.second.reset();
    drop(board.second.lock().or_else(|error| error.repair(|value| value.set(0))).unwrap());
    drop(board.second.lock().unwrap());
}

#[test]
fn locks_agree_with_the_memory_others_see() {
    let (segment, board) = new();
    let raw = raw(&segment);
    let totals = board.first.lock().unwrap();
    totals.by[3].set(5);
    assert_eq!(raw.first.word.load(SeqCst), tid());
    assert_eq!(raw.first.value.by[3].get(), 5);
    assert_eq!(size_of::<RawMutex<Totals>>(), size_of::<shm_runtime::sync::Mutex<Totals>>());
    drop(totals);
    assert_eq!(raw.first.word.load(SeqCst), 0);
}

#[test]
fn a_free_lock_takes_no_system_call() {
    let (_segment, board) = new();
    without_system_calls(|| {
        board.first.lock().unwrap().count.set(1);
        drop(board.first.try_lock().unwrap());
        drop(board.first.lock_timeout(SHORT).unwrap());
    });
}
