//! The race to initialise: many processes at once, some of which die anywhere in it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use shm_runtime::{ErrorKind, Key, Options, SharedSegment};
use shm_tests::child::Child;
use shm_tests::key::OwnKey;
use shm_tests::oracle::{Row, Table};
use shm_tests::seal::{Claimant, Raw, key_of, raw_create, unique};
use shm_tests::structs::seal::{Cell, pattern};
use shm_tests::traced::{Stop, Traced};
use shm_tests::{oracle, peer, skip};

const ROUNDS: usize = 1000;
const PEERS: usize = 8;

fn soon() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from((now + Duration::from_micros(300)).as_nanos()).expect("before 2554")
}

/// xorshift: another sequence in every run, and printed, so that a failure can be looked into.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn options(name: &str, wait: Duration) -> Options<Cell> {
    let mut options = Cell::options();
    options.key(Key::name(name.to_owned())).wait(wait);
    options
}

#[test]
fn of_eight_racers_one_initialises_whichever_are_killed() {
    let mut random = Random(soon() | 1);
    println!("seed {}", random.0);
    // Dropped after the peers, which could create it once more.
    let mut cleanup;
    let mut peers: Vec<Child> = (0..PEERS).map(|_| peer!().seal()).collect();
    let (mut killed, mut killed_at_work, mut panicking) = (0, 0, 0);
    for round in 0..ROUNDS {
        let name = unique();
        cleanup = Some(OwnKey::name(&name));
        let start = soon();
        for (i, peer) in peers.iter_mut().enumerate() {
            // Four of the eight may die: by a timer, anywhere, or in the initialiser, if it is theirs to run.
            let (kill, mode) = match (i % 2, random.below(8)) {
                (0, 0..4) => (1 + random.below(400_000), "finish"),
                (0, 4) => (0, "die-first"),
                (0, 5) => (0, "die-middle"),
                (0, 6) => (0, "die-last"),
                (0, _) => (0, "panic"),
                _ => (0, "finish"),
            };
            panicking += usize::from(mode == "panic");
            peer.send(format!("race {name} {start} {kill} {mode}"));
        }
        let mut ids = Vec::new();
        for peer in &mut peers {
            match peer.answer_or_end() {
                Some(answer) => {
                    let answer = answer.unwrap_or_else(|failure| panic!("round {round}: {failure:?}"));
                    let words: Vec<&str> = answer.split(' ').collect();
                    let [id, "1", "true", "true"] = words[..] else {
                        panic!(
                            "round {round}: not attached to a current segment, initialised once: {answer}"
                        );
                    };
                    ids.push(id.parse::<i32>().expect("an id"));
                }
                None => {
                    killed += 1;
                    assert_eq!(peer.reap(), Some(libc::SIGKILL), "round {round}");
                    *peer = peer!().seal();
                }
            }
        }
        assert!(ids.len() >= PEERS / 2, "round {round}: those who live are attached");
        let there = oracle::with_key(key_of(&name));
        let [row] = there[..] else { panic!("round {round}: one segment: {there:?}") };
        assert!(ids.iter().all(|&id| id == row.id), "round {round}: {ids:?} {row:?}");
        // Those that were killed are not counted any more.
        assert_eq!(row.nattch, u64::try_from(ids.len()).expect("few"), "round {round}");
        killed_at_work += usize::from(ids.len() < PEERS);
        for peer in &mut peers {
            assert_eq!(peer.ask("drop"), "");
        }
        drop(cleanup.take());
    }
    println!("{killed} killed, in {killed_at_work} of {ROUNDS} rounds; {panicking} were to panic");
    assert!(killed > ROUNDS / 2, "only {killed} were killed: the race was not one");
}

#[test]
fn a_creator_killed_at_any_step_is_named_and_replaced() {
    // Each leaves a half-made segment; by a raw call, a real one's first steps.
    for step in ["shmget", "shmat", "die-first", "die-middle", "die-last"] {
        let name = unique();
        let _cleanup = OwnKey::name(&name);
        let mut creator = peer!().seal();
        let size = sealed_size(&name);
        match step {
            "shmget" => drop(creator.ask(format!("shmget {name} {size}"))),
            "shmat" => {
                let id = creator.ask(format!("shmget {name} {size}"));
                creator.ask(format!("shmat {id}"));
            }
            die => creator.send(format!("create {name} {die}")),
        }
        // A zombie first: dead, though its pid still exists.
        match step.starts_with("die") {
            true => assert_eq!(creator.next_line(), None),
            false => creator.kill_unreaped(),
        }
        let pid = i32::try_from(creator.pid()).expect("a pid");
        let segment = options(&name, Duration::from_secs(20)).open().expect("it is there");
        let began = Instant::now();
        let error = segment.attach().expect_err("it is half-made");
        assert!(began.elapsed() < Duration::from_secs(10), "{step}: found dead, not waited for");
        let ErrorKind::Abandoned { creator_pid, created_at, .. } = error.kind() else {
            panic!("{step}: {error}")
        };
        assert_eq!(*creator_pid, pid, "{step}");
        let age = SystemTime::now().duration_since(created_at.expect("it says when")).expect("before now");
        assert!(age < Duration::from_secs(60), "{step}: {age:?}");
        let text = error.to_string();
        assert!(text.contains(&format!("pid {pid}")) && text.contains(" s ago"), "{step}: {text}");
        creator.reap();

        let cell = options(&name, Duration::from_secs(20))
            .open_or_create_with(|cell| cell.pattern[0].set(7))
            .and_then(|segment| segment.attach())
            .unwrap_or_else(|error| panic!("{step}: {error}"));
        assert_eq!(cell.pattern[0].get(), 7, "{step}");
        assert_ne!(cell.segment().id(), segment.id(), "{step}");
    }
}

/// Of a `Cell` whose key is a name of this length: asked of one that is made.
fn sealed_size(name: &str) -> usize {
    let other = format!("{}x", &name[..name.len() - 1]);
    let cell = options(&other, Duration::ZERO).create().expect("a new name").remove_on_drop();
    cell.size()
}

#[test]
fn a_panic_in_the_initialiser_leaves_no_segment() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        options(&name, Duration::ZERO).create_with(|_| panic!("on purpose"))
    }));
    assert!(panicked.is_err());
    assert_eq!(oracle::with_key(key_of(&name)), []);
}

#[test]
fn an_early_opener_sleeps_and_is_woken_by_the_creator() {
    for open in ["open NAME 30000 0", "open-read-only NAME 30000"] {
        let mut took: Vec<Duration> = (0..15).map(|_| woken_after(open)).collect();
        took.sort();
        // Those who sleep look by themselves every 20 ms whether the creator died. They just began to.
        assert!(took[7] < Duration::from_millis(10), "{open}: {took:?}");
    }
}

/// How long after the creator is told to go on an opener is let in that sleeps.
fn woken_after(open: &str) -> Duration {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let (mut creator, mut opener) = (peer!().seal(), peer!().seal());
    creator.send(format!("create {name} block"));
    assert_eq!(creator.line(), "blocked");
    opener.send(open.replace("NAME", &name));
    wait_for(&name, |row| row.nattch == 2);
    // Blocked processes show the system call that they are in.
    let (path, futex) = (format!("/proc/{}/syscall", opener.pid()), format!("{} ", libc::SYS_futex));
    let end = Instant::now() + Duration::from_secs(20);
    while !std::fs::read_to_string(&path).expect("a child of ours").starts_with(&futex) {
        assert!(Instant::now() < end, "it does not sleep");
    }
    let released = Instant::now();
    creator.send("go");
    let answer = opener.answer();
    let took = released.elapsed();
    answer.expect("it is let in");
    creator.answer().expect("it has created it");
    took
}

#[test]
fn an_early_opener_waits_no_longer_than_it_was_told() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let mut creator = peer!().seal();
    creator.send(format!("create {name} block"));
    assert_eq!(creator.line(), "blocked");
    for wait in [0, 1, 150] {
        let wait = Duration::from_millis(wait);
        let segment = options(&name, wait).open().expect("it is there");
        let began = Instant::now();
        let error = segment.attach_read_only().expect_err("it is not ready");
        let took = began.elapsed();
        assert!(took >= wait && took < wait + Duration::from_secs(3), "{wait:?}: {took:?}");
        let ErrorKind::NotReady { creator_pid, waited, .. } = error.kind() else { panic!("{error}") };
        assert_eq!(creator_pid.unsigned_abs(), creator.pid());
        assert!(*waited >= wait && *waited <= took);
        assert!(error.to_string().contains("(peer)"), "{error}");
    }
    // And it is left as it is, whichever process would like to have one now.
    let error = options(&name, Duration::from_millis(50)).open_or_create().expect_err("its creator lives");
    assert!(matches!(error.kind(), ErrorKind::NotReady { .. }), "{error}");
    creator.send("go");
    creator.answer().expect("it has created it");
    let cell = options(&name, Duration::ZERO).open().expect("there").attach().expect("ready");
    assert!((0..16).all(|i| cell.pattern[i].get() == pattern(i)));
}

#[test]
fn a_segment_that_goes_while_a_process_waits_is_an_error_at_once() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let (mut creator, mut opener) = (peer!().seal(), peer!().seal());
    creator.send(format!("create {name} block"));
    assert_eq!(creator.line(), "blocked");
    opener.send(format!("open {name} 30000 0"));
    let row = wait_for(&name, |row| row.nattch == 2);
    Table::Segments.remove(row.id);
    let began = Instant::now();
    assert_eq!(opener.answer().expect_err("it is gone").kind, "Removed");
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// Waits until the segment of that name is as it should be.
fn wait_for(name: &str, is: impl Fn(&Row) -> bool) -> Row {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(row) = oracle::with_key(key_of(name)).into_iter().find(&is) {
            return row;
        }
        assert!(Instant::now() < end, "{:?}", oracle::with_key(key_of(name)));
        std::thread::yield_now();
    }
}

#[test]
fn a_blank_segment_that_was_being_reclaimed_can_still_be_replaced() {
    // A creator killed after shmget, and then a reclaimer killed between its claim and the removal.
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let mut dead = peer!().seal();
    let id = dead.ask(format!("shmget {name} {}", sealed_size(&name)));
    let id: i32 = id.parse().expect("an id");
    let claimant = Claimant::of(dead.pid());
    dead.kill();
    Raw::attach(id).set_claim(claimant, false);
    let error = options(&name, Duration::from_secs(1))
        .open()
        .and_then(|segment| segment.attach_read_only())
        .expect_err("it is half-made");
    assert!(matches!(error.kind(), ErrorKind::Abandoned { .. }), "{error}");
    let cell = options(&name, Duration::from_secs(20)).open_or_create().expect("replaced");
    assert_ne!(cell.id(), id);
}

#[test]
fn a_blank_segment_of_another_size_is_left_alone() {
    let name = unique();
    let cleanup = OwnKey::name(&name);
    // Made in a process that is gone, and zero to its end, as a C program would leave it.
    let mut dead = peer!().seal();
    let id = dead.ask(format!("shmget {name} {}", sealed_size(&name) + 8));
    dead.kill();
    let error =
        options(&name, Duration::from_millis(50)).reclaim_stale(true).open_or_create().expect_err("not ours");
    assert!(error.to_string().contains("#[shm(bare)]"), "{error}");
    assert_eq!(oracle::with_key(key_of(&name))[0].id.to_string(), id);
    drop(cleanup);
    assert_eq!(oracle::with_key(key_of(&name)), []);
    // The raw helpers agree with themselves.
    let id = raw_create(key_of(&name), 100);
    let _cleanup = OwnKey::of(key_of(&name));
    assert_eq!(oracle::with_key(key_of(&name))[0].id, id);
}

#[test]
fn a_creator_that_was_ready_and_ended_while_another_looked_did_not_abandon_the_segment() {
    // Of the opener's system calls, between two of which it looks at the state, and then for the creator.
    for point in 0.. {
        let name = unique();
        let _cleanup = OwnKey::name(&name);
        let mut creator = peer!().seal();
        creator.send(format!("create {name} block"));
        assert_eq!(creator.line(), "blocked");
        let command = peer!().command(&["seal", "open-read-only", &name, "60000"]);
        let Some(mut opener) = Traced::start(command) else { return skip("ptrace is forbidden here") };
        opener.run_to(libc::SYS_shmget);
        let sleeps = (0..point).any(|_| opener.step() == Some(Stop::entry(libc::SYS_futex)));
        creator.send("go");
        creator.answer().expect("it has created it");
        creator.kill();
        let said = opener.finish();
        assert!(said.starts_with("ok"), "stopped at {point}: {said}");
        if sleeps {
            assert!(point > 10, "{point}");
            return;
        }
    }
}
