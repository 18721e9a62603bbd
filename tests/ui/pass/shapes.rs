//! Every shape of struct that can be shared: nested, in arrays, with enums, atomics and the largest alignment.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32, AtomicU64,
    AtomicUsize,
};

use shm_runtime::{Schema, Shareable, SharedSegment};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Whole {
    small: u8,
    scalars: Scalars,
    atomics: [Atomics; 2],
    grid: [[[u16; 3]; 2]; 2],
    modes: [Modes; 4],
    line: Line,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Scalars {
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
}

#[derive(Shareable)]
#[repr(C)]
struct Atomics {
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

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Modes {
    a: A,
    b: B,
    c: C,
    d: D,
    e: E,
    f: F,
    g: G,
    h: H,
}

macro_rules! modes {
    ($($name:ident: $repr:ident, $first:literal, $second:literal;)*) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Shareable)]
        #[repr($repr)]
        enum $name {
            First = $first,
            Second = $second,
        }
    )*};
}
modes! {
    A: u8, 0, 255; B: u16, 1, 65_535; C: u32, 2, 4_294_967_295; D: u64, 3, 18_446_744_073_709_551_615;
    E: i8, -128, 127; F: i16, -32_768, 3; G: i32, -2_147_483_648, 4; H: i64, -9_223_372_036_854_775_808, 5;
}

/// Apart from its neighbours: a cache line of its own.
#[derive(Clone, Copy, Shareable)]
#[repr(C, align(64))]
struct Line {
    count: u8,
}

#[derive(SharedSegment)]
#[repr(C)]
#[repr(align(4096))]
#[shm(private, size = 4096, align = PAGE)]
struct Page {
    #[shm(offset = 0)]
    first: u8,
    #[shm(offset = 4 * 2)]
    second: u64,
    nothing: [u64; 0],
}

const PAGE: usize = 4096;

fn main() {
    let text = Schema::of::<Whole>().to_string();
    assert!(text.contains("line @"), "{text}");
    assert!(text.contains("D=18446744073709551615") || text.contains("Second=18446744073709551615"), "{text}");
    assert!(text.contains("First=-9223372036854775808"), "{text}");
    assert_eq!(Schema::of::<Page>().size(), 4096);

    // Every field can be named, to read and to write.
    let _use = |whole: &shm_runtime::Shared<Whole>| {
        whole.small.set(1);
        whole.scalars.n.set('n');
        whole.scalars.set(whole.scalars.try_get().unwrap());
        whole.atomics[1].k.store(true, std::sync::atomic::Ordering::Relaxed);
        whole.grid[1][0][2].set(7);
        whole.modes[3].set(Modes {
            a: A::First,
            b: B::Second,
            c: C::First,
            d: D::Second,
            e: E::First,
            f: F::Second,
            g: G::First,
            h: H::Second,
        });
        assert_eq!(whole.modes[3].h.try_get(), Ok(H::Second));
        assert_ne!(whole.modes[0].try_get().map(|modes| modes.a), Ok(A::Second));
        whole.line.count.atomic();
        whole.line.set(Line { count: 3 });
    };
}
