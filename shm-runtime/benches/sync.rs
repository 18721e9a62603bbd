//! The locks beside those of std and pthreads, a sequence lock's read beside a bulk copy, and an event beside the bare
//! futex. Where it says so, between two processes.
//!
//! `cargo bench --bench sync -- --ratios` prints the table alone.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use criterion::Criterion;
use shm_runtime::{Attached, Shareable, Shared, SharedSegment, sync};

use support::{Ratio, compare, ratios_only};

mod support;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Board {
    lock: sync::Mutex<u64>,
    apart: [u64; 8],
    /// The memory of a `pthread_mutex_t`.
    pthread: [u64; 8],
    count: u64,
    small: sync::SeqLock<[u64; 8]>,
    medium: sync::SeqLock<[u64; 64]>,
    large: sync::SeqLock<[u64; 512]>,
    plain: [u64; 512],
    ping: sync::Event,
    pong: sync::Event,
    latest: sync::Latest<[u64; 8]>,
    raw_ping: AtomicU32,
    raw_pong: AtomicU32,
    /// What the other process does: a number of the round, and in the low bits which of two things.
    order: AtomicU64,
    done: AtomicU64,
}

/// A robust mutex for several processes, as pthreads has it.
struct Pthread(*mut libc::pthread_mutex_t);

impl Pthread {
    fn new(board: &Attached<Board>) -> Self {
        let mutex = board.pthread.as_mut_ptr().cast();
        let mut attributes = MaybeUninit::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: there is room for both; the memory is mapped, aligned and used for nothing else.
        unsafe {
            assert!(size_of::<libc::pthread_mutex_t>() <= 64);
            libc::pthread_mutexattr_init(attributes);
            libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED);
            libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST);
            assert_eq!(libc::pthread_mutex_init(mutex, attributes), 0);
        }
        Self(mutex)
    }

    #[inline(always)]
    fn increment(&self, count: &Shared<u64>) {
        // SAFETY: initialised above, and mapped for as long as the benchmark runs.
        assert_eq!(unsafe { libc::pthread_mutex_lock(self.0) }, 0);
        count.set(count.get() + 1);
        // SAFETY: locked here.
        unsafe { libc::pthread_mutex_unlock(self.0) };
    }
}

/// std's mutex, whose value is accessed as a shared one is: by atomics.
struct Std(std::sync::Mutex<AtomicU64>);

impl Std {
    #[inline(always)]
    fn increment(&self) {
        let count = self.0.lock().unwrap();
        count.store(count.load(Relaxed) + 1, Relaxed);
    }
}

// All three inlined: what is compared is the lock, and not how many registers a call saves.
#[inline(always)]
fn increment(board: &Attached<Board>) {
    let count = board.lock.lock().unwrap();
    count.set(count.get() + 1);
}

/// A process that runs `serve`, killed at the end.
struct Other(libc::pid_t);

impl Other {
    fn new(serve: impl FnOnce()) -> Self {
        // SAFETY: this program has one thread here, so that the child may do anything.
        match unsafe { libc::fork() } {
            0 => {
                serve();
                std::process::abort();
            }
            pid => Self(pid),
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // SAFETY: takes a number, the id of a child that was not waited for.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
        // SAFETY: waits for that child, without asking for its status.
        unsafe { libc::waitpid(self.0, std::ptr::null_mut(), 0) };
    }
}

/// Increments of each of the two processes in a round.
const INCREMENTS: u64 = 20_000;

/// Two processes at one lock: each makes its increments, and the round ends when both have.
fn contended(board: &Attached<Board>, pthread: &Pthread) -> Ratio {
    let work = |theirs: bool| {
        for _ in 0..INCREMENTS {
            match theirs {
                true => pthread.increment(&board.count),
                false => increment(board),
            }
        }
    };
    let mut last = board.order.load(Acquire);
    let _other = Other::new(|| {
        loop {
            let order = board.order.load(Acquire);
            if order != last {
                work(order & 1 == 1);
                board.done.fetch_add(1, Release);
                last = order;
            }
            std::hint::spin_loop();
        }
    });
    let round = |theirs: bool| {
        let before = board.done.load(Relaxed);
        let order = board.order.load(Relaxed);
        board.order.store((order | 1) + 1 + u64::from(theirs), Release);
        work(theirs);
        while board.done.load(Acquire) == before {
            std::hint::spin_loop();
        }
    };
    compare(|| round(false), || round(true))
}

/// One value there and back between two processes that sleep until it comes.
fn round_trip(board: &Attached<Board>) -> Ratio {
    let event = || {
        let pong = board.pong.listen();
        board.ping.notify_all();
        pong.wait();
    };
    let raw = || {
        let seen = board.raw_pong.load(Acquire);
        board.raw_ping.fetch_add(1, Release);
        futex(&board.raw_ping, libc::FUTEX_WAKE, i32::MAX.unsigned_abs());
        while board.raw_pong.load(Acquire) == seen {
            futex(&board.raw_pong, libc::FUTEX_WAIT, seen);
        }
    };
    // Before the fork: from here on, no announcement is missed.
    let mut ping = board.ping.listen();
    let _events = Other::new(|| {
        loop {
            ping.wait();
            ping = board.ping.listen();
            board.pong.notify_all();
        }
    });
    let mut seen = board.raw_ping.load(Acquire);
    let _raws = Other::new(|| {
        loop {
            while board.raw_ping.load(Acquire) == seen {
                futex(&board.raw_ping, libc::FUTEX_WAIT, seen);
            }
            seen = board.raw_ping.load(Acquire);
            board.raw_pong.fetch_add(1, Release);
            futex(&board.raw_pong, libc::FUTEX_WAKE, i32::MAX.unsigned_abs());
        }
    });
    compare(event, raw)
}

fn futex(word: &AtomicU32, operation: i32, value: u32) {
    // SAFETY: the word is mapped; no time-out.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, std::ptr::null::<libc::timespec>())
    };
}

/// A read of a sequence lock that nobody writes beside a copy of as many bytes.
fn reading<const N: usize>(lock: &Shared<sync::SeqLock<[u64; N]>>, plain: &Shared<[u64; 512]>) -> Ratio
where
    [u64; N]: Shareable,
{
    let (mut ours, mut theirs) = ([0; N], [0; N]);
    compare(
        || {
            lock.read_into(&mut ours).unwrap();
            black_box(&mut ours);
        },
        || {
            plain.copy_range_to(..N, &mut theirs);
            black_box(&mut theirs);
        },
    )
}

/// The same by value, beside `get`.
fn reading_by_value<const N: usize>(
    lock: &Shared<sync::SeqLock<[u64; N]>>,
    plain: &Shared<[u64; N]>,
) -> Ratio {
    compare(
        || {
            black_box(lock.read().unwrap());
        },
        || {
            black_box(plain.get());
        },
    )
}

/// A write beside a copy of as many bytes.
fn writing<const N: usize>(lock: &Shared<sync::SeqLock<[u64; N]>>, plain: &Shared<[u64; 512]>) -> Ratio {
    let mut writer = lock.writer().unwrap();
    let value = [7; N];
    compare(|| writer.write(black_box(&value)).unwrap(), || plain.copy_range_from(..N, black_box(&value)))
}

/// A read of the latest value beside one of a sequence lock, of 64 bytes.
fn reading_latest(board: &Attached<Board>) -> Ratio {
    board.latest.writer().unwrap().write(&[7; 8]).unwrap();
    compare(|| _ = black_box(board.latest.read().unwrap()), || _ = black_box(board.small.read().unwrap()))
}

/// A write of the latest value beside one of a sequence lock, and the same with a look at the clock, of 64 bytes.
fn writing_latest(board: &Attached<Board>) -> [Ratio; 2] {
    let (mut latest, mut lock) = (board.latest.writer().unwrap(), board.small.writer().unwrap());
    let value = [7; 8];
    let ours =
        compare(|| latest.write(black_box(&value)).unwrap(), || lock.write(black_box(&value)).unwrap());
    let timed = compare(
        || latest.write(black_box(&value)).unwrap(),
        || {
            black_box(std::time::Instant::now());
            lock.write(black_box(&value)).unwrap();
        },
    );
    [ours, timed]
}

fn main() {
    let segment = Board::create().unwrap().remove_on_drop();
    let board = &segment.attach().unwrap();
    let (pthread, std) = (Pthread::new(board), Std(std::sync::Mutex::default()));
    let [latest, timed] = writing_latest(board);
    let ratios: [(&str, Ratio); 15] = [
        ("lock, uncontended / std::sync::Mutex", compare(|| increment(board), || std.increment())),
        (
            "lock, uncontended / robust pthread",
            compare(|| increment(board), || pthread.increment(&board.count)),
        ),
        ("lock, two processes / robust pthread", contended(board, &pthread)),
        ("read 64 B / copy", reading(&board.small, &board.plain)),
        ("read 512 B / copy", reading(&board.medium, &board.plain)),
        ("read 4 KiB / copy", reading(&board.large, &board.plain)),
        ("read 64 B by value / get", reading_by_value(&board.small, &board.apart)),
        ("read 4 KiB by value / get", reading_by_value(&board.large, &board.plain)),
        ("write 64 B / copy", writing(&board.small, &board.plain)),
        ("write 512 B / copy", writing(&board.medium, &board.plain)),
        ("write 4 KiB / copy", writing(&board.large, &board.plain)),
        ("latest, read 64 B / sequence lock", reading_latest(board)),
        ("latest, write 64 B / sequence lock", latest),
        ("latest, write 64 B / the same and a clock", timed),
        ("event round trip / raw futex", round_trip(board)),
    ];
    println!("time, ours / theirs: median (middle half)");
    for (name, ratio) in ratios {
        println!("{name:<40} {ratio}");
    }
    if ratios_only() {
        return;
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("lock, uncontended");
    group.bench_function("ours", |bencher| bencher.iter(|| increment(board)));
    group.bench_function("std", |bencher| bencher.iter(|| std.increment()));
    group.bench_function("robust pthread", |bencher| bencher.iter(|| pthread.increment(&board.count)));
    group.finish();
    let mut group = criterion.benchmark_group("read 4 KiB");
    group.bench_function("sequence lock", |bencher| bencher.iter(|| board.large.read()));
    group.bench_function("get", |bencher| bencher.iter(|| board.plain.get()));
    group.finish();
    criterion.final_summary();
}
