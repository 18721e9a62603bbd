//! Does with sealed segments what it is told.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::{Duration, Instant};

use shm_runtime::msg::Queue;
use shm_runtime::sem::Semaphore;
use shm_runtime::{Attached, Error, ErrorKind, Key, Options, ReadOnly, Segment, Shared, SharedSegment};
use shm_tests::seal::FOOTER;
use shm_tests::structs::seal::{Cell, Raw, pattern};

use crate::clock::{Timer, now, until};
use crate::{Answer, Domain, kind, number, say};

/// What is attached until it is dropped by a command.
enum Held {
    Nothing,
    Write(Attached<Cell>),
    Read(Attached<Cell, ReadOnly>),
}

pub(crate) struct Peer {
    held: Held,
}

impl Default for Peer {
    fn default() -> Self {
        // A panic that a command asks for is not news.
        std::panic::set_hook(Box::new(|_| {}));
        Self { held: Held::Nothing }
    }
}

impl Domain for Peer {
    fn follow(&mut self, words: &[&str]) -> Answer {
        follow(words, &mut self.held)
    }
}

fn options(name: &str, wait_ms: u64) -> Options<Cell> {
    let mut options = Cell::options();
    options.key(Key::name(name.to_owned())).wait(Duration::from_millis(wait_ms));
    options
}

fn follow(words: &[&str], held: &mut Held) -> Answer {
    match *words {
        // All start at the same time, and perhaps die soon after.
        ["race", name, start, kill, mode] => {
            let start = Duration::from_nanos(number(start));
            let timer = Timer::kill_at(start, Duration::from_nanos(number(kill)));
            until(start);
            let attached = race(&mut options(name, 20_000), mode);
            drop(timer);
            let attached = attached?;
            let answer = describe(&attached);
            *held = Held::Write(attached);
            Ok(answer)
        }
        // As `race`, but a stale segment is replaced.
        ["reclaim", name, start] => {
            until(Duration::from_nanos(number(start)));
            let mut options = options(name, 20_000);
            let created = options.reclaim_stale(true).create_with(|cell| init(cell, "finish"));
            let attached = match created.and_then(|segment| segment.attach()) {
                Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists { .. }) => {
                    race(&mut options, "finish")
                }
                attached => attached,
            }?;
            let answer = describe(&attached);
            *held = Held::Write(attached);
            Ok(answer)
        }
        ["create", name, mode] => {
            let attached = options(name, 1000).create_with(|cell| init(cell, mode))?.attach()?;
            let answer = describe(&attached);
            *held = Held::Write(attached);
            Ok(answer)
        }
        ["open", name, wait, start] => {
            until(Duration::from_nanos(number(start)));
            let began = Instant::now();
            let segment = options(name, number(wait)).open()?;
            let attached = segment.attach()?;
            let answer = format!("{} {}", describe(&attached), began.elapsed().as_millis());
            *held = Held::Write(attached);
            Ok(answer)
        }
        ["open-read-only", name, wait] => {
            let began = Instant::now();
            let segment = options(name, number(wait)).open()?;
            let attached = segment.attach_read_only()?;
            let answer = format!("{} {}", segment.id(), began.elapsed().as_millis());
            *held = Held::Read(attached);
            Ok(answer)
        }
        ["open-trusting", name, uid] => {
            let segment = options(name, 1000).trust_owner(number(uid)).open()?;
            segment.attach()?;
            Ok(String::new())
        }
        ["create-for-all", name] => {
            let segment = options(name, 1000).mode(0o666).create()?;
            Ok(segment.id().to_string())
        }
        ["current"] => match held {
            Held::Nothing => Ok("nothing".to_owned()),
            Held::Write(attached) => Ok(attached.is_current()?.to_string()),
            Held::Read(attached) => Ok(attached.is_current()?.to_string()),
        },
        ["drop"] => {
            *held = Held::Nothing;
            Ok(String::new())
        }
        // For strace: what is done between the two lines, the second time, when nothing has to be set up any more.
        ["calls", what, name] => {
            for line in ["first", "begin"] {
                // Found and made before the first line.
                let (mut bare, sealed) = (Raw::options(), options(name, 1000));
                bare.key(Key::name(name.to_owned()));
                let _opened = match what {
                    "open" => Some(Ok(sealed.create()?.remove_on_drop())),
                    "open-bare" => Some(Err(bare.create()?.remove_on_drop())),
                    _ => None,
                };
                let key = Key::name(name.to_owned());
                let _set = match what {
                    "open-set" | "open-companion" => {
                        Some(Semaphore::create(key.clone(), 1)?.remove_on_drop())
                    }
                    _ => None,
                };
                let _queue = match what {
                    "open-queue" => Some(Queue::<u64>::create(key.clone())?.remove_on_drop()),
                    _ => None,
                };
                say(line);
                match what {
                    "open-set" => drop(Semaphore::open(key)?),
                    "open-companion" => drop(sealed.semaphore().open()?),
                    "open-queue" => drop(Queue::<u64>::open(key)?),
                    "create" => {
                        let segment = sealed.create()?;
                        segment.attach()?.counter.store(1, Relaxed);
                        segment.remove()?;
                    }
                    "create-bare" => {
                        let segment = bare.create()?;
                        segment.attach()?.counter.store(1, Relaxed);
                        segment.remove()?;
                    }
                    "guard" => {
                        let segment = sealed.create()?.remove_on_drop();
                        segment.attach()?.counter.store(1, Relaxed);
                    }
                    "open" => drop(sealed.open()?.attach()?.counter.load(Relaxed)),
                    "open-bare" => drop(bare.open()?.attach()?.counter.load(Relaxed)),
                    _ => panic!("what is {what}?"),
                }
                say("end");
            }
            Ok(String::new())
        }
        // A creator that gets no further than shmget.
        ["shmget", name, size] => {
            let key = Key::name(name.to_owned()).value()?;
            let flags = libc::IPC_CREAT | libc::IPC_EXCL | 0o600;
            // SAFETY: takes numbers only.
            let id = unsafe { libc::shmget(key, number(size), flags) };
            Ok(id.to_string())
        }
        ["shmat", id] => {
            // SAFETY: without an address, the kernel maps where nothing else is.
            let base = unsafe { libc::shmat(number(id), std::ptr::null(), 0) };
            Ok(base.addr().to_string())
        }
        ["rename"] => {
            // 15 bytes are kept: the last character is cut in two.
            // SAFETY: the name ends in NUL.
            unsafe { libc::prctl(libc::PR_SET_NAME, c"wetterstation-ä".as_ptr()) };
            Ok(String::new())
        }
        ["guard"] => Ok(hole().to_string()),
        ["use", id, wait] => Ok(use_segment(number(id), Duration::from_millis(number(wait)))),
        ["use-for", id, wait, ms] => {
            let (end, wait) =
                (Instant::now() + Duration::from_millis(number(ms)), Duration::from_millis(number(wait)));
            let (mut uses, mut slowest) = (0, Duration::ZERO);
            while Instant::now() < end {
                let began = Instant::now();
                use_segment(number(id), wait);
                slowest = slowest.max(began.elapsed());
                uses += 1;
            }
            Ok(format!("{uses} {}", slowest.as_millis()))
        }
        ["scribble", id, ms] => {
            scribble(number(id), Duration::from_millis(number(ms)));
            Ok(String::new())
        }
        _ => Err("no such command".into()),
    }
}

/// `ID INITS CURRENT WHOLE`.
fn describe(cell: &Attached<Cell>) -> String {
    let whole = (0..16).all(|i| cell.pattern[i].get() == pattern(i));
    let (id, inits) = (cell.segment().id(), cell.inits.load(Relaxed));
    let current = cell.is_current().is_ok_and(|current| current);
    format!("{id} {inits} {current} {whole}")
}

fn race(options: &mut Options<Cell>, mode: &str) -> Result<Attached<Cell>, Error> {
    let open = |mode: &str| options.open_or_create_with(|cell| init(cell, mode))?.attach();
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| open(mode))) {
        Ok(opened) => opened,
        // The initialiser panicked. Once more.
        Err(_) => open("finish"),
    }
}

fn init(cell: &Shared<Cell>, mode: &str) {
    cell.inits.fetch_add(1, Relaxed);
    for i in 0..16 {
        match (mode, i) {
            ("die-first", 0) | ("die-middle", 8) => die(),
            ("panic", 8) => panic!("as asked"),
            _ => {}
        }
        cell.pattern[i].set(pattern(i));
        // Time for the others to look.
        spin(Duration::from_micros(3));
    }
    match mode {
        "die-last" => die(),
        "block" => {
            say("blocked");
            // By the raw descriptor: the loop that reads the commands holds the lock.
            let mut byte = [0_u8];
            // SAFETY: at most one byte is written to one byte.
            while unsafe { libc::read(0, byte.as_mut_ptr().cast(), 1) } == 1 && byte[0] != b'\n' {}
        }
        _ => {}
    }
}

fn die() -> ! {
    // SAFETY: takes numbers only.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    unreachable!("SIGKILL cannot be survived");
}

fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Makes the next mapping of one page have nothing mapped before it and after it; returns where.
fn hole() -> usize {
    let map = |pages: usize| {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: without an address, the kernel maps where nothing else is.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), pages * 4096, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(at, libc::MAP_FAILED);
        at.addr()
    };
    // The kernel takes the highest gap that is large enough, or, in its legacy layout, the lowest: fill those that a page
    // fits in, until pages come one next to the other.
    let (mut last, mut in_order) = (map(1), 0);
    while in_order < 64 {
        let next = map(1);
        in_order = if next.abs_diff(last) == 4096 { in_order + 1 } else { 0 };
        last = next;
    }
    let hole = map(3) + 4096;
    // SAFETY: the middle one of the three pages that were mapped just now, and that nothing else knows.
    unsafe { libc::munmap(std::ptr::with_exposed_provenance_mut(hole), 4096) };
    hole
}

/// Everything that reads a seal, on a segment whose seal may be anything; says how each went.
fn use_segment(id: i32, wait: Duration) -> String {
    let mut answer = String::new();
    let began = Instant::now();
    for compatible in [false, true] {
        let mut options = Cell::options();
        options.wait(wait);
        let segment = match compatible {
            false => options.open_id(id),
            // By its key, if it has one: that compares the key's text too.
            true => options.key(Key::fixed(key_of(id).cast_unsigned())).open_compatible(),
        };
        let segment = match segment {
            Ok(segment) => segment,
            Err(error) => {
                let _ = write!(answer, " open:{}", kind(&error));
                let _ = error.to_string().len();
                continue;
            }
        };
        report(&mut answer, &segment, segment.attach(), |cell| {
            let _ = format!("{cell:?}").len();
            cell.schema()
        });
        report(&mut answer, &segment, segment.attach_read_only(), |cell| {
            let _ = format!("{cell:?}").len();
            cell.schema()
        });
    }
    let _ = write!(answer, " {}", began.elapsed().as_millis());
    answer
}

/// The key of a segment, or one that no segment has.
fn key_of(id: i32) -> i32 {
    let stat = Segment::<Cell>::from_id(id).and_then(|segment| segment.stat());
    match stat.map(|stat| stat.key) {
        Ok(key) if key != 0 => key,
        _ => 1,
    }
}

fn report<A>(
    answer: &mut String,
    segment: &Segment<Cell>,
    attached: Result<A, Error>,
    read: impl FnOnce(&A) -> Result<shm_runtime::Schema, Error>,
) {
    let _ = match attached {
        Ok(cell) => match read(&cell) {
            Ok(schema) => write!(answer, " attached:schema({})", schema.size()),
            Err(error) => write!(answer, " attached:{}({})", kind(&error), error.to_string().len()),
        },
        Err(error) => write!(answer, " {}({})", kind(&error), error.to_string().len()),
    };
    let _ = segment.is_current();
}

/// Writes into the schema and the footer, single bytes, words and whole good seals, until the time is over.
fn scribble(id: i32, time: Duration) {
    let size = Segment::<Cell>::from_id(id).and_then(|segment| segment.stat()).expect("it is there").size;
    // SAFETY: without an address, the kernel maps where nothing else is.
    let base = unsafe { libc::shmat(id, std::ptr::null(), 0) };
    assert_ne!(base.addr(), usize::MAX);
    // SAFETY: `size` bytes are mapped until the process ends, and atomics may change at any time.
    let bytes = unsafe { std::slice::from_raw_parts(base.cast::<AtomicU8>(), size) };
    let good: Vec<u8> = bytes.iter().map(|byte| byte.load(Relaxed)).collect();
    let begin = size_of::<Cell>();
    let (end, mut random) = (Instant::now() + time, u64::from(now().subsec_nanos()) | 1);
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let place = std::fs::metadata("/proc/self/ns/pid").map_or(0, |metadata| metadata.ino());
    while Instant::now() < end {
        let store = |at: usize, new: &[u8]| {
            for (to, byte) in bytes[at..].iter().zip(new) {
                to.store(*byte, Relaxed);
            }
        };
        let below =
            |word: u64, limit: usize| usize::try_from(word % u64::try_from(limit).unwrap_or(1)).unwrap_or(0);
        match next() % 8 {
            0 | 1 => store(begin, &good[begin..]),
            2 => store(begin + below(next(), size - begin), &[next().to_le_bytes()[0]]),
            3 => store(size - FOOTER + 4 * below(next(), FOOTER / 4), &next().to_le_bytes()[..4]),
            // States: each kind, and claims of processes that there cannot be, over and over.
            4 => store(size - FOOTER, &u32::try_from(next() % 8).unwrap_or(0).to_le_bytes()),
            5 => (0..200).for_each(|number: u32| {
                let words = [9, place, 0x3f_ffff].map(|word: u64| word << 22 | u64::from(number));
                let words = words.into_iter().flat_map(u64::to_le_bytes).collect::<Vec<_>>();
                store(size - FOOTER + 64, &words);
                store(size - FOOTER, &(number << 4 | 5).to_le_bytes());
            }),
            6 => store(size - FOOTER + 24, &next().to_le_bytes()),
            _ => store(size - 8, &good[size - 8..]),
        }
    }
}
