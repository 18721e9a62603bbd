//! Processes that race to create, open and write.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use shm_runtime::SharedSegment;
use shm_tests::key::OwnKey;
use shm_tests::structs::{Board, Flicker};
use shm_tests::{oracle, peer};

#[test]
fn of_many_processes_that_open_or_create_at_once_one_creates_and_all_have_the_same() {
    let mut peers: Vec<_> = (0..8).map(|_| peer!().start()).collect();
    for command in ["open_or_create", "open_or_create_with"] {
        for _ in 0..10 {
            let own = OwnKey::new();
            for peer in &mut peers {
                peer.send(format!("{command} {}", own.value()));
            }
            let answers: Vec<String> = peers.iter_mut().map(|peer| peer.line()).collect();
            let row = oracle::by_key(own.value()).unwrap();
            assert!(
                answers.iter().all(|answer| *answer == format!("ok\t{}", row.id)),
                "{answers:?}, {row:?}"
            );
            assert!(peers.iter().any(|peer| peer.pid() == row.cpid));
            if command == "open_or_create_with" {
                // Whoever created it filled it in, and nobody else did.
                let board = Board::options().key(own.key()).open().unwrap().attach().unwrap();
                assert_eq!(board.part.value.get(), u64::from(row.cpid));
            }
        }
    }
}

#[test]
fn of_many_processes_that_create_at_once_one_succeeds() {
    let mut peers: Vec<_> = (0..8).map(|_| peer!().start()).collect();
    for _ in 0..10 {
        let own = OwnKey::new();
        for peer in &mut peers {
            peer.send(format!("create {}", own.value()));
        }
        let mut answers: HashMap<String, usize> = HashMap::new();
        for peer in &mut peers {
            let first = peer
                .line()
                .split(['\t', ' '])
                .take(2)
                .collect::<Vec<_>>()
                .join(" ");
            *answers.entry(first).or_default() += 1;
        }
        let id = oracle::by_key(own.value()).unwrap().id;
        assert_eq!(answers.get(&format!("ok {id}")), Some(&1), "{answers:?}");
        assert_eq!(answers.get("err AlreadyExists"), Some(&7), "{answers:?}");
    }
}

#[test]
fn no_scalar_is_torn_while_another_process_writes() {
    let segment = Board::create().unwrap().remove_on_drop();
    let board = segment.attach().unwrap();
    let mut peer = peer!().start();
    peer.number(format!("from_id {}", segment.id()));
    peer.ask("attach").unwrap();
    let [low, high] = [Flicker::of(0x11), Flicker::of(0xee)];
    board.part.flicker.set(low);
    peer.send("flicker");

    let flicker = &board.part.flicker;
    // Both values have to turn up, or the other process did not write while this one read.
    let (mut lows, mut highs) = (0_u32, 0_u32);
    let end = Instant::now() + Duration::from_secs(30);
    while lows.min(highs) < 5_000 {
        assert!(Instant::now() < end, "{lows} and {highs}");
        for _ in 0..100 {
            let mut row = [0; 9];
            flicker.row.copy_to(&mut row);
            let whole = flicker.get();
            let read = [
                flicker.u64.get(),
                whole.u64,
                flicker.f64.get().to_bits(),
                whole.f64.to_bits(),
            ];
            for value in read.into_iter().chain(row).chain(whole.row) {
                assert!(value == low.u64 || value == high.u64, "torn: {value:#x}");
            }
            for value in [flicker.u32.get(), whole.u32] {
                assert!(value == low.u32 || value == high.u32, "torn: {value:#x}");
            }
            for value in [flicker.u16.get(), whole.u16] {
                assert!(value == low.u16 || value == high.u16, "torn: {value:#x}");
            }
            let seen = if whole.u64 == low.u64 {
                &mut lows
            } else {
                &mut highs
            };
            *seen += 1;
        }
    }
    board.part.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(peer.line(), "ok\tdone");
}
