//! A C program sees the struct that was written down: gcc and the derive agree on every size and offset.

use std::collections::BTreeMap;
use std::mem::offset_of;
use std::sync::atomic::{AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicU8, AtomicU16};
use std::sync::atomic::{AtomicIsize, AtomicU32, AtomicU64, AtomicUsize};

use shm_runtime::{Schema, Shareable, SharedSegment};
use shm_tests::c::Program;
use shm_tests::key::Own;

/// The C twins of the structs below, and a program that prints `struct.field offset size` and `struct size align`.
const C: &str = r#"
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <uchar.h>

enum signal { GREEN = -1, RED = 300 };

struct scalars {
    uint8_t a; uint16_t b; uint8_t c; uint32_t d; uint8_t e; uint64_t f;
    int8_t g; size_t h; int8_t i; int16_t j; int32_t k; int8_t l; int64_t m; bool n; ssize_t o;
    bool p; float q; bool r; double s; uint8_t t; char32_t u; uint8_t v;
};
struct atomics {
    _Atomic uint8_t a; _Atomic uint16_t b; _Atomic uint8_t c; _Atomic uint32_t d; _Atomic uint8_t e; _Atomic uint64_t f;
    _Atomic int8_t g; _Atomic size_t h; _Atomic int8_t i; _Atomic int16_t j; _Atomic int32_t k; _Atomic int8_t l;
    _Atomic int64_t m; atomic_bool n; _Atomic ssize_t o;
};
struct pair { double speed; uint16_t degrees; };
struct nested { uint8_t first; struct pair pair; uint8_t mid; struct pair pairs[3]; uint8_t last; };
struct grids {
    uint8_t a; uint16_t b[3][5]; uint8_t c; uint64_t d[2][2][2]; uint8_t e[7]; struct pair f[2][3]; uint8_t g;
};
struct line { alignas(64) uint64_t value; };
struct lines { uint8_t a; struct line b; struct line c[2]; uint8_t d; };
struct signals { uint8_t a; int16_t b; uint8_t c; int16_t d[3]; int64_t e; };

#define S(s) printf("%s %zu %zu\n", #s, sizeof(struct s), alignof(struct s))
#define F(s, f) printf("%s.%s %zu %zu\n", #s, #f, offsetof(struct s, f), sizeof(((struct s *)0)->f))

int main(void) {
    S(scalars); F(scalars, a); F(scalars, b); F(scalars, c); F(scalars, d); F(scalars, e); F(scalars, f);
    F(scalars, g); F(scalars, h); F(scalars, i); F(scalars, j); F(scalars, k); F(scalars, l); F(scalars, m);
    F(scalars, n); F(scalars, o); F(scalars, p); F(scalars, q); F(scalars, r); F(scalars, s); F(scalars, t);
    F(scalars, u); F(scalars, v);
    S(atomics); F(atomics, a); F(atomics, b); F(atomics, c); F(atomics, d); F(atomics, e); F(atomics, f);
    F(atomics, g); F(atomics, h); F(atomics, i); F(atomics, j); F(atomics, k); F(atomics, l); F(atomics, m);
    F(atomics, n); F(atomics, o);
    S(pair); F(pair, speed); F(pair, degrees);
    S(nested); F(nested, first); F(nested, pair); F(nested, mid); F(nested, pairs); F(nested, last);
    S(grids); F(grids, a); F(grids, b); F(grids, c); F(grids, d); F(grids, e); F(grids, f); F(grids, g);
    S(line); F(line, value);
    S(lines); F(lines, a); F(lines, b); F(lines, c); F(lines, d);
    S(signals); F(signals, a); F(signals, b); F(signals, c); F(signals, d); F(signals, e);
    printf("GREEN %d\nRED %d\n", (int16_t)GREEN, (int16_t)RED);
    return 0;
}
"#;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
#[rustfmt::skip]
struct Scalars {
    a: u8, b: u16, c: u8, d: u32, e: u8, f: u64,
    g: i8, h: usize, i: i8, j: i16, k: i32, l: i8, m: i64, n: bool, o: isize,
    p: bool, q: f32, r: bool, s: f64, t: u8, u: char, v: u8,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
#[rustfmt::skip]
struct Atomics {
    a: AtomicU8, b: AtomicU16, c: AtomicU8, d: AtomicU32, e: AtomicU8, f: AtomicU64,
    g: AtomicI8, h: AtomicUsize, i: AtomicI8, j: AtomicI16, k: AtomicI32, l: AtomicI8,
    m: AtomicI64, n: AtomicBool, o: AtomicIsize,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Pair {
    speed: f64,
    degrees: u16,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Nested {
    first: u8,
    pair: Pair,
    mid: u8,
    pairs: [Pair; 3],
    last: u8,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Grids {
    a: u8,
    b: [[u16; 5]; 3],
    c: u8,
    d: [[[u64; 2]; 2]; 2],
    e: [u8; 7],
    f: [[Pair; 3]; 2],
    g: u8,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C, align(64))]
struct Line {
    value: u64,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Lines {
    a: u8,
    b: Line,
    c: [Line; 2],
    d: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(i16)]
enum Signal {
    Green = -1,
    Red = 300,
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(i64)]
enum Wide {
    Low = i64::MIN,
    High = i64::MAX,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Signals {
    a: u8,
    b: Signal,
    c: u8,
    d: [Signal; 3],
    e: Wide,
}

/// What gcc says: a name and its two numbers.
type Said = BTreeMap<String, [usize; 2]>;

fn gcc() -> Said {
    let text = Program::compile(C).run::<&str>(&[]);
    let lines = text.lines().filter_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let &[name, first, second] = &words[..] else {
            return None;
        };
        Some((name.to_owned(), [first.parse().unwrap(), second.parse().unwrap()]))
    });
    lines.collect()
}

/// The schema's text has the size and alignment of the C struct, and just its fields at its offsets.
fn assert_schema_is<T: Shareable>(said: &Said, name: &str) {
    let text = Schema::of::<T>().to_string();
    let [size, align] = said[name];
    let head = text.lines().next().unwrap();
    assert!(head.ends_with(&format!(" size {size} align {align}")), "gcc: {size} {align}, {head}");
    assert_eq!((size_of::<T>(), align_of::<T>()), (size, align), "{name}");
    let fields = text.lines().skip(1).filter(|line| !line.starts_with("    "));
    let ours: BTreeMap<String, usize> = fields
        .map(|line| {
            let (field, rest) = line.trim_start().split_once(" @").unwrap();
            let offset = rest.split(' ').next().unwrap().parse().unwrap();
            (format!("{name}.{field}"), offset)
        })
        .collect();
    let theirs: BTreeMap<String, usize> = said
        .iter()
        .filter(|(field, _)| field.starts_with(&format!("{name}.")))
        .map(|(field, &[offset, _])| (field.clone(), offset))
        .collect();
    assert_eq!(ours, theirs, "{text}");
    assert!(!ours.is_empty());
}

#[test]
fn the_schema_has_the_sizes_and_offsets_of_the_c_structs() {
    let said = gcc();
    assert_schema_is::<Scalars>(&said, "scalars");
    assert_schema_is::<Atomics>(&said, "atomics");
    assert_schema_is::<Pair>(&said, "pair");
    assert_schema_is::<Nested>(&said, "nested");
    assert_schema_is::<Grids>(&said, "grids");
    assert_schema_is::<Line>(&said, "line");
    assert_schema_is::<Lines>(&said, "lines");
    assert_schema_is::<Signals>(&said, "signals");
}

/// Where an attachment puts each field, by address: what `get` and `set` access.
#[test]
fn the_fields_of_an_attachment_are_where_c_has_them() {
    let said = gcc();
    macro_rules! assert_fields {
        ($type:ident as $name:literal: $($field:ident)*) => {
            let segment = Own::<$type>::create();
            let shared = segment.attach().unwrap();
            let start = shared.as_ptr().addr();
            $(
                let [offset, size] = said[concat!($name, ".", stringify!($field))];
                assert_eq!(shared.$field.as_ptr().addr() - start, offset, concat!($name, ".", stringify!($field)));
                assert_eq!(size_of_val(&shared.$field), size, concat!($name, ".", stringify!($field)));
                assert_eq!(offset_of!($type, $field), offset);
            )*
            assert_eq!(segment.size(), said[$name][0]);
        };
    }
    assert_fields!(Scalars as "scalars": a b c d e f g h i j k l m n o p q r s t u v);
    assert_fields!(Atomics as "atomics": a b c d e f g h i j k l m n o);
    assert_fields!(Nested as "nested": first pair mid pairs last);
    assert_fields!(Grids as "grids": a b c d e f g);
    assert_fields!(Lines as "lines": a b c d);
    assert_fields!(Signals as "signals": a b c d e);
}

#[test]
fn the_elements_of_nested_arrays_are_in_the_order_of_c() {
    let segment = Own::<Grids>::create();
    let grids = segment.attach().unwrap();
    let start = grids.d.as_ptr().addr();
    for (i, j, k) in [(0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 1, 1)] {
        assert_eq!(grids.d[i][j][k].as_ptr().addr() - start, 8 * (4 * i + 2 * j + k));
    }
    let start = grids.f.as_ptr().addr();
    assert_eq!(grids.f[1][2].degrees.as_ptr().addr() - start, 5 * size_of::<Pair>() + 8);
}

#[test]
fn the_schema_names_every_kind_of_type() {
    let scalars = Schema::of::<Scalars>().to_string();
    let types: Vec<&str> = scalars.lines().skip(1).map(|line| line.rsplit_once(' ').unwrap().1).collect();
    let names = "u8 u16 u8 u32 u8 u64 i8 usize i8 i16 i32 i8 i64 bool isize bool f32 bool f64 u8 char u8";
    assert_eq!(types.join(" "), names);
    let signals = Schema::of::<Signals>().to_string();
    assert!(signals.contains("  b @2 enum Signal i16 Green=-1 Red=300\n"), "{signals}");
    assert!(signals.contains("  d @6 [3] enum Signal i16 Green=-1 Red=300\n"), "{signals}");
    assert!(signals.contains(&format!("enum Wide i64 Low={} High={}\n", i64::MIN, i64::MAX)), "{signals}");
    let grids = Schema::of::<Grids>().to_string();
    assert!(grids.contains("  b @2 [3] [5] u16\n"), "{grids}");
    assert!(
        grids.contains(" [2] [3] struct Pair size 16 align 8\n    speed @0 f64\n    degrees @8 u16\n"),
        "{grids}"
    );
    let atomics = Schema::of::<Atomics>().to_string();
    assert!(atomics.contains(" atomic u64\n") && atomics.contains(" atomic bool\n"), "{atomics}");
}

#[test]
fn a_schema_reads_its_own_text() {
    for schema in [
        Schema::of::<Scalars>(),
        Schema::of::<Atomics>(),
        Schema::of::<Nested>(),
        Schema::of::<Grids>(),
        Schema::of::<Lines>(),
        Schema::of::<Signals>(),
    ] {
        assert_eq!(Schema::parse(&schema.to_string()), Ok(schema));
    }
}

#[test]
fn a_struct_aligned_to_cache_lines_is_attached_aligned() {
    let segment = Own::<Lines>::create();
    let lines = segment.attach().unwrap();
    assert_eq!(lines.b.value.as_ptr().addr() % 64, 0);
    assert_eq!(lines.c[1].value.as_ptr().addr() % 64, 0);
    lines.c[1].set(Line { value: 9 });
    assert_eq!(lines.c[1].get().value, 9);
}
