//! Bulk copies while another process writes or reads the same memory.
//!
//! Each test runs for a second; with `TEARING_COPIES=10000000`, until it made as many copies.

use std::env;
use std::os::unix::process::parent_id;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use shm_runtime::{Attached, Segment, Shareable, Shared, SharedSegment};

/// Each scalar only ever has all bits set or none, so any other value was torn.
#[derive(SharedSegment)]
#[repr(C, align(64))]
#[shm(private)]
struct Board {
    stop: AtomicBool,
    running: AtomicBool,
    /// Scalars the other process saw torn.
    torn: AtomicU64,
    /// Scalars the other process saw change.
    changed: AtomicU64,
    octets: [u64; BYTES / 8],
    quads: [u32; BYTES / 4],
    pairs: [u16; BYTES / 2],
}

/// Bytes in an array: the longest copy, and room for it to begin elsewhere.
const BYTES: usize = LENGTHS[LENGTHS.len() - 1] + 64;

/// Bytes in a copy: one of each way that copies are made, but that of 12 MiB and more, which the runtime's own tests
/// look at, as at those that other machines choose.
const LENGTHS: [usize; 6] = [24, 120, 512, 1544, 4096, 64 << 10];

/// Scalars before the copy, on either side, so that vectors lie across cache lines and pages.
const OFFSETS: [usize; 3] = [0, 1, 3];

/// Where a child finds the segment.
const ID: &str = "TEARING_SEGMENT";

trait Scalar: Copy + Default + PartialEq + Shareable + shm_runtime::AlwaysValid {
    const NONE: Self;
    const ALL: Self;
}
macro_rules! scalar {
    ($($type:ty)*) => {$(
        impl Scalar for $type {
            const NONE: Self = <$type>::MIN;
            const ALL: Self = <$type>::MAX;
        }
    )*};
}
scalar! { u64 u32 u16 }

fn is_torn<T: Scalar>(value: T) -> bool {
    value != T::NONE && value != T::ALL
}

#[test]
fn no_scalar_is_torn_when_copied_out_under_a_writer() {
    const NAME: &str = "no_scalar_is_torn_when_copied_out_under_a_writer";
    if let Some(board) = of_parent() {
        let mut ones = false;
        while !finished(&board) {
            ones = !ones;
            fill(&board.octets, ones);
            fill(&board.quads, ones);
            fill(&board.pairs, ones);
        }
        return;
    }
    let peer = Peer::start(NAME);
    let board = &peer.board;
    let mut seen = Seen::default();
    let (mut octets, mut quads, mut pairs) = (vec![0; BYTES / 8], vec![0; BYTES / 4], vec![0; BYTES / 2]);
    let copies = repeat(|length, from, to| {
        copy_out(&board.octets, &mut octets, length / 8, from, to, &mut seen);
        copy_out(&board.quads, &mut quads, length / 4, from, to, &mut seen);
        copy_out(&board.pairs, &mut pairs, length / 2, from, to, &mut seen);
    });
    eprintln!("{copies} copies out, {} of them while it was written", seen.mixed);
    assert!(seen.mixed > 0, "the writer never wrote during a copy: nothing was tested");
    assert_eq!(seen.torn, 0, "torn scalars in {copies} copies");
}

#[test]
fn no_scalar_is_torn_when_copied_in_under_a_reader() {
    const NAME: &str = "no_scalar_is_torn_when_copied_in_under_a_reader";
    if let Some(board) = of_parent() {
        let mut last = false;
        while !finished(&board) {
            look(&board, &board.octets, &mut last);
            look(&board, &board.quads, &mut last);
            look(&board, &board.pairs, &mut last);
        }
        return;
    }
    let peer = Peer::start(NAME);
    let board = &peer.board;
    let mut ones = false;
    let octets = [vec![0; BYTES / 8], vec![u64::MAX; BYTES / 8]];
    let quads = [vec![0; BYTES / 4], vec![u32::MAX; BYTES / 4]];
    let pairs = [vec![0; BYTES / 2], vec![u16::MAX; BYTES / 2]];
    let copies = repeat(|length, from, to| {
        ones = !ones;
        let i = usize::from(ones);
        let (words, halves, quarters) = (length / 8, length / 4, length / 2);
        board.octets.copy_range_from(to..to + words, &octets[i][from..from + words]);
        board.quads.copy_range_from(to..to + halves, &quads[i][from..from + halves]);
        board.pairs.copy_range_from(to..to + quarters, &pairs[i][from..from + quarters]);
    });
    let changed = board.changed.load(Relaxed);
    eprintln!("{copies} copies in, {changed} changes seen");
    assert!(changed > 0, "the reader never read during a copy: nothing was tested");
    assert_eq!(board.torn.load(Relaxed), 0, "torn scalars in {copies} copies");
}

/// Calls `copies` with each length and offset until the time is over; it makes three copies a call.
fn repeat(mut copies: impl FnMut(usize, usize, usize)) -> u64 {
    let wanted = env::var("TEARING_COPIES").map_or(0, |wanted| wanted.parse().expect("a number"));
    let (start, mut made) = (Instant::now(), 0);
    for round in 0.. {
        if made >= wanted && start.elapsed() >= Duration::from_secs(1) {
            break;
        }
        // The longest would take most of the time.
        let lengths = if round % 16 == 0 { &LENGTHS[..] } else { &LENGTHS[..5] };
        for &length in lengths {
            for from in OFFSETS {
                for to in OFFSETS {
                    copies(length, from, to);
                    made += 3;
                }
            }
        }
    }
    made
}

#[derive(Default)]
struct Seen {
    torn: u64,
    /// Copies with scalars of both kinds in them.
    mixed: u64,
}

fn copy_out<T: Scalar, const N: usize>(
    array: &Shared<[T; N]>,
    private: &mut [T],
    len: usize,
    from: usize,
    to: usize,
    seen: &mut Seen,
) {
    let copy = &mut private[to..to + len];
    array.copy_range_to(from..from + len, copy);
    let torn = copy.iter().filter(|&&value| is_torn(value)).count();
    let all = copy.iter().filter(|&&value| value == T::ALL).count();
    seen.torn += torn as u64;
    seen.mixed += u64::from(torn + all > 0 && all < len);
}

fn fill<T: Scalar, const N: usize>(array: &Shared<[T; N]>, ones: bool) {
    array.iter().for_each(|element| element.set(if ones { T::ALL } else { T::NONE }));
}

fn look<T: Scalar, const N: usize>(board: &Shared<Board>, array: &Shared<[T; N]>, last: &mut bool) {
    for element in array.iter() {
        let value = element.get();
        if is_torn(value) {
            board.torn.fetch_add(1, Relaxed);
        }
        if *last != (value == T::ALL) {
            *last = !*last;
            board.changed.fetch_add(1, Relaxed);
        }
    }
}

/// The segment, if this process is the one that a test started.
fn of_parent() -> Option<Attached<Board>> {
    let id = env::var(ID).ok()?.parse().expect("a shmid");
    let board = Segment::<Board>::from_id(id).expect("the segment").attach().expect("a mapping");
    board.running.store(true, Relaxed);
    Some(board)
}

/// Whether the test is over, or has died: then its child belongs to another process.
fn finished(board: &Shared<Board>) -> bool {
    board.stop.load(Relaxed) || env::var("TEARING_PARENT").ok() != Some(parent_id().to_string())
}

/// Another process that runs the same test, and the segment it shares with this one.
struct Peer {
    child: Child,
    board: Attached<Board>,
}

impl Peer {
    fn start(test: &str) -> Self {
        let segment = Board::create().expect("create").remove_on_drop();
        let board = segment.attach().expect("attach");
        let child = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", test])
            .env(ID, segment.id().to_string())
            .env("TEARING_PARENT", std::process::id().to_string())
            .stdout(Stdio::null())
            .spawn()
            .expect("start the other process");
        let mut peer = Self { child, board };
        while !peer.board.running.load(Relaxed) {
            assert!(peer.child.try_wait().expect("wait").is_none(), "the other process ended early");
            std::thread::yield_now();
        }
        // The segment is removed here, and gone when both have detached.
        peer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.board.stop.store(true, Relaxed);
        // It stops by itself; that it has ended is what matters here.
        let _ = self.child.wait();
    }
}
