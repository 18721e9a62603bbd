//! Staleness: which processes are told, what is reclaimed, and that no process loses a segment that it uses.

use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use shm_runtime::{ErrorKind, Key, Options, Segment, SharedSegment};
use shm_tests::child::Child;
use shm_tests::key::{OwnId, OwnKey};
use shm_tests::oracle::Table;
use shm_tests::seal::{Claimant, READY, Raw, key_of, raw_create, unique};
use shm_tests::structs::seal::Cell;
use shm_tests::{have, oracle, peer, seal, skip};

fn options(name: &str) -> Options<Cell> {
    let mut options = Cell::options();
    options.key(Key::name(name.to_owned())).wait(Duration::from_secs(10));
    options
}

fn soon() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from((now + Duration::from_micros(300)).as_nanos()).expect("before 2554")
}

/// The id in `ID ...`.
fn id_of(answer: &str) -> i32 {
    let id = answer.split(' ').next().and_then(|id| id.parse().ok());
    id.unwrap_or_else(|| panic!("{answer}"))
}

/// A ready segment whose creator is gone, unless it is kept; no process is attached.
fn stale(name: &str) -> (i32, Child) {
    let mut creator = peer!().seal();
    let id = id_of(&creator.ask(format!("create {name} finish")));
    assert_eq!(creator.ask("drop"), "");
    (id, creator)
}

/// What `reclaim_stale` makes of the segment, where a new one is asked for: whether it was replaced.
fn replaced(name: &str, id: i32) -> bool {
    let segment = match options(name).reclaim_stale(true).create() {
        Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists { .. }) => options(name).open(),
        created => created,
    };
    let segment = segment.unwrap_or_else(|error| panic!("{error}"));
    let now = oracle::with_key(key_of(name));
    assert_eq!(now.len(), 1);
    assert_eq!(now[0].id, segment.id());
    segment.id() != id
}

#[test]
fn a_holder_is_told_that_its_segment_was_removed_or_replaced() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let first = options(&name).create().expect("new").attach().expect("ours");
    let reader = options(&name).open().expect("there").attach_read_only().expect("ready");
    assert!(first.is_current().expect("asked") && reader.is_current().expect("asked"));
    options(&name).remove().expect("ours");
    assert!(!first.is_current().expect("asked") && !reader.is_current().expect("asked"));
    // The old ones still share it.
    first.counter.store(5, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(reader.counter.load(std::sync::atomic::Ordering::Relaxed), 5);
    let second = options(&name).create().expect("the key is free").attach().expect("ours");
    assert!(!first.is_current().expect("asked") && !reader.segment().is_current().expect("asked"));
    assert!(second.is_current().expect("asked"));
}

#[test]
fn a_holder_of_a_private_segment_is_told_that_it_was_removed() {
    let segment = Cell::create().expect("new").remove_on_drop();
    let cell = segment.attach().expect("ours");
    let by_id = Segment::<Cell>::from_id(segment.id()).expect("there");
    assert!(cell.is_current().expect("asked") && by_id.is_current().expect("asked"));
    segment.remove().expect("ours");
    assert!(!cell.is_current().expect("asked") && !by_id.is_current().expect("asked"));
    drop(cell);
    assert!(!by_id.is_current().expect("asked"));
    assert!(matches!(by_id.attach().expect_err("gone").kind(), ErrorKind::Removed));
}

#[test]
fn a_stale_segment_is_reclaimed_only_if_that_is_asked_for() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let (id, mut creator) = stale(&name);
    creator.kill();
    assert_eq!(options(&name).open_or_create().expect("used").id(), id);
    let error = options(&name).create().expect_err("it exists");
    assert!(matches!(error.kind(), ErrorKind::AlreadyExists { .. }), "{error}");
    let new = options(&name).reclaim_stale(true).create().expect("reclaimed");
    assert_ne!(new.id(), id);
    assert_eq!(oracle::by_id(id), None);
}

#[test]
fn a_zombie_is_dead() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let (id, mut creator) = stale(&name);
    creator.kill_unreaped();
    assert!(replaced(&name, id));
    creator.reap();
}

#[test]
fn the_segment_of_a_living_creator_is_not_reclaimed() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let (id, creator) = stale(&name);
    assert!(!replaced(&name, id));
    let error = options(&name).reclaim_stale(true).create().expect_err("its creator lives");
    assert!(matches!(error.kind(), ErrorKind::AlreadyExists { .. }), "{error}");
    drop(creator);
    assert!(replaced(&name, id));
}

#[test]
fn the_segment_of_a_living_holder_is_not_reclaimed_and_others_do_not_wait_for_that() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let (id, mut creator) = stale(&name);
    let mut holder = peer!().seal();
    assert_eq!(id_of(&holder.ask(format!("open-read-only {name} 1000"))), id);
    creator.kill();
    for _ in 0..100 {
        let began = Instant::now();
        assert!(!replaced(&name, id));
        assert!(began.elapsed() < Duration::from_secs(5), "a tenth of a second at most");
    }
    assert_eq!(Raw::attach(id).state(), READY);
    assert_eq!(holder.ask("current"), "true");
    drop(holder);
    assert!(replaced(&name, id));
}

#[test]
fn a_reused_pid_is_not_the_creator() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let (id, _lives) = stale(&name);
    assert!(!replaced(&name, id));
    // As if the seal had been written by an earlier process of the same pid; on Linux before 6.9, and since.
    let raw = Raw::attach(id);
    let inode = u64::from_le_bytes(raw.read(raw.footer() + 56, 8).try_into().expect("eight bytes"));
    raw.set_creator(1, 0);
    if inode != 0 {
        raw.set_creator(1, inode);
        drop(raw);
        assert!(!replaced(&name, id), "its inode is exact");
        Raw::attach(id).set_creator(1, inode - 1);
    }
    assert!(replaced(&name, id));
}

#[test]
fn a_creator_with_half_a_character_in_its_name_is_as_dead_as_others() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let mut creator = peer!().seal();
    assert_eq!(creator.ask("rename"), "");
    let id = id_of(&creator.ask(format!("create {name} finish")));
    assert_eq!(creator.ask("drop"), "");
    let comm = std::fs::read(format!("/proc/{}/comm", creator.pid())).expect("it lives");
    assert!(String::from_utf8(comm).is_err(), "a name that is not UTF-8");
    let seal = Raw::attach(id);
    assert_ne!(seal.read(seal.footer() + 40, 8), [0; 8], "it knows when it started");
    drop(seal);
    assert!(!replaced(&name, id));
    creator.kill_unreaped();
    assert!(replaced(&name, id));
}

#[test]
fn a_proc_of_another_pid_namespace_is_not_asked() {
    let namespace = ["unshare", "--pid", "--fork", "--kill-child", "--"];
    let probe = Command::new(namespace[0]).args(&namespace[1..]).arg("true").status();
    if !have("unshare") || !probe.is_ok_and(|status| status.success()) {
        skip("`unshare --pid` is not allowed here");
        return;
    }
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    // There it has pid 1, and /proc/1 is another process, which started at another time.
    let mut peer = peer!().under(namespace).seal();
    let id = id_of(&peer.ask(format!("create {name} finish")));
    assert_eq!(peer.ask("drop"), "");
    let raw = Raw::attach(id);
    assert_eq!(raw.read(raw.footer() + 48, 4), 1_u32.to_le_bytes());
    assert_ne!(raw.read(raw.footer() + 52, 4), seal::pid_namespace().to_le_bytes());
    drop(raw);
    // From here it can be seen to live, under another pid; there, /proc is not asked about it.
    assert!(!replaced(&name, id));
    assert_eq!(id_of(&peer.ask(format!("reclaim {name} 0"))), id);
}

#[test]
fn the_claim_of_a_dead_reclaimer_is_void() {
    for was_ready in [true, false] {
        let name = unique();
        let _cleanup = OwnKey::name(&name);
        let (id, mut creator) = stale(&name);
        // It is as good as a reclaimer.
        let claim = Claimant::of(creator.pid());
        creator.kill();
        let raw = Raw::attach(id);
        let mut one_more = peer!().seal();
        for command in ["open-read-only {} 1000", "open {} 1000 0"] {
            raw.set_claim(claim, was_ready);
            one_more.send(command.replace("{}", &name));
            match (was_ready, one_more.answer()) {
                (true, Ok(answer)) => assert_eq!(id_of(&answer), id, "{command}"),
                (false, Err(failure)) => assert_eq!(failure.kind, "Abandoned", "{command}"),
                (_, answer) => panic!("{command}: {answer:?}"),
            }
            one_more.ask("drop");
        }
        raw.set_claim(claim, was_ready);
        drop(raw);
        match was_ready {
            true => assert_eq!(options(&name).open_or_create().expect("good").id(), id),
            false => assert_ne!(options(&name).open_or_create().expect("replaced").id(), id),
        }
        let now = oracle::with_key(key_of(&name))[0].id;
        if was_ready {
            Raw::attach(id).set_claim(claim, was_ready);
            assert!(replaced(&name, now));
        }
    }
}

#[test]
fn a_claim_that_was_not_completed_is_none_and_keeps_nobody_out() {
    for (was_ready, word) in [(true, 7), (false, 6)] {
        let name = unique();
        let _cleanup = OwnKey::name(&name);
        let (id, mut creator) = stale(&name);
        creator.kill();
        // Its process died before it had written down which one it is; or while it did, or lives.
        Raw::attach(id).set_state(7 << 4 | word);
        let mut opener = peer!().seal();
        for command in ["open-read-only {} 1000", "open {} 1000 0"] {
            opener.send(command.replace("{}", &name));
            match (was_ready, opener.answer()) {
                (true, Ok(answer)) => assert_eq!(id_of(&answer), id, "{command}"),
                (false, Err(failure)) => assert_eq!(failure.kind, "Abandoned", "{command}"),
                (_, answer) => panic!("{command}: {answer:?}"),
            }
            // While it is in use, it is not replaced, whatever the state.
            assert!(!was_ready || !replaced(&name, id), "{command}");
            opener.ask("drop");
        }
        assert!(replaced(&name, id));
    }
}

#[test]
fn a_process_that_finds_the_claim_of_a_living_reclaimer_leaves_and_looks_again() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let (id, mut creator) = stale(&name);
    creator.kill();
    let raw = Raw::attach(id);
    let reclaimer = peer!().seal();
    raw.set_claim(Claimant::of(reclaimer.pid()), true);
    let mut opener = peer!().seal();
    opener.send(format!("open {name} 30000 0"));
    // It is attached only now and then: seen detached a hundred times, it does not stay.
    let end = Instant::now() + Duration::from_secs(20);
    let mut alone = 0;
    while alone < 100 {
        alone += u32::from(oracle::by_id(id).expect("there").nattch == 1);
        assert!(Instant::now() < end, "it stays attached");
    }
    // The reclaimer takes its claim back.
    raw.set_state(READY);
    assert_eq!(id_of(&opener.answer().expect("it lives")), id);
    opener.ask("drop");
    // Or removes it.
    raw.set_claim(Claimant::of(reclaimer.pid()), true);
    opener.send(format!("open {name} 30000 0"));
    Table::Segments.remove(id);
    let failure = opener.answer().expect_err("it is gone");
    assert!(["Removed", "NotFound"].contains(&&*failure.kind), "{failure:?}");
}

#[test]
fn two_and_eight_reclaimers_race_with_openers_and_rob_nobody() {
    for (reclaimers, openers, rounds) in [(1, 6, 500), (2, 5, 500), (8, 3, 200)] {
        // Dropped after the peers, which could create it once more.
        let mut cleanup;
        let mut peers: Vec<Child> = (0..reclaimers + openers).map(|_| peer!().seal()).collect();
        let (mut kept, mut new) = (0, 0);
        for round in 0..rounds {
            let name = unique();
            cleanup = Some(OwnKey::name(&name));
            let (old, mut creator) = stale(&name);
            creator.kill();
            let start = soon();
            // A reclaimer takes this long, and its steps a few microseconds each: the openers come anywhere in it.
            let mut late = start;
            for (i, peer) in peers.iter_mut().enumerate() {
                peer.send(match i < reclaimers {
                    true => format!("reclaim {name} {start}"),
                    false => {
                        late += start % (20_000 + 1000 * (round % 40));
                        format!("open {name} 20000 {late}")
                    }
                });
            }
            let mut held = 0_u64;
            for (i, peer) in peers.iter_mut().enumerate() {
                match peer.answer() {
                    Ok(_) => held += 1,
                    // One that found the segment, but had not attached it yet, is told that it went.
                    Err(failure) => assert!(
                        ["Removed", "NotFound"].contains(&&*failure.kind),
                        "round {round}, peer {i}: {failure:?}"
                    ),
                }
            }
            let there = oracle::with_key(key_of(&name));
            let [row] = there[..] else { panic!("round {round}: one segment: {there:?}") };
            assert_eq!(row.nattch, held, "round {round}: none is attached to another");
            for peer in &mut peers {
                let current = peer.ask("current");
                assert!(current == "true" || current == "nothing", "round {round}: {current}");
                assert_eq!(peer.ask("drop"), "");
            }
            match row.id == old {
                true => kept += 1,
                false => new += 1,
            }
            drop(cleanup.take());
        }
        println!("{reclaimers} reclaimers, {openers} openers: {kept} kept, {new} replaced");
        assert!(new > 0, "none was reclaimed: there was no race");
    }
}

#[test]
fn a_bare_segment_is_never_reclaimed() {
    // Made by a raw call in a process that is gone; its end is zero, as that of a half-made sealed one.
    for size in [72, 80, 104, 136, 168, 200, 4096, 4097] {
        let name = unique();
        let _cleanup = OwnKey::name(&name);
        let mut dead = peer!().seal();
        let id = id_of(&dead.ask(format!("shmget {name} {size}")));
        dead.kill();
        for stale in [false, true] {
            let mut options = options(&name);
            options.wait(Duration::from_millis(20)).reclaim_stale(stale);
            assert!(options.open_or_create().is_err(), "{size}");
            assert!(!stale || options.create().is_err(), "{size}");
        }
        assert_eq!(oracle::with_key(key_of(&name))[0].id, id, "{size}");
    }
}

#[test]
fn a_removed_segment_whose_id_was_used_again_is_not_mistaken_for_it() {
    const INSIDE: &str = "SEAL_TEST_IN_A_NAMESPACE";
    const NAME: &str = "a_removed_segment_whose_id_was_used_again_is_not_mistaken_for_it";
    if std::env::var_os(INSIDE).is_none() {
        // In an IPC namespace of its own, no other process takes ids.
        let this = std::env::current_exe().expect("it runs");
        let mut unshare = Command::new("unshare");
        unshare.args(["--ipc", "--"]).arg(this).args(["--exact", NAME]).env(INSIDE, "1");
        let probe = Command::new("unshare").args(["--ipc", "--", "true"]).status();
        if !have("unshare") || !probe.is_ok_and(|status| status.success()) {
            skip("`unshare --ipc` is not allowed here");
            return;
        }
        let output = unshare.output().expect("it ran just now");
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let cell = Cell::create().expect("new");
    let segment = Segment::<Cell>::from_id(cell.id()).expect("there");
    let id = segment.id();
    drop(cell);
    segment.remove().expect("ours");
    // The ids go round after four million segments; the kernel can be told to be there already.
    if std::fs::write("/proc/sys/kernel/shm_next_id", id.to_string()).is_err() {
        skip("this kernel has no shm_next_id");
        return;
    }
    let small = OwnId::new(raw_create(libc::IPC_PRIVATE, 1));
    assert_eq!(small.id(), id);
    let error = segment.attach().expect_err("another segment has the id now");
    assert!(matches!(error.kind(), ErrorKind::Removed), "{error}");
    assert!(segment.attach_read_only().is_err());
    assert!(oracle::by_id(id).is_some_and(|row| row.nattch == 0));
}
