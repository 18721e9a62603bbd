//! Upgrades: a new program gives an old segment's values to a new segment under the same key, whatever dies on the way.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shm_runtime::sync::{LockError, Mutex, QueueError, SeqLock};
use shm_runtime::{Error, ErrorKind, Key, Options, Segment, SharedSegment};
use shm_tests::child::Child;
use shm_tests::oracle::{self, Row};
use shm_tests::seal::{READY, Raw, SEALED_AT, key_of};
use shm_tests::structs::upgrade::{ADDED, New, NewPassed, Old, OldPassed, Pair, fill, init, is_whole};
use shm_tests::traced::{Stop, Stopped};
use shm_tests::upgrade::{Name, options};
use shm_tests::{eventually, kind, peer, skip};

fn upgrade(name: &str) -> Result<Segment<New>, Error> {
    options::<New>(name).upgrade(init).open()
}

fn soon() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from((now + Duration::from_micros(300)).as_nanos()).expect("before 2554")
}

/// That the segment has the old values, and the new ones beside them.
fn assert_upgraded(new: &Segment<New>, count: u64) {
    let new = new.attach_read_only().expect("ready");
    assert_eq!(new.count.load(Relaxed), count);
    assert!(is_whole(count, &new.pattern));
    assert!(new.valid.get());
    assert_eq!(new.letter.try_get(), Ok('ß'));
    assert!((0..new.added.len()).all(|i| new.added[i].get() == ADDED));
    assert_eq!(new.inits.load(Relaxed), 1);
}

#[test]
fn a_new_program_takes_the_values_of_an_old_segment_over_and_old_programs_find_the_new_one() {
    let own = Name::new();
    let name = &own.name;
    let mut old = peer!().start_with("upgrade");
    let id = old.number(format!("create {name} 7"));
    assert_eq!(old.ask("current"), "true");
    let new = upgrade(name).expect("upgraded");
    assert_ne!(new.id(), id);
    assert_upgraded(&new, 7);
    assert_eq!(own.only().id, new.id());
    assert!(own.spares().is_empty());
    assert_eq!(old.ask("current"), "false");
    assert_eq!(old.ask(format!("open {name}")), format!("{} 7", new.id()));
    assert_eq!(old.ask("current"), "true");
    // The first one went with its last user.
    assert_eq!(oracle::by_id(id), None);
    // Both use it, and the next to open it finds nothing to be upgraded.
    new.attach().expect("ready").count.store(8, Relaxed);
    assert_eq!(old.ask(format!("open {name}")), format!("{} 8", new.id()));
    assert_eq!(upgrade(name).expect("there").id(), new.id());
}

#[test]
fn every_way_to_open_upgrades_and_creates_only_what_is_not_there() {
    type Way = fn(&Options<New>) -> Result<Segment<New>, Error>;
    let ways: [Way; 5] = [
        Options::open,
        Options::open_compatible,
        Options::open_or_create,
        Options::open_or_create_compatible,
        |options| options.open_or_create_with(|_| panic!("it is there")),
    ];
    for way in ways {
        let own = Name::new();
        let old = options::<Old>(&own.name).create_with(|old| fill(old, 3)).expect("new");
        let new = way(options(&own.name).upgrade(init)).expect("upgraded");
        assert_ne!(new.id(), old.id());
        assert_upgraded(&new, 3);
        assert!(own.spares().is_empty());
    }
    let own = Name::new();
    assert_eq!(kind(upgrade(&own.name)), "NotFound");
    let new = options::<New>(&own.name).upgrade(init).open_or_create().expect("created");
    assert_eq!(new.attach().expect("ready").inits.load(Relaxed), 0, "nothing was upgraded");
}

#[test]
fn the_new_segment_has_the_mode_and_the_group_of_the_old_one() {
    let own = Name::new();
    let old = options::<Old>(&own.name).mode(0o640).create().expect("new");
    let mut permissions = old.stat().expect("there").permissions;
    // SAFETY: takes nothing and cannot fail.
    if unsafe { libc::geteuid() } == 0 {
        (permissions.uid, permissions.gid) = (1001, 1002);
        old.set_permissions(permissions).expect("ours");
    }
    let new = options::<New>(&own.name).mode(0o600).trust_owner(permissions.uid).upgrade(init).open();
    assert_eq!(new.expect("upgraded").stat().expect("there").permissions, permissions);
}

#[test]
fn a_process_that_does_not_own_the_old_segment_leaves_all_as_it_was() {
    let own = Name::new();
    let Some(peer) = peer!().as_nobody() else { return };
    let old = options::<Old>(&own.name).mode(0o666).create_with(|old| fill(old, 5)).expect("new");
    let mut peer = peer.start_with("upgrade");
    let failure = peer.failure(format!("upgrade open {} 0", own.name));
    assert_eq!(failure.kind, "NotOwner", "{}", failure.text);
    assert_eq!(own.only().id, old.id());
    assert!(own.spares().is_empty());
    assert!(old.is_current().expect("asked"));
}

#[test]
fn of_eight_that_upgrade_at_once_one_does_and_all_have_the_same_segment() {
    let mut peers: Vec<Child> = (0..8).map(|_| peer!().start_with("upgrade")).collect();
    for round in 0..60 {
        let own = Name::new();
        let old = options::<Old>(&own.name).create_with(|old| fill(old, 9)).expect("new");
        let start = soon();
        for (i, peer) in peers.iter_mut().enumerate() {
            let way = if i % 2 == 0 { "open" } else { "open-or-create" };
            peer.send(format!("upgrade {way} {} {start}", own.name));
        }
        let now =
            peers.iter_mut().map(|peer| peer.answer().unwrap_or_else(|error| panic!("{round}: {error:?}")));
        let now: Vec<String> = now.collect();
        let expected = format!("{} 1 true", own.only().id);
        assert_ne!(own.only().id, old.id());
        assert!(now.iter().all(|answer| *answer == expected), "{round}: {now:?}, {expected}");
        assert!(own.spares().is_empty());
    }
}

#[test]
fn readers_that_open_the_key_all_the_time_never_see_half_of_the_values() {
    let own = Name::new();
    let name = &own.name;
    let _old = options::<Old>(name).create_with(|old| fill(old, 11)).expect("new");
    let mut readers = [(); 3].map(|()| peer!().start_with("upgrade"));
    for reader in &mut readers {
        reader.send(format!("read {name}"));
        assert_eq!(reader.line(), "reading");
    }
    let new = upgrade(name).expect("upgraded");
    for reader in &mut readers {
        assert_eq!(reader.answer().expect("never half of it"), "2", "the old one and the new one");
    }
    assert_upgraded(&new, 11);
}

fn stopped_at(point: usize, name: &str) -> Option<Stopped> {
    Stopped::at(point, peer!().command(&["upgrade", "upgrade-only", name]))
}

#[test]
fn wherever_the_process_that_upgrades_is_killed_the_next_one_has_all_values() {
    let (mut point, mut without, mut spares) = (0, 0, 0);
    loop {
        let own = Name::new();
        let name = &own.name;
        let mut creator = peer!().start_with("upgrade");
        creator.ask(format!("create {name} 13"));
        let Some(mut stopped) = stopped_at(point, name) else {
            skip("ptrace is forbidden here");
            return;
        };
        stopped.traced.kill();
        if stopped.ended {
            break;
        }
        // The key has a segment, or the values are in the spare.
        let there = !own.is_free();
        assert!(there || own.spares().len() == 1, "killed at {point}: {:?}", own.spares());
        without += usize::from(!there);
        spares += own.spares().len();
        // By both ways, one after the other: the first one goes on.
        let way = if point % 2 == 0 { "open" } else { "open-or-create" };
        let mut next = peer!().start_with("upgrade");
        let answer = next.ask(format!("upgrade {way} {name} 0"));
        assert_eq!(answer, format!("{} 1 true", own.only().id), "killed at {point}");
        assert_upgraded(&options::<New>(name).open().expect("there"), 13);
        assert!(own.spares().is_empty(), "killed at {point}: {:?}", own.spares());
        assert_eq!(creator.ask(format!("open {name}")), format!("{} 13", own.only().id), "killed at {point}");
        point += 1;
    }
    println!(
        "killed at {point} points, at {without} of them with nothing under the key, at {spares} with a spare"
    );
    assert!(point > 30 && without > 2 && spares > without, "{point} {without} {spares}");
}

#[test]
fn whichever_of_two_that_upgrade_one_after_the_other_are_killed_the_third_has_all_values() {
    let mut rounds = 0;
    for first in (0..).step_by(7) {
        let mut last = false;
        for second in (0..).step_by(4) {
            let own = Name::new();
            let name = &own.name;
            peer!().start_with("upgrade").ask(format!("create {name} 17"));
            let Some(mut stopped) = stopped_at(first, name) else { return skip("ptrace is forbidden here") };
            stopped.traced.kill();
            last |= stopped.ended;
            let Some(mut stopped) = stopped_at(second, name) else { return skip("ptrace is forbidden here") };
            stopped.traced.kill();
            assert_upgraded(&upgrade(name).unwrap_or_else(|error| panic!("{first}, {second}: {error}")), 17);
            assert!(own.spares().is_empty(), "{first}, {second}: {:?}", own.spares());
            own.only();
            rounds += 1;
            if stopped.ended {
                break;
            }
        }
        if last {
            break;
        }
    }
    println!("{rounds} pairs of points");
}

#[test]
fn an_old_segment_of_any_bytes_is_upgraded_or_refused_and_never_more() {
    let seed = soon() | 1;
    println!("seed {seed}");
    let mut random = seed;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random).expect("64 bits") % below
    };
    let (mut upgraded, mut refused) = (0, 0);
    for _ in 0..600 {
        let own = Name::new();
        let old = options::<Old>(&own.name).create_with(|old| fill(old, 1)).expect("new");
        let raw = Raw::attach(old.id());
        for _ in 0..1 + next(3) {
            // Each of the parts as often: the struct, the texts, the footer but for its state.
            let (from, to) = match next(3) {
                0 => (0, size_of::<Old>()),
                1 => (size_of::<Old>(), raw.footer()),
                _ => (raw.footer() + 4, raw.size()),
            };
            let byte = u8::try_from(next(256)).expect("a byte");
            raw.write(from + next(to - from), &[byte]);
        }
        match options::<New>(&own.name).wait(Duration::from_millis(5)).upgrade(init).open() {
            Ok(new) => {
                assert_ne!(new.id(), old.id());
                upgraded += 1;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                assert_eq!(own.only().id, old.id());
                refused += 1;
            }
        }
        assert!(own.spares().is_empty());
    }
    println!("{upgraded} upgraded, {refused} refused");
    assert!(upgraded > 100 && refused > 100);
}

#[test]
fn a_key_by_its_name_and_by_its_number_have_one_upgrade() {
    let own = Name::new();
    let _old = options::<Old>(&own.name).create_with(|old| fill(old, 1)).expect("new");
    let mut peer = peer!().start_with("upgrade");
    peer.send(format!("upgrade open {} 0", own.name));
    let mut by_number = options::<New>(&own.name);
    let new =
        by_number.key(Key::fixed(key_of(&own.name).cast_unsigned())).upgrade(init).open().expect("upgraded");
    assert_eq!(peer.answer().expect("upgraded"), format!("{} 1 true", new.id()));
    assert!(own.spares().is_empty());
}

#[test]
fn what_was_written_to_the_old_segment_after_an_upgrade_died_is_not_undone() {
    for clock_was_set_back in [false, true] {
        let own = Name::new();
        let name = &own.name;
        let old = options::<Old>(name).create_with(|old| fill(old, 1)).expect("new").attach().expect("ours");
        if clock_was_set_back {
            let raw = Raw::attach(old.segment().id());
            raw.write(raw.footer() + SEALED_AT, &(soon() + 3_600_000_000_000).to_le_bytes());
        }
        // Until the spare is ready, and the old one is still there.
        let is_ready = |spare: &Row| Raw::attach(spare.id).state() == READY;
        let ready = || own.spares().first().is_some_and(is_ready).then_some(());
        if own.left_by_the_dead(|point| stopped_at(point, name), ready).is_none() {
            return skip("ptrace is forbidden here");
        }
        assert_eq!(own.only().id, old.segment().id());
        fill(&old, 2);
        assert_upgraded(&upgrade(name).expect("upgraded"), 2);
        assert!(own.spares().is_empty());
    }
}

#[test]
fn an_empty_old_segment_made_while_an_upgrade_was_dead_gets_the_values_from_before() {
    let own = Name::new();
    let name = &own.name;
    let mut creator = peer!().start_with("upgrade");
    creator.ask(format!("create {name} 21"));
    if own.left_by_the_dead(|point| stopped_at(point, name), || own.is_free().then_some(())).is_none() {
        return skip("ptrace is forbidden here");
    }
    let empty = options::<Old>(name).open_or_create().expect("nothing is there");
    assert_eq!(empty.attach().expect("ours").count.load(Relaxed), 0);
    assert_upgraded(&upgrade(name).expect("upgraded"), 21);
    assert!(own.spares().is_empty());
}

#[test]
fn an_upgrade_that_another_process_completes_or_is_killed_in_between_any_two_looks_is_found() {
    let sleep = Stop::entry(libc::SYS_clock_nanosleep);
    for (point, is_killed) in (0..).flat_map(|point| [(point, true), (point, false)]) {
        let own = Name::new();
        let name = &own.name;
        peer!().start_with("upgrade").ask(format!("create {name} 29"));
        let Some(mut first) = stopped_at(0, name) else { return skip("ptrace is forbidden here") };
        while own.spares().is_empty() {
            assert!(first.traced.step().is_some(), "it has a spare at some time");
        }
        let Some(mut second) = stopped_at(0, name) else { return skip("ptrace is forbidden here") };
        // That is when it has looked at all, and waits.
        let waits = (0..point).any(|_| second.traced.step() == Some(sleep));
        if is_killed {
            // When it has removed the old one: the values are in its spare only.
            while !own.is_free() {
                assert!(first.traced.step().is_some(), "it removes the old one at some time");
            }
            first.traced.kill();
        } else {
            first.traced.go_on();
            assert_eq!(first.traced.ends(), 0);
        }
        assert_eq!(second.traced.finish(), "", "stopped at {point}, {is_killed}");
        assert_upgraded(&options::<New>(name).open().expect("there"), 29);
        assert!(own.spares().is_empty(), "{:?}", own.spares());
        own.only();
        if waits && !is_killed {
            assert!(point > 10, "{point}");
            return;
        }
    }
}

/// Has an upgrade killed that leaves a spare and, under the key, a new segment that is half-made: this one.
fn half_made(own: &Name, count: u64) -> Option<Raw> {
    let name = &own.name;
    let stopped_at = |point| {
        if own.is_free() {
            peer!().start_with("upgrade").ask(format!("create {name} {count}"));
        }
        stopped_at(point, name)
    };
    own.left_by_the_dead(stopped_at, || {
        let rows = oracle::with_key(key_of(name));
        rows.first().map(|row| Raw::attach(row.id)).filter(|raw| raw.state() != READY)
    })
}

#[test]
fn what_was_left_half_made_and_is_replaced_between_two_looks_is_no_error() {
    let own = Name::new();
    let name = &own.name;
    if half_made(&own, 31).is_none() {
        return skip("ptrace is forbidden here");
    }
    let Some(mut second) = stopped_at(0, name) else { return skip("ptrace is forbidden here") };
    // It has looked at the one under the key, and is about to look for the spare.
    second.traced.run_to(libc::SYS_shmget);
    assert_upgraded(&upgrade(name).expect("upgraded"), 31);
    assert!(own.spares().is_empty(), "{:?}", own.spares());
    assert_eq!(second.traced.finish(), "");
    own.only();
}

#[test]
fn an_upgrade_waits_for_those_who_look_at_what_a_dead_one_left_half_made() {
    let own = Name::new();
    let name = &own.name;
    let Some(half_made) = half_made(&own, 23) else { return skip("ptrace is forbidden here") };
    let id = own.only().id;
    let mut next = peer!().start_with("upgrade");
    next.send(format!("upgrade open {name} 0"));
    // It has looked at what is half-made, to which this process is attached.
    eventually(|| oracle::by_id(id).is_some_and(|row| row.lpid == next.pid()));
    assert!(next.is_silent(Duration::from_millis(400)));
    drop(half_made);
    assert_eq!(next.answer().expect("upgraded"), format!("{} 1 true", own.only().id));
    assert_upgraded(&upgrade(name).expect("there"), 23);
    assert!(own.spares().is_empty());
}

#[test]
fn a_still_newer_program_goes_on_where_an_upgrade_was_killed() {
    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(private, type_name = "Ledger")]
    struct Newest {
        count: AtomicU64,
        pattern: [u64; 16],
        total: Mutex<Pair>,
        last: SeqLock<Pair>,
        valid: bool,
        letter: char,
        inits: AtomicU32,
        added: [u64; 600],
        newest: u8,
    }
    let mut without = 0;
    for point in (0..).step_by(2) {
        let own = Name::new();
        let name = &own.name;
        peer!().start_with("upgrade").ask(format!("create {name} 25"));
        let Some(mut stopped) = stopped_at(point, name) else { return skip("ptrace is forbidden here") };
        stopped.traced.kill();
        let in_spare = own.is_free();
        without += usize::from(in_spare);
        let newest = options::<Newest>(name).upgrade(|newest| newest.newest.set(9)).open();
        let newest = newest.unwrap_or_else(|error| panic!("{point}: {error}"));
        assert_eq!(own.only().id, newest.id());
        assert!(own.spares().is_empty(), "{point}: {:?}", own.spares());
        let newest = newest.attach().expect("ready");
        assert_eq!((newest.count.load(Relaxed), newest.newest.get()), (25, 9), "{point}");
        assert!(is_whole(25, &newest.pattern) && newest.valid.get());
        // What the version between them had given its fields.
        assert_eq!(newest.added[0].get(), if in_spare { ADDED } else { newest.added[599].get() });
        if stopped.ended {
            break;
        }
    }
    assert!(without > 0);
}

#[test]
fn while_a_living_process_upgrades_the_others_wait_and_say_for_which() {
    let own = Name::new();
    let name = &own.name;
    let _old = options::<Old>(name).create_with(|old| fill(old, 1)).expect("new");
    let mut point = 0;
    let mut stopped = loop {
        let Some(mut stopped) = stopped_at(point, name) else { return skip("ptrace is forbidden here") };
        assert!(!stopped.ended, "it has a spare at some time");
        if !own.spares().is_empty() {
            break stopped;
        }
        stopped.traced.kill();
        point += 1;
    };
    let error =
        options::<New>(name).wait(Duration::from_millis(20)).upgrade(init).open().expect_err("it lives");
    let ErrorKind::NotReady { creator_pid, .. } = error.kind() else { panic!("{error}") };
    assert_eq!(creator_pid.unsigned_abs(), stopped.traced.pid());
    stopped.traced.go_on();
    assert_eq!(stopped.traced.ends(), 0);
    assert_upgraded(&upgrade(name).expect("upgraded"), 1);
}

#[test]
fn a_lock_is_free_in_the_new_segment_and_one_that_was_held_reports_it() {
    for held in [false, true] {
        let own = Name::new();
        let name = &own.name;
        let mut holder = peer!().start_with("upgrade");
        holder.ask(format!("create {name} 1"));
        let old = options::<Old>(name).open().expect("there").attach().expect("ready");
        let pair = Pair { low: 3, high: 4 };
        old.total.lock().expect("free").set(pair);
        if held {
            holder.ask("hold-lock");
        }
        let new = upgrade(name).expect("upgraded").attach().expect("ready");
        match (held, new.total.try_lock()) {
            (false, Ok(guard)) => assert_eq!(guard.get(), pair),
            (true, Err(LockError::OwnerDied(died))) => {
                assert_eq!(died.into_guard().get(), Pair { low: 1, high: 4 });
            }
            (_, other) => panic!("{held}: {other:?}"),
        }
        assert!(new.total.try_lock().is_ok());
    }
}

#[test]
fn a_sequence_lock_has_its_last_value_and_no_writer() {
    for writes in 1..4 {
        let own = Name::new();
        let old = options::<Old>(&own.name).create().expect("new").attach().expect("ours");
        let mut writer = old.last.writer().expect("the first");
        for low in 0..writes {
            writer.write(&Pair { low, high: low + 100 }).expect("ours");
        }
        let new = upgrade(&own.name).expect("upgraded").attach().expect("ready");
        assert_eq!(new.last.read().expect("whole"), Pair { low: writes - 1, high: writes + 99 });
        let mut next = new.last.writer().expect("there is none, though the old one lives");
        next.write(&Pair { low: 0, high: 0 }).expect("ours");
        assert_eq!(new.last.read().expect("whole"), Pair { low: 0, high: 0 });
    }
}

#[test]
fn a_sequence_lock_is_taken_over_whole_while_it_is_written() {
    let own = Name::new();
    let old = options::<Old>(&own.name).create().expect("new").attach().expect("ours");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut writer = old.last.writer().expect("the first");
            let mut low = 0;
            while !stop.load(Relaxed) {
                low += 1;
                writer.write(&Pair { low, high: !low }).expect("ours");
            }
        });
        eventually(|| old.last.read().is_ok_and(|pair| pair.low > 0));
        let new = upgrade(&own.name).expect("upgraded").attach().expect("ready");
        stop.store(true, Relaxed);
        writing.join().expect("it writes");
        let pair = new.last.read().expect("whole");
        assert_eq!(pair.high, !pair.low);
    });
}

#[test]
fn a_panic_of_the_initialiser_leaves_the_old_segment_as_it_was() {
    let own = Name::new();
    let old = options::<Old>(&own.name).create_with(|old| fill(old, 1)).expect("new");
    let panicked = std::panic::catch_unwind(|| {
        options::<New>(&own.name).upgrade(|_| panic!("on purpose")).open().map(drop)
    });
    assert!(panicked.is_err());
    assert!(old.is_current().expect("asked") && own.spares().is_empty());
    assert_upgraded(&upgrade(&own.name).expect("upgraded"), 1);
}

#[test]
fn a_bare_struct_is_not_upgraded() {
    #[derive(Debug, SharedSegment)]
    #[repr(C)]
    #[shm(private, bare)]
    struct Bare {
        count: u64,
    }
    let own = Name::new();
    let error = options::<Bare>(&own.name).upgrade(|_| ()).open_or_create().expect_err("bare");
    assert!(matches!(error.kind(), ErrorKind::InvalidInput { .. }), "{error}");
    assert!(error.to_string().contains("bare"), "{error}");
}

#[test]
fn a_seal_that_claims_more_than_its_segment_has_is_an_error_and_nothing_is_removed() {
    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(private, type_name = "Ledger")]
    struct Long {
        first: [u64; 10],
        more: [u64; 600],
    }
    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(private, type_name = "Ledger")]
    struct Claimed {
        first: [u64; 10],
    }
    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(private, type_name = "Ledger")]
    struct Short {
        first: [u8; 80],
        second: [u8; 8],
    }
    let own = Name::new();
    let old = options::<Short>(&own.name).create().expect("new");
    let raw = Raw::attach(old.id());
    // The text of a schema that is consistent, of fields that lie beyond the segment.
    let schema = "struct Ledger size 4000 align 8\n  first @0 [500] u64\n";
    let text = old.attach().expect("ours").schema().expect("sealed").to_string();
    let padded = format!("{schema}{}", "\n".repeat(text.len() - schema.len()));
    raw.write(88, padded.as_bytes());
    // Its length, as it is claimed.
    raw.write(raw.footer() + 24, &u32::try_from(schema.len()).expect("short").to_le_bytes());
    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(private, type_name = "Ledger")]
    struct Fitting {
        first: [u64; 500],
        more: u64,
    }
    let error = options::<Fitting>(&own.name).upgrade(|_| ()).open().expect_err("it cannot be");
    assert!(matches!(error.kind(), ErrorKind::BadSeal { .. }), "{error}");
    assert_eq!(own.only().id, old.id());
    assert!(own.spares().is_empty());
    // Of the honest one of that shape, the same struct is upgraded.
    let honest = Name::new();
    let claimed = options::<Claimed>(&honest.name).create().expect("new").attach().expect("ours");
    claimed.first[9].set(9);
    let new = options::<Long>(&honest.name).upgrade(|new| new.more[599].set(1)).open().expect("upgraded");
    let new = new.attach().expect("ready");
    assert_eq!((new.first[9].get(), new.more[599].get()), (9, 1));
}

#[test]
fn what_is_passed_on_is_in_the_new_segment_and_all_roles_are_free_there() {
    let own = Name::new();
    let old = options::<OldPassed>(&own.name).create().expect("new").attach().expect("ours");
    let pair = |low| Pair { low, high: !low };
    let (mut latest, mut ring) = (old.latest.writer().expect("free"), old.ring.writer().expect("free"));
    let (mut sender, mut receiver) = (old.wire.sender().expect("free"), old.wire.receiver().expect("free"));
    for low in 0..6 {
        latest.write(&pair(low)).expect("ours");
        ring.write(&pair(low)).expect("ours");
        sender.send(&pair(low)).expect("ours");
        old.jobs.send(&pair(low)).expect("room");
        if low < 3 {
            assert_eq!(receiver.receive().expect("ours"), pair(low));
            old.jobs.receive().expect("there").done().expect("ours");
        }
    }
    let (mut feed, mut lines) = (old.feed.writer().expect("free"), old.lines.sender().expect("free"));
    for line in [&b"one"[..], b"two"] {
        feed.write(line).expect("ours");
        lines.send(line).expect("room");
    }
    let _mine = old.jobs.receive().expect("there");
    let returned = old.jobs.receive().expect("there");
    drop(returned);

    let new = options::<NewPassed>(&own.name).upgrade(|new| new.added.set(7)).open().expect("upgraded");
    let new = new.attach().expect("ready");
    let reading = new.latest.read().expect("whole");
    assert_eq!((reading.value, reading.version), (pair(5), 6));
    assert_eq!(reading.written(), old.latest.read().expect("whole").written());
    let mut reader = new.ring.reader();
    assert_eq!(reader.position(), 6);
    reader.rewind();
    assert!((3..6).all(|low| reader.try_read().expect("there") == pair(low)));
    let mut receiver = new.wire.receiver().expect("free");
    assert!((3..6).all(|low| receiver.try_receive().expect("there") == pair(low)));
    assert!(new.wire.sender().is_ok() && new.latest.writer().is_ok() && new.ring.writer().is_ok());
    let mut feed = new.feed.reader();
    assert_eq!(feed.position(), 2);
    feed.rewind();
    let mut lines = new.lines.receiver().expect("free");
    let mut line = Vec::new();
    for expected in [&b"one"[..], b"two"] {
        feed.try_read_into(&mut line).expect("there");
        assert_eq!(line, expected);
        lines.try_receive_into(&mut line).expect("there");
        assert_eq!(line, expected);
    }
    assert!(new.feed.writer().is_ok() && new.lines.sender().is_ok());
    // What this process has is given again, as what it gave back.
    let next = new.jobs.receive().expect("there");
    assert_eq!((*next, next.is_redelivered()), (pair(5), false));
    for low in [3, 4] {
        let again = new.jobs.receive().expect("there");
        assert_eq!((*again, again.is_redelivered()), (pair(low), true));
        again.done().expect("ours");
    }
    assert!(matches!(old.jobs.send(&pair(6)), Err(QueueError::Upgraded)));
    assert!(matches!(old.jobs.try_receive(), Err(QueueError::Upgraded)));
    assert!(matches!(new.jobs.try_receive(), Err(QueueError::Empty)));
}

#[test]
fn what_is_passed_on_without_a_pause_is_taken_over_whole_or_left_out() {
    let own = Name::new();
    let old = options::<OldPassed>(&own.name).create().expect("new").attach().expect("ours");
    let pair = |low| Pair { low, high: !low };
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let passing = scope.spawn(|| {
            let mut ring = old.ring.writer().expect("free");
            let (mut sender, mut receiver) =
                (old.wire.sender().expect("free"), old.wire.receiver().expect("free"));
            for low in 0.. {
                if stop.load(Relaxed) {
                    break;
                }
                ring.write(&pair(low)).expect("ours");
                sender.send(&pair(low)).expect("ours");
                // Refused from the upgrade on.
                let sent = old.jobs.send(&pair(low));
                if low > 1 {
                    receiver.receive().expect("there");
                    let job = sent.and_then(|()| old.jobs.receive());
                    if let Ok(job) = job {
                        job.done().expect("ours");
                    }
                }
            }
        });
        eventually(|| old.ring.written() > 100);
        let new = options::<NewPassed>(&own.name).upgrade(|_| {}).open().expect("upgraded");
        stop.store(true, Relaxed);
        passing.join().expect("it passes on");
        let new = new.attach().expect("ready");
        let whole = |pair: Pair| pair.high == !pair.low;
        let mut reader = new.ring.reader();
        reader.rewind();
        let mut seen = Vec::new();
        reader.read_into(&mut seen, 10).expect("there");
        new.wire.receiver().expect("free").receive_into(&mut seen, 10).expect("counts that can be");
        loop {
            match new.jobs.try_receive() {
                Ok(job) => {
                    seen.push(*job);
                    job.done().expect("ours");
                }
                Err(QueueError::Empty) => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(seen.into_iter().all(whole));
        new.jobs.send(&pair(0)).expect("a lock that is free");
    });
}
