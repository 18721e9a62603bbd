//! Processes that race to create, open and write.

use std::time::{Duration, Instant};

use shm_runtime::SharedSegment;
use shm_tests::child::{Child, Failure};
use shm_tests::key::{Own, OwnKey};
use shm_tests::structs::{Board, Flicker};
use shm_tests::{oracle, peer};

/// Processes that do one thing at the same time.
struct Race {
    gate: Own<Board>,
    peers: Vec<Child>,
    started: usize,
}

impl Race {
    fn new() -> Self {
        let gate = Own::<Board>::create_unattached();
        let mut peers: Vec<_> = (0..4).map(|_| peer!().start()).collect();
        for peer in &mut peers {
            peer.ask(format!("gate {}", gate.id()));
        }
        let started = 0;
        Self { gate, peers, started }
    }

    /// What each of them answers.
    fn run(&mut self, command: &str) -> Vec<Result<String, Failure>> {
        self.started += self.peers.len();
        for peer in &mut self.peers {
            peer.send(format!("race {} {command}", self.started));
        }
        self.peers.iter_mut().map(Child::answer).collect()
    }

    /// The same, where none of them fails.
    fn all(&mut self, command: &str) -> Vec<String> {
        self.run(command).into_iter().map(Result::unwrap).collect()
    }
}

#[test]
fn of_many_processes_that_open_or_create_at_once_one_creates_and_all_have_the_same() {
    let mut race = Race::new();
    assert_eq!(oracle::attached(race.gate.id()), 4);
    for _ in 0..100 {
        let own = OwnKey::new();
        let answers = race.all(&format!("open_or_create {}", own.value()));
        let row = oracle::by_key(own.value()).unwrap();
        assert_eq!(answers, vec![row.id.to_string(); 4]);
        assert!(race.peers.iter().any(|peer| peer.pid() == row.cpid));
    }
}

#[test]
fn of_many_processes_that_open_or_create_at_once_only_the_creator_fills_it_in() {
    let mut race = Race::new();
    for _ in 0..100 {
        let own = OwnKey::new();
        let answers = race.all(&format!("open_or_create_with {}", own.value()));
        let row = oracle::by_key(own.value()).unwrap();
        assert_eq!(answers, vec![row.id.to_string(); 4]);
        let board = Board::options().key(own.key()).open().unwrap().attach().unwrap();
        assert_eq!(board.part.value.get(), u64::from(row.cpid));
    }
}

#[test]
fn of_many_processes_that_create_at_once_one_succeeds() {
    let mut race = Race::new();
    for _ in 0..100 {
        let own = OwnKey::new();
        let answers = race.run(&format!("create {}", own.value()));
        let id = oracle::by_key(own.value()).unwrap().id;
        let (created, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert!(
            refused.iter().all(|refused| refused.as_ref().unwrap_err().kind == "AlreadyExists"),
            "{refused:?}"
        );
        assert_eq!(created.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [id.to_string()]);
    }
}

#[test]
fn no_scalar_is_torn_while_another_process_writes() {
    let segment = Own::<Board>::create();
    let board = segment.attach().unwrap();
    let mut peer = peer!().start();
    peer.number(format!("from_id {}", segment.id()));
    peer.ask("attach");
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
            let read = [flicker.u64.get(), whole.u64, flicker.f64.get().to_bits(), whole.f64.to_bits()];
            for value in read.into_iter().chain(row).chain(whole.row) {
                assert!(value == low.u64 || value == high.u64, "torn: {value:#x}");
            }
            for value in [flicker.u32.get(), whole.u32] {
                assert!(value == low.u32 || value == high.u32, "torn: {value:#x}");
            }
            for value in [flicker.u16.get(), whole.u16] {
                assert!(value == low.u16 || value == high.u16, "torn: {value:#x}");
            }
            let seen = if whole.u64 == low.u64 { &mut lows } else { &mut highs };
            *seen += 1;
        }
    }
    board.part.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(peer.answer().unwrap(), "done");
}
