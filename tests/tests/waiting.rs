//! Opening waits for what does not exist yet, if it is asked to, and no longer than that.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use shm_runtime::msg::Queue;
use shm_runtime::sem::Semaphore;
use shm_runtime::{Error, ErrorKind, Key, Segment, SharedSegment};
use shm_tests::key::OwnKey;
use shm_tests::structs::{Bare, Board};
use shm_tests::temp::TempDir;
use shm_tests::{HANGS, eventually, oracle, peer};

/// What `open` gives, which begins before `then` runs: at that time its thread is asleep in it.
fn begun_before<O: Send>(open: impl FnOnce() -> O + Send, then: impl FnOnce()) -> O {
    thread::scope(|scope| {
        let (send, id) = mpsc::channel();
        let opening = scope.spawn(move || {
            // SAFETY: takes nothing, and cannot fail.
            send.send(unsafe { libc::gettid() }).unwrap();
            open()
        });
        let stat = format!("/proc/self/task/{}/stat", id.recv().unwrap());
        // `id (name) S ..`, and no file when it has ended.
        let state =
            || std::fs::read_to_string(&stat).ok().and_then(|stat| stat.rsplit(") ").next()?.chars().next());
        eventually(|| opening.is_finished() || state() == Some('S'));
        assert!(!opening.is_finished(), "it did not wait");
        then();
        opening.join().unwrap()
    })
}

/// Asserts that it says it waited so long, and was right.
fn assert_waited(error: &Error, start: Instant, wait: Duration) {
    assert!(start.elapsed() >= wait, "{error}");
    let text = error.to_string();
    let said = text.split("It was waited for, for ").nth(1).and_then(|rest| rest.split(' ').next());
    let said: u128 = said.unwrap_or_else(|| panic!("{text}")).parse().unwrap();
    assert!((wait.as_millis()..=start.elapsed().as_millis()).contains(&said), "{text}");
}

#[test]
fn a_segment_is_opened_as_soon_as_another_process_creates_it() {
    let own = OwnKey::new();
    let mut peer = peer!().start();
    let mut options = Board::options();
    options.key(own.key());
    assert!(matches!(options.open().unwrap_err().kind(), ErrorKind::NotFound), "it is asked for");
    options.wait_for_creation(HANGS);
    let mut id = 0;
    let opened = begun_before(|| options.open(), || id = peer.number(format!("create {}", own.value())));
    assert_eq!(opened.unwrap().id(), id);
}

#[test]
fn a_segment_that_was_waited_for_is_initialised_when_it_is_attached() {
    let own = OwnKey::new();
    let mut options = Board::options();
    options.key(own.key()).wait(Duration::ZERO).wait_for_creation(HANGS);
    let value = begun_before(
        || options.open().and_then(|segment| segment.attach_read_only()).map(|board| board.part.value.get()),
        || {
            let mut creator = Board::options();
            creator
                .key(own.key())
                .create_with(|board| {
                    // Longer than the other one takes to open it; if not, it finds the value all the same.
                    let seen = Instant::now();
                    while oracle::by_key(own.value()).is_some_and(|row| row.nattch < 2)
                        && seen.elapsed() < Duration::from_millis(200)
                    {
                        thread::yield_now();
                    }
                    board.part.value.set(7);
                })
                .unwrap();
        },
    );
    assert_eq!(value.unwrap(), 7);
}

#[test]
fn what_nobody_creates_is_not_found_when_the_time_is_over_and_the_error_says_how_long_it_waited() {
    let own = OwnKey::new();
    let wait = Duration::from_millis(30);
    let (mut board, mut semaphore, queue) =
        (Board::options(), Semaphore::options(own.key()), &mut Queue::<u64>::options(own.key()));
    board.key(own.key()).wait_for_creation(wait);
    semaphore.wait_for_creation(wait);
    queue.wait_for_creation(wait);
    let opens: [&dyn Fn() -> Error; 4] = [
        &|| board.open().unwrap_err(),
        &|| board.open_compatible().unwrap_err(),
        &|| semaphore.open().unwrap_err(),
        &|| queue.open().unwrap_err(),
    ];
    for open in opens {
        let start = Instant::now();
        let error = open();
        assert!(matches!(error.kind(), ErrorKind::NotFound), "{error}");
        assert_waited(&error, start, wait);
    }
}

#[test]
fn the_file_of_an_ftok_key_is_waited_for_too() {
    let dir = TempDir::new();
    let path = dir.path().join("later");
    let key = || Key::ftok(&path, b'W');
    let wait = Duration::from_millis(30);
    let start = Instant::now();
    let error = Bare::options().key(key()).wait_for_creation(wait).open().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::KeyFile { .. }), "{error}");
    assert_waited(&error, start, wait);

    let mut created = None;
    let opened = begun_before(
        || Bare::options().key(key()).wait_for_creation(HANGS).open(),
        || {
            std::fs::write(&path, "").unwrap();
            created = Some(Bare::options().key(key()).create().unwrap().remove_on_drop());
        },
    );
    assert_eq!(Some(opened.unwrap().id()), created.as_deref().map(Segment::id));
}

#[test]
fn semaphores_and_queues_are_waited_for_too() {
    let own = OwnKey::new();
    let key = || own.key();
    let semaphore = begun_before(
        || Semaphore::options(key()).wait_for_creation(HANGS).open(),
        || drop(Semaphore::create(key(), 3).unwrap()),
    );
    assert_eq!(semaphore.unwrap().value().unwrap(), 3);
    let queue = begun_before(
        || Queue::<u64>::options(key()).wait_for_creation(HANGS).open(),
        || Queue::create(key()).unwrap().send(1, &9_u64).unwrap(),
    );
    assert_eq!(queue.unwrap().stat().unwrap().messages, 1);
}

#[test]
fn open_or_create_prefers_that_of_another_process_and_creates_when_the_time_is_over() {
    let own = OwnKey::new();
    let mut peer = peer!().start();
    let mut options = Board::options();
    options.key(own.key()).wait_for_creation(HANGS);
    let mut id = 0;
    let opened =
        begun_before(|| options.open_or_create(), || id = peer.number(format!("create {}", own.value())));
    let opened = opened.unwrap();
    assert_eq!(opened.id(), id);
    opened.remove().unwrap();

    let (start, wait) = (Instant::now(), Duration::from_millis(30));
    let created = options.wait_for_creation(wait).open_or_create().unwrap();
    assert!(start.elapsed() >= wait);
    assert_eq!(oracle::by_key(own.value()).unwrap().id, created.id());
    let semaphore = Semaphore::options(own.key()).wait_for_creation(wait).open_or_create(2).unwrap();
    assert_eq!(semaphore.value().unwrap(), 2);
}
