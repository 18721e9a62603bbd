//! What the text of a schema that another process wrote can cost: memory of a few times its size, an error of a length that
//! one would read, and time in proportion.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use shm_runtime::{ErrorKind, Key, Schema, Segment, SharedSegment};
use shm_tests::key::OwnId;
use shm_tests::seal::{FOOTER, Footer, READY, Raw, VERSION, key_of, raw_create, unique};
use shm_tests::structs::seal::Cell;

/// The longest text that is read of a seal.
const LONGEST: usize = 16 << 20;
/// Of most texts here: long enough for what grows to be seen, and short for a build without optimisation.
const LONG: usize = 2 << 20;
/// Far more than an error's text, and what the machinery of a test takes.
const SMALL: usize = 64 << 10;

/// Counts what is allocated, by all threads.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

impl Counting {
    fn add(size: usize) {
        PEAK.fetch_max(NOW.fetch_add(size, Relaxed) + size, Relaxed);
    }
}

// SAFETY: passes every call on to the system's allocator, and counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are there for a moment.
        Self::add(size);
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// One test at a time, and nothing of another in its figures.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What it gives, and the most memory that it took at a time.
fn measured<R>(run: impl FnOnce() -> R) -> (R, usize) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let began = Instant::now();
    let result = run();
    let took = began.elapsed();
    // Of a build without optimisation too: seconds, where a time that grows with the square would be hours.
    assert!(took < Duration::from_secs(60), "{took:?}");
    (result, PEAK.load(Relaxed) - before)
}

/// A text of as many of these lines as there is room for, below its first line.
fn filled(head: &str, len: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(len);
    text.push_str(head);
    for i in 0.. {
        let line = line(i);
        if text.len() + line.len() > len {
            break;
        }
        text.push_str(&line);
    }
    text
}

/// Texts that are schemas, each made to be dear in its own way.
fn hostile(len: usize) -> Vec<(&'static str, String)> {
    let head = format!("struct S size {} align 8\n", 1_usize << 40);
    let long = |share: usize| "n".repeat(len / share);
    let mut deep = head.clone();
    let mut indent = String::from("  ");
    for _ in 0..60 {
        let _ =
            writeln!(deep, "{indent}{} @0 struct S size {} align 8", "n".repeat(len / 100), 1_usize << 40);
        indent.push_str("  ");
    }
    vec![
        ("many small fields", filled(&head, len, |i| format!("  a @{i} u8\n"))),
        ("many fields without a size", filled(&head, len, |_| "  a @0 [0] u8\n".to_owned())),
        ("many structs", filled(&head, len, |_| "  a @0 struct S size 0 align 1\n".to_owned())),
        ("many arrays in arrays", filled(&head, len, |i| format!("  a @{i} {}u8\n", "[1] ".repeat(60)))),
        (
            "an enum of many variants",
            format!(
                "{}\n",
                filled("struct S size 8 align 8\n  e @0 enum E u8", len - 1, |_| " A=0".to_owned())
            ),
        ),
        ("many enums", filled(&head, len, |i| format!("  a @{i} enum E u8 A=0 B=0 C=0\n"))),
        ("a long name of the struct", format!("struct {} size 8 align 8\n  x @0 u64\n", long(2))),
        ("a long name of a field", format!("{head}  {} @0 u64\n", long(2))),
        (
            "a long name above many fields",
            filled(&format!("{head}  {} @0 struct T size {} align 8\n", long(2), 1_usize << 40), len, |i| {
                format!("    a @{i} u8\n")
            }),
        ),
        (
            "long names above each other and many fields",
            filled(&deep, len, |i| format!("{indent}a @{i} u8\n")),
        ),
        ("a few long names", filled(&head, len, |i| format!("  {}{i} @0 [0] u8\n", long(40)))),
    ]
}

/// Texts that are not, and whose errors could be long.
fn broken(len: usize) -> Vec<(&'static str, String)> {
    let (head, long) = ("struct S size 8 align 8\n", "n".repeat(len / 2));
    vec![
        ("a long field that does not fit", format!("{head}  {long} @8 u64\n")),
        ("a long type", format!("{head}  x @0 {long}\n")),
        ("a long offset", format!("{head}  x @{} u8\n", "9".repeat(len / 2))),
        ("a long length", format!("{head}  x @0 [{}] u8\n", "9".repeat(len / 2))),
        ("a long discriminant", format!("{head}  x @0 enum E u8 A={}\n", "9".repeat(len / 2))),
        ("a long variant", format!("{head}  x @0 enum E u8 {long}\n")),
        ("a long name that is none", format!("{head}  {long}- @0 u8\n")),
        ("a long line", long.clone()),
        ("many spaces", format!("{head}{}", " ".repeat(len / 2))),
        ("controls", format!("{head}  {} @0 u8\n", "\u{1b}".repeat(len / 2))),
        (
            "many fields, and an error at the end",
            format!(
                "{}x\n",
                filled("struct S size 1099511627776 align 8\n", len / 2, |i| format!("  a @{i} u8\n"))
            ),
        ),
    ]
}

/// Short, and without what could confuse a terminal.
#[track_caller]
fn readable(what: &str, text: &str) {
    assert!(text.len() < SMALL, "{what}: {} bytes", text.len());
    assert!(!text.chars().any(|char| char.is_control() && char != '\n'), "{what}");
}

#[test]
fn a_text_takes_memory_for_a_copy_of_it_and_no_more() {
    let _alone = alone();
    for (what, text) in hostile(LONG) {
        let (schema, peak) = measured(|| Schema::parse(&text));
        let schema = schema.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(peak <= text.len() + SMALL, "{what}: {peak} bytes for {}", text.len());
        readable(what, &format!("{schema:?}"));
        assert!(schema == Schema::parse(&text).expect("as before") && schema.to_string() == text, "{what}");
    }
    for (what, text) in broken(LONG) {
        let (error, peak) = measured(|| Schema::parse(&text).expect_err(what));
        assert!(peak <= SMALL, "{what}: {peak} bytes for {}", text.len());
        readable(what, &error.to_string());
        readable(what, &format!("{error:?}"));
    }
}

#[test]
fn a_difference_takes_less_memory_than_the_texts_and_is_short() {
    let _alone = alone();
    let ours = Schema::of::<Cell>();
    let parsed = hostile(LONG);
    let parsed: Vec<_> =
        parsed.iter().map(|(what, text)| (what, Schema::parse(text).expect("a schema"))).collect();
    let others = [&parsed[0].1, &parsed[8].1, &ours];
    for (what, theirs) in &parsed {
        for other in others {
            let texts = theirs.to_string().len() + other.to_string().len();
            for (from, to) in [(theirs, other), (other, theirs)] {
                let (difference, peak) = measured(|| from.difference(to));
                // The table for lists of up to a thousand lines on each side is 2 MiB.
                assert!(peak <= texts + (3 << 20), "{what}: {peak} bytes for {texts}");
                readable(what, &difference);
                assert_eq!(difference.is_empty(), from == to, "{what}");
            }
        }
    }
}

#[test]
fn a_line_that_is_too_long_to_show_is_cut_and_the_rest_is_counted() {
    let _alone = alone();
    let long = format!("struct S size 8 align 8\n  {} @0 u64\n", "n".repeat(1 << 20));
    let other = "struct S size 8 align 8\n  x @0 u64\n";
    let parse = |text: &str| Schema::parse(text).expect("a schema");
    let difference = parse(&long).difference(&parse(other));
    let [gone, come] = difference.lines().collect::<Vec<_>>()[..] else { panic!("{difference}") };
    assert!(gone.starts_with("  - nnnn") && gone.ends_with("nnn...") && gone.len() < 5000, "{}", gone.len());
    assert_eq!(come, "  + x @0 u64");
}

/// A segment with this schema in its seal, of another layout than a `Cell`, or of another key.
fn sealed(value: i32, schema: &str, key: &str) -> OwnId {
    let end = 8 + schema.len() + key.len();
    let size = end.next_multiple_of(8) + FOOTER;
    let id = raw_create(value, size);
    let cleanup = OwnId::new(id);
    let raw = Raw::attach(id);
    raw.write(8, schema.as_bytes());
    raw.write(8 + schema.len(), key.as_bytes());
    let footer = Footer {
        state: READY,
        version: VERSION,
        tail_len: 0,
        fingerprint: 7,
        struct_size: 8,
        schema_len: u32::try_from(schema.len()).expect("small"),
        key_len: u32::try_from(key.len()).expect("small"),
        creator_started: 0,
        creator_pid: std::process::id(),
    };
    raw.write(size - FOOTER, &footer.bytes());
    cleanup
}

#[test]
fn a_seal_with_a_hostile_schema_is_an_error_of_few_bytes_that_took_little_memory() {
    let _alone = alone();
    let longest = filled("struct S size 8 align 8\n", LONGEST, |_| "  a @0 [0] u8\n".to_owned());
    let texts = [("the longest", longest)].into_iter().chain(hostile(LONG)).chain(broken(LONG));
    for (what, text) in texts {
        let segment = sealed(libc::IPC_PRIVATE, &text, "private");
        let opened = Segment::<Cell>::from_id(segment.id()).expect("of this user");
        let (error, peak) = measured(|| opened.attach_read_only().expect_err(what));
        // One copy, whose bytes may change while they are looked at otherwise.
        assert!(peak <= text.len() + SMALL, "{what}: {peak} bytes for {}", text.len());
        let differs = matches!(error.kind(), ErrorKind::LayoutDiffers { .. });
        assert!(differs || matches!(error.kind(), ErrorKind::BadSeal { .. }), "{what}: {error}");
        let (said, peak) = measured(|| format!("{error}\n{error:?}\n{:?}", error.kind()));
        readable(what, &said);
        assert!(peak <= 2 * text.len() + (3 << 20), "{what}: {peak} bytes for {}", text.len());
    }
}

#[test]
fn a_seal_with_a_hostile_key_or_name_is_an_error_of_few_bytes_that_took_little_memory() {
    let _alone = alone();
    let schema = format!("struct {} size 8 align 8\n  x @0 u64\n", "S".repeat(LONGEST - 100));
    for key in ["k".repeat(LONGEST), "\u{1b}[2J".repeat(LONGEST / 4), "ä".repeat(LONGEST / 2)] {
        // Found by a key, whose derivation the seal does not know.
        let value = key_of(&unique());
        let _segment = sealed(value, &schema, &key);
        let mut options = Cell::options();
        let opened = options.key(Key::fixed(value.cast_unsigned())).open().expect("of this user");
        let (error, peak) = measured(|| opened.attach_read_only().expect_err("of another key"));
        assert!(peak <= schema.len() + SMALL, "{peak} bytes for {}", schema.len());
        assert!(matches!(error.kind(), ErrorKind::KeyCollision { .. }), "of another kind");
        readable("a key", &format!("{error}\n{:?}", error.kind()));
    }
}
