//! The schema as text: complete, shown by `strings`, and read whatever it is.

use std::process::Command;
use std::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32,
    AtomicU64, AtomicUsize,
};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use shm_runtime::{Schema, Shareable, SharedSegment};
use shm_tests::have;
use shm_tests::seal::{Raw, unique};

/// Every kind of type.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct All {
    a: u8,
    b: u16,
    c: u32,
    d: u64,
    e: usize,
    f: i8,
    g: i16,
    h: i32,
    i: i64,
    j: isize,
    k: f32,
    l: f64,
    m: bool,
    n: char,
    atoms: Atoms,
    grid: [[u8; 3]; 2],
    parts: [[Part<2>; 2]; 3],
    tiny: Tiny,
    low: Low,
    none: [u32; 0],
    r#type: u8,
    größe: u8,
    हिन्दी: u8,
    col·lecció: u8,
}

#[derive(Shareable)]
#[repr(C)]
struct Atoms {
    a: AtomicU8,
    b: AtomicU16,
    c: AtomicU32,
    d: AtomicU64,
    e: AtomicUsize,
    f: AtomicI8,
    g: AtomicI16,
    h: AtomicI32,
    i: AtomicI64,
    j: AtomicIsize,
    k: AtomicBool,
}

#[derive(Shareable)]
#[repr(C, align(32))]
struct Part<const N: usize> {
    values: [f32; N],
    tiny: Tiny,
}

#[derive(Clone, Copy, Shareable)]
#[repr(u8)]
#[allow(dead_code)]
enum Tiny {
    Zero,
    Last = 255,
}

#[derive(Clone, Copy, Shareable)]
#[repr(i64)]
#[allow(dead_code)]
enum Low {
    Min = i64::MIN,
    MinusOne = -1,
    r#Self_ = 0,
    Max = i64::MAX,
}

#[test]
fn the_text_of_every_kind_of_type_can_be_read() {
    let text = Schema::of::<All>().to_string();
    let read = Schema::parse(&text).expect("what was written can be read");
    assert_eq!(read.to_string(), text);
    assert_eq!(read, Schema::of::<All>());
    assert_eq!(read.size(), size_of::<All>());
    consistent(&text);
    for line in [
        "  n @",
        " char\n",
        " atomic usize\n",
        " [2] [3] u8\n",
        "] struct Part size 32 align 32\n",
        "    values @0 [2] f32\n",
        " enum Tiny u8 Zero=0 Last=255\n",
        " enum Low i64 Min=-9223372036854775808 MinusOne=-1 Self_=0 Max=9223372036854775807\n",
        " [0] u32\n",
        "  type @",
        "  größe @",
        "  हिन्दी @",
        "  col·lecció @",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert_eq!(text.lines().filter(|line| line.contains(" @")).count(), 24 + 11 + 2);
}

/// Structs and enums that each differ from all others in one thing: by a macro, because what is the same has to be the same.
mod near {
    use super::*;

    macro_rules! structs {
        ($($module:ident $name:ident { $($field:ident: $type:ty),* })*) => {$(
            pub(crate) mod $module {
                use super::*;
                #[derive(Shareable)]
                #[repr(C)]
                pub(crate) struct $name { $(pub(crate) $field: $type),* }
            }
        )*};
    }
    structs! {
        plain Point { x: u32, y: u32 }
        again Point { x: u32, y: u32 }
        renamed Spot { x: u32, y: u32 }
        field_renamed Point { x: u32, z: u32 }
        swapped Point { y: u32, x: u32 }
        split Point { xy: u32, y: u32 }
        retyped Point { x: u32, y: i32 }
        atomic Point { x: u32, y: AtomicU32 }
        float Point { x: u32, y: f32 }
        array Point { x: u32, y: [u32; 1] }
        nested_array Point { x: u32, y: [[u32; 1]; 1] }
        longer Point { x: u32, y: [u32; 2] }
        wider Point { x: u32, y: u64 }
        extended Point { x: u32, y: u32, z: u32 }
        shortened Point { x: u32 }
        bytes Point { x: [u8; 4], y: u32 }
        long_name Point { a_name_of_more_than_eight_bytes: u32, y: u32 }
        longer_name Point { a_name_of_more_than_eight_bytes_: u32, y: u32 }
        empty_array Point { x: u32, y: u32, none: [u32; 0] }
        inside Point { x: u32, y: plain::Point }
        inside_renamed Point { x: u32, y: renamed::Spot }
        inside_field_renamed Point { x: u32, y: field_renamed::Point }
        choice Point { x: u32, y: super::Tiny }
        other_choice Point { x: u32, y: super::Low }
    }
}

#[test]
fn fingerprints_are_the_same_where_the_texts_are_and_nowhere_else() {
    macro_rules! all {
        ($($module:ident::$name:ident)*) => {
            [$((Schema::of::<near::$module::$name>().to_string(), Schema::fingerprint::<near::$module::$name>())),*]
        };
    }
    let all = all! {
        plain::Point again::Point renamed::Spot field_renamed::Point swapped::Point split::Point retyped::Point
        atomic::Point float::Point array::Point nested_array::Point longer::Point wider::Point extended::Point
        shortened::Point bytes::Point long_name::Point longer_name::Point empty_array::Point inside::Point
        inside_renamed::Point inside_field_renamed::Point choice::Point other_choice::Point
    };
    for (text, fingerprint) in &all {
        for (other_text, other) in &all {
            assert_eq!(text == other_text, fingerprint == other, "of\n{text}and\n{other_text}");
        }
    }
    let texts: std::collections::HashSet<_> = all.iter().map(|(text, _)| text).collect();
    assert_eq!(texts.len(), all.len() - 1, "only `plain` and `again` are the same");
}

#[test]
fn the_fingerprint_is_a_constant_that_no_build_changes() {
    const AT_COMPILE_TIME: u64 = Schema::fingerprint::<near::plain::Point>();
    // A segment may be older than the program that opens it: with another number here, the seal needs another version.
    assert_eq!(AT_COMPILE_TIME, 0xa95f_7787_516f_11fb);
}

#[test]
fn strings_shows_the_schema_of_a_segment() {
    if !have("strings") {
        return;
    }
    let segment = All::create().expect("new").remove_on_drop();
    let raw = Raw::attach(segment.id());
    let dump = std::env::temp_dir().join(unique());
    std::fs::write(&dump, raw.read(0, raw.size())).expect("room for a copy");
    let output = Command::new("strings").args(["-e", "S"]).arg(&dump).output();
    std::fs::remove_file(&dump).expect("ours");
    // The footer's binary words have printable bytes too.
    let shown = String::from_utf8_lossy(&output.expect("it is there").stdout).into_owned();
    for line in Schema::of::<All>().to_string().lines() {
        assert!(shown.contains(line), "{line} in\n{shown}");
    }
    assert!(shown.contains("private") && shown.contains("SysVseal"), "{shown}");
}

/// Checks by a reading of its own that the fields are within their struct, aligned, in order, and not over each other.
fn consistent(text: &str) {
    // Of every struct that is open: its size, its alignment, and the end of its last field.
    let mut open: Vec<(u128, u128, u128)> = Vec::new();
    let number = |word: &str| word.parse::<u128>().expect("a number");
    for line in text.lines() {
        let depth = (line.len() - line.trim_start_matches(' ').len()) / 2;
        let mut words = line.trim_start_matches(' ').split(' ').peekable();
        let mut offset = None;
        if depth > 0 {
            words.next();
            offset = Some(number(&words.next().expect("an offset")[1..]));
        }
        let mut len = 1_u128;
        while let Some(word) = words.next_if(|word| word.starts_with('[')) {
            len = len.checked_mul(number(word.trim_matches(['[', ']']))).expect("not larger than memory");
        }
        let scalar = |name: &str| match name {
            "u8" | "i8" | "bool" => 1,
            "u16" | "i16" => 2,
            "u32" | "i32" | "f32" | "char" => 4,
            "u64" | "i64" | "usize" | "isize" | "f64" => 8,
            other => panic!("{other} in {line}"),
        };
        let words: Vec<&str> = words.collect();
        let (size, align) = match words[..] {
            ["struct", _, "size", size, "align", align] => (number(size), number(align)),
            ["enum", _, repr, ..] | ["atomic", repr] | [repr] => (scalar(repr), scalar(repr)),
            _ => panic!("{line}"),
        };
        open.truncate(depth);
        if let Some(offset) = offset {
            let (outer_size, outer_align, end) = open.last_mut().expect("a field is in a struct");
            assert!(offset >= *end && offset % align == 0 && align <= *outer_align, "{line}");
            *end = offset + size * len;
            assert!(*end <= *outer_size, "{line}");
        }
        assert!(align.is_power_of_two() && size % align == 0, "{line}");
        open.push((size, align, 0));
    }
}

/// Reads a text, which may be anything: it is refused, or consistent. Bounded time, and nothing that could confuse a
/// terminal or fill it.
fn read(text: &str) -> bool {
    let began = Instant::now();
    let parsed = Schema::parse(text);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?} for {} bytes", text.len());
    match parsed {
        Ok(schema) => {
            assert_eq!(schema.to_string(), text);
            consistent(text);
            let ours = Schema::of::<All>();
            let _ = (schema.difference(&ours), ours.difference(&schema));
            assert_eq!(schema.difference(&schema), "");
            true
        }
        Err(error) => {
            let error = error.to_string();
            assert!(error.len() < 2000, "{} bytes of error", error.len());
            assert!(!error.chars().any(char::is_control), "{error:?}");
            false
        }
    }
}

#[test]
fn texts_that_are_made_to_hurt_are_errors() {
    let max = usize::MAX;
    let in_struct = |size: usize, lines: &str| format!("struct S size {size} align 8\n{lines}");
    for text in [
        String::new(),
        "\n".to_owned(),
        "u8".to_owned(),
        "u8\nu8\n".to_owned(),
        "[9] ".repeat(1 << 18),
        format!("{}u8\n", "[9] ".repeat(1 << 18)),
        format!("{}u8\n", "[1] ".repeat(64)),
        format!("[{max}] [{max}] u8\n"),
        format!("[{max}] u16\n"),
        format!("[{max}0] u8\n"),
        "[65537] [0] u8\n".to_owned(),
        "[-1] u8\n".to_owned(),
        "[+1] u8\n".to_owned(),
        "[01] u8\n".to_owned(),
        "[] u8\n".to_owned(),
        "struct S size 8 align 0\n".to_owned(),
        "struct S size 8 align 3\n".to_owned(),
        "struct S size 9 align 8\n".to_owned(),
        "struct S size 8 align 8 \n".to_owned(),
        "struct  size 8 align 8\n".to_owned(),
        "struct a\u{202e}b size 8 align 8\n".to_owned(),
        "struct a\u{1b}[2J size 8 align 8\n".to_owned(),
        in_struct(8, "  x @8 u8\n"),
        in_struct(8, "  x @1 u16\n"),
        in_struct(8, "  x @0 u64\n  y @7 u8\n"),
        in_struct(8, "  x @4 u8\n  y @0 u8\n"),
        in_struct(8, &format!("  x @{max} u8\n")),
        in_struct(max - 7, &format!("  x @8 [{}] u8\n", max - 7)),
        in_struct(8, "  x@0 u8\n"),
        in_struct(8, "  x @0\n"),
        in_struct(8, "  x @0 u9\n"),
        in_struct(8, "   x @0 u8\n"),
        in_struct(8, "    x @0 u8\n"),
        in_struct(8, " x @0 u8\n"),
        in_struct(8, "\tx @0 u8\n"),
        in_struct(8, "  x @0 u8\r\n"),
        in_struct(8, "  \u{1b}]0;title\u{7} @0 u8\n"),
        in_struct(8, "  x @0 \u{1b}[31m\n"),
        in_struct(8, "  x @\u{1b}[31m u8\n"),
        in_struct(8, "  x @0 struct S size 8 align 16\n"),
        in_struct(8, "  x @0 enum E f32 A=0\n"),
        in_struct(8, "  x @0 enum E u8 A\n"),
        in_struct(8, "  x @0 enum E u8 A=+1\n"),
        in_struct(8, "  x @0 enum E u8 A=-0\n"),
        in_struct(8, "  x @0 enum E u8 A=00\n"),
        in_struct(8, &format!("  x @0 enum E u8 A={}\n", "9".repeat(1 << 20))),
        in_struct(8, &format!("  x @0 enum E u8 A=\u{1b}{}\n", "9".repeat(100))),
        " ".repeat(1 << 20),
        "x".repeat(1 << 20),
    ] {
        assert!(!read(&text), "{}", &text[..text.len().min(200)]);
    }
}

#[test]
fn the_deepest_and_the_largest_are_read() {
    let deep = |n: usize| {
        let mut text = String::from("struct S size 8 align 8\n");
        for depth in 1..=n {
            text.push_str(&format!("{}x @0 struct S size 8 align 8\n", "  ".repeat(depth)));
        }
        text
    };
    assert!(read(&deep(63)));
    assert!(!read(&deep(64)));
    assert!(read(&format!("{}u8\n", "[1] ".repeat(63))));
    assert!(read(&format!("struct S size {0} align 8\n  x @0 [{0}] u8\n", usize::MAX - 7)));
    assert!(read(&format!("[0] [{}] u8\n", usize::MAX)));
}

#[test]
fn the_difference_to_a_hostile_schema_takes_bounded_memory_and_few_lines() {
    // A long name above many fields: spelt out before each, 100 gigabytes.
    let fields: String = (0..50_000).map(|i| format!("    f{i} @{i} u8\n")).collect();
    let text = format!(
        "struct S size 65536 align 8\n  {} @0 struct T size 65536 align 8\n{fields}",
        "x".repeat(2 << 20)
    );
    let theirs = Schema::parse(&text).expect("consistent");
    let difference = theirs.difference(&Schema::of::<All>());
    assert!(difference.lines().count() < 300, "{} lines", difference.lines().count());
    assert!(difference.len() < 64 << 10, "{} bytes", difference.len());
    assert!(difference.ends_with(" more lines\n"));
}

/// What one mutation does to the lines of a text.
#[derive(Clone, Debug)]
enum Mutation {
    Flip(prop::sample::Index, u8),
    Delete(prop::sample::Index),
    Duplicate(prop::sample::Index),
    Splice(prop::sample::Index, prop::sample::Index),
    Number(prop::sample::Index, u64),
    Indent(prop::sample::Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), any::<u8>()).prop_map(|(at, bits)| Mutation::Flip(at, bits)),
        index().prop_map(Mutation::Delete),
        index().prop_map(Mutation::Duplicate),
        (index(), index()).prop_map(|(from, to)| Mutation::Splice(from, to)),
        (index(), prop_oneof![0_u64..100, any::<u64>(), u64::MAX - 8..])
            .prop_map(|(at, n)| Mutation::Number(at, n)),
        (index(), 0_usize..8).prop_map(|(at, indent)| Mutation::Indent(at, indent)),
    ]
}

fn mutate(text: &str, mutation: &Mutation) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return String::new();
    }
    let count = lines.len();
    match mutation {
        Mutation::Flip(at, bits) => {
            let mut bytes = text.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        Mutation::Delete(at) => drop(lines.remove(at.index(count))),
        Mutation::Duplicate(at) => lines.insert(at.index(count), lines[at.index(count)].clone()),
        Mutation::Splice(from, to) => lines.insert(to.index(count), lines[from.index(count)].clone()),
        Mutation::Number(at, number) => {
            let line = &mut lines[at.index(count)];
            if let Some(start) = line.find(|c: char| c.is_ascii_digit()) {
                let digits = line[start..].bytes().take_while(u8::is_ascii_digit).count();
                line.replace_range(start..start + digits, &number.to_string());
            }
        }
        Mutation::Indent(at, indent) => {
            let line = &mut lines[at.index(count)];
            *line = format!("{}{}", " ".repeat(*indent), line.trim_start());
        }
    }
    lines.join("\n") + "\n"
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn random_text_is_read_or_refused(text in "\\PC{0,200}", lines in "([ ]{0,4}[a-z@0-9\\[\\]= ]{0,20}\n){0,8}") {
        read(&text);
        read(&lines);
    }

    #[test]
    fn a_mutated_schema_is_refused_or_consistent(mutations in prop::collection::vec(mutation(), 1..4)) {
        let text = Schema::of::<All>().to_string();
        read(&mutations.iter().fold(text, |text, mutation| mutate(&text, mutation)));
    }

    #[test]
    fn a_schema_made_of_its_own_words_is_refused_or_consistent(
        words in prop::collection::vec(prop::sample::select(vec![
            "struct", "S", "size", "align", "8", "16", "0", "1", "@0", "@8", "x", "u8", "u64", "[2]", "[0]", "enum", "atomic",
            "A=1", "\n", "\n  ", "\n    ", "\n  x @0", "\n  y @8", "struct S size 16 align 8", "18446744073709551615",
        ]), 0..30)
    ) {
        read(&(words.join(" ").replace(" \n", "\n").replace("\n ", "\n") + "\n"));
        read(&(words.join(" ").replace(" \n", "\n") + "\n"));
    }
}
