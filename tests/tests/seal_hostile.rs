//! Hostile seals: whatever is in the footer and in front of it, and while it changes.
//!
//! The segments end where a page does, and the peers that use them have nothing mapped after them: a read past the end
//! kills them.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use shm_runtime::{Key, Schema, SharedSegment};
use shm_tests::child::Child;
use shm_tests::key::OwnKey;
use shm_tests::seal::{Claimant, FOOTER, Footer, MAGIC, READY, Raw, VERSION, key_of, raw_create, unique};
use shm_tests::structs::seal::Cell;
use shm_tests::{peer, seal};

const PAGE: usize = 4096;
/// Milliseconds that a peer waits for a creator, in each of its four attachments.
const WAIT: u64 = 3;

/// A segment of one page, made by a raw call, with a good seal of a `Cell`.
struct Target {
    raw: Raw,
    id: i32,
    good: Vec<u8>,
    _cleanup: OwnKey,
}

impl Target {
    fn new() -> Self {
        let key = key_of(&unique());
        let _cleanup = OwnKey::of(key);
        let id = raw_create(key, PAGE);
        let raw = Raw::attach(id);
        let (schema, source) = (Schema::of::<Cell>().to_string(), "fixed");
        let footer = Footer {
            state: READY,
            version: VERSION,
            tail_len: 0,
            fingerprint: Schema::fingerprint::<Cell>(),
            struct_size: u64::try_from(size_of::<Cell>()).expect("small"),
            schema_len: u32::try_from(schema.len()).expect("small"),
            key_len: u32::try_from(source.len()).expect("small"),
            creator_started: 0,
            creator_pid: std::process::id(),
        };
        raw.write(size_of::<Cell>(), schema.as_bytes());
        raw.write(size_of::<Cell>() + schema.len(), source.as_bytes());
        raw.write(PAGE - FOOTER, &footer.bytes());
        let good = raw.read(0, PAGE);
        Self { raw, id, good, _cleanup }
    }

    fn footer(&self) -> Vec<u8> {
        self.good[PAGE - FOOTER..].to_vec()
    }
}

/// A peer with nothing after the next page that it maps.
fn guarded() -> Child {
    let mut peer = peer!().seal();
    peer.ask("guard");
    peer
}

/// Has the peer open, attach, print and read everything; within the time it is given.
fn try_use(peer: &mut Child, target: &Target) -> String {
    let answer = peer.ask(format!("use {} {WAIT}", target.id));
    let took: u64 = answer.rsplit(' ').next().and_then(|ms| ms.parse().ok()).expect("a time");
    assert!(took < 4 * WAIT + 3000, "{answer}");
    answer
}

#[test]
fn the_seal_that_the_mutations_start_from_is_good() {
    let target = Target::new();
    let answer = try_use(&mut guarded(), &target);
    // By its id and by its key's number, each to read and write, and to read.
    assert_eq!(answer.matches("attached:schema(136)").count(), 4, "{answer}");
    // Our own reading of the format is the library's: a real seal has the same words at the same places.
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let real = Cell::options().key(Key::name(name)).create().expect("new");
    let raw = Raw::attach(real.id());
    let footer = raw.read(raw.footer(), FOOTER);
    let ours = target.footer();
    assert_eq!(footer[..28], ours[..28]);
    assert_eq!(footer[48..52], std::process::id().to_le_bytes());
    assert_eq!(footer[52..56], seal::pid_namespace().to_le_bytes());
    assert_eq!(&footer[FOOTER - 8..], MAGIC);
    assert_eq!(raw.read(size_of::<Cell>(), 20), target.good[size_of::<Cell>()..size_of::<Cell>() + 20]);
}

#[test]
fn a_read_past_the_end_would_be_seen() {
    let target = Target::new();
    let mut peer = peer!().seal();
    let hole = peer.ask("guard");
    // The segment lands in the hole.
    assert_eq!(peer.ask(format!("shmat {}", target.id)), hole);
}

/// Numbers that lengths and sizes break at.
fn word() -> impl Strategy<Value = u64> {
    let page = u64::try_from(PAGE).expect("small");
    prop_oneof![
        any::<u64>(),
        0_u64..300,
        (page - 300)..(page + 300),
        (u64::MAX - 300)..=u64::MAX,
        (u64::from(u32::MAX) - 300)..(u64::from(u32::MAX) + 300),
        // States: those that there are, with pids of all sorts.
        (0_u64..6, any::<u32>()).prop_map(|(state, pid)| u64::from(pid << 4) | state),
    ]
}

fn cases() -> Config {
    Config { failure_persistence: None, cases: 600, ..Config::default() }
}

#[test]
fn any_word_of_the_footer_may_be_anything() {
    let (target, peer) = (Target::new(), RefCell::new(guarded()));
    let places = prop::collection::vec((0_usize..FOOTER / 4, word()), 1..4);
    let result = TestRunner::new(cases()).run(&places, |places| {
        target.raw.write(0, &target.good);
        for (at, word) in &places {
            let bytes = word.to_le_bytes();
            let wide = if at % 2 == 0 { 8 } else { 4 };
            target.raw.write(PAGE - FOOTER + at * 4, &bytes[..wide]);
        }
        try_use(&mut peer.borrow_mut(), &target);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_footer_of_random_bytes_is_an_error() {
    let (target, peer) = (Target::new(), RefCell::new(guarded()));
    let bytes = (prop::collection::vec(any::<u8>(), FOOTER), any::<bool>());
    let result = TestRunner::new(cases()).run(&bytes, |(bytes, with_magic)| {
        target.raw.write(0, &target.good);
        target.raw.write(PAGE - FOOTER, &bytes);
        if with_magic {
            target.raw.write(PAGE - 8, MAGIC);
        }
        let answer = try_use(&mut peer.borrow_mut(), &target);
        prop_assert!(!answer.contains("attached"), "{}", answer);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_texts_may_be_anything() {
    let (target, peer) = (Target::new(), RefCell::new(guarded()));
    let room = PAGE - FOOTER - size_of::<Cell>();
    let texts = (
        prop::collection::vec(any::<u8>(), 0..room),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        0..=u32::try_from(room).expect("small"),
        any::<bool>(),
    );
    let result = TestRunner::new(cases()).run(&texts, |(random, mutations, len, replace)| {
        target.raw.write(0, &target.good);
        if replace {
            target.raw.write(size_of::<Cell>(), &random);
            target.raw.write(PAGE - FOOTER + 24, &len.to_le_bytes());
        }
        for (at, byte) in &mutations {
            target.raw.write(size_of::<Cell>() + at.index(100), &[*byte]);
        }
        // Such that the schema is read to explain what differs.
        target.raw.write(PAGE - FOOTER + 8, &[7]);
        try_use(&mut peer.borrow_mut(), &target);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn segments_with_no_room_for_what_they_claim_are_errors() {
    let mut peer = guarded();
    let good = Target::new().footer();
    for size in (1..=FOOTER + 2 * size_of::<Cell>()).chain([PAGE - 8, PAGE - 1, PAGE]) {
        let key = key_of(&unique());
        let _cleanup = OwnKey::of(key);
        let id = raw_create(key, size);
        let raw = Raw::attach(id);
        // As much of a good footer as there is room for, at the very end.
        let footer = &good[FOOTER.saturating_sub(size)..];
        raw.write(size - footer.len(), footer);
        drop(raw);
        let answer = peer.ask(format!("use {id} {WAIT}"));
        let enough = size >= size_of::<Cell>() + FOOTER && size.is_multiple_of(8);
        assert_eq!(answer.contains("attached"), enough, "{size}: {answer}");
    }
}

#[test]
fn a_claim_that_is_made_over_and_over_is_not_waited_for_longer_than_told() {
    let target = Target::new();
    let mut peer = guarded();
    let dead = {
        let mut gone = peer!().seal();
        let dead = Claimant::of(gone.pid());
        gone.kill();
        dead
    };
    // A claim of a living process, which is never decided.
    target.raw.set_claim(Claimant::of(std::process::id()), true);
    let answer = try_use(&mut peer, &target);
    assert_eq!(answer.matches("NotReady").count(), 4, "{answer}");
    // One of which nothing tells whose it is counts as a living process's.
    target.raw.set_state(8 << 4 | 5);
    let answer = try_use(&mut peer, &target);
    assert_eq!(answer.matches("NotReady").count(), 4, "{answer}");
    // And of a dead one, which another process renews.
    target.raw.set_claim(dead, true);
    let state = &target.raw.bytes()[PAGE - FOOTER..];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                for word in [4, 5] {
                    for (to, byte) in state.iter().zip((7_u32 << 4 | word).to_le_bytes()) {
                        to.store(byte, Relaxed);
                    }
                }
            }
        });
        let answers = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..50 {
                try_use(&mut peer, &target);
            }
        }));
        done.store(true, Relaxed);
        answers.expect("each in its time");
    });
}

#[test]
fn nobody_is_hurt_by_a_process_that_scribbles_over_the_seal() {
    let target = Target::new();
    let mut scribblers: Vec<Child> = (0..2).map(|_| peer!().seal()).collect();
    let mut users: Vec<Child> = (0..3).map(|_| guarded()).collect();
    for scribbler in &mut scribblers {
        scribbler.send(format!("scribble {} 2500", target.id));
    }
    for user in &mut users {
        user.send(format!("use-for {} {WAIT} 2000", target.id));
    }
    for user in &mut users {
        let answer = user.answer_or_end().unwrap_or_else(|| panic!("killed by signal {:?}", user.reap()));
        let answer = answer.unwrap();
        let words: Vec<&str> = answer.split(' ').collect();
        let [uses, slowest] = words[..] else { panic!("{answer}") };
        assert!(uses.parse::<u32>().expect("a number") > 10, "{answer}");
        let slowest = Duration::from_millis(slowest.parse().expect("a time"));
        assert!(slowest < Duration::from_millis(4 * WAIT) + Duration::from_secs(5), "{answer}");
    }
    for scribbler in &mut scribblers {
        assert_eq!(scribbler.answer().unwrap(), "");
    }
}
