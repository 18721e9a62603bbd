//! `get` and `set`: what is written is read, and nothing beside it is touched.

use std::mem::offset_of;
use std::panic::catch_unwind;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicI16, AtomicU64};

use shm_runtime::{Shareable, SharedSegment};
use shm_tests::key::Own;

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(C)]
#[rustfmt::skip]
struct Scalars {
    u8: u8, u16: u16, u32: u32, u64: u64, usize: usize,
    i8: i8, i16: i16, i32: i32, i64: i64, isize: isize,
    f32: f32, f64: f64, bool: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Shareable)]
#[repr(i32)]
enum Direction {
    North = -7,
    South = 7,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Values {
    scalars: Scalars,
    char: char,
    direction: Direction,
    grid: [[u16; 3]; 2],
    rows: [Scalars; 2],
    small: [u16; 5],
    counter: AtomicU64,
    level: AtomicI16,
    flag: AtomicBool,
}

const SCALARS: Scalars = Scalars {
    u8: 0xf1,
    u16: 0xf102,
    u32: 0xf102_0304,
    u64: 0xf102_0304_0506_0708,
    usize: 0xf102_0304_0506_0709,
    i8: -2,
    i16: -300,
    i32: -70_000,
    i64: -5_000_000_000,
    isize: -6_000_000_000,
    f32: -1.25,
    f64: 1e300,
    bool: true,
};

/// The bytes in the segment, as a program without types reads them.
fn bytes<T>(at: *const T) -> Vec<u8> {
    let read = |i| {
        // SAFETY: within the `T` that `at` points to.
        let byte = unsafe { at.cast::<u8>().add(i) };
        // SAFETY: mapped to be read by the attachment that `at` came from; volatile, as others may write.
        unsafe { byte.read_volatile() }
    };
    (0..size_of::<T>()).map(read).collect()
}

#[test]
fn every_kind_of_scalar_reads_back_as_it_was_set_and_is_there_in_native_bytes() {
    let segment = Own::<Values>::create();
    let values = segment.attach().unwrap();
    let scalars = &values.scalars;
    macro_rules! check {
        ($($field:ident: $($value:expr),*;)*) => {$($(
            scalars.$field.set($value);
            assert_eq!(scalars.$field.get().to_ne_bytes(), $value.to_ne_bytes());
            assert_eq!(scalars.$field.try_get().unwrap().to_ne_bytes(), $value.to_ne_bytes());
            assert_eq!(bytes(scalars.$field.as_ptr()), $value.to_ne_bytes());
        )*)*};
    }
    check! {
        u8: 0_u8, u8::MAX; u16: 0_u16, 0x0102_u16, u16::MAX; u32: 0x0102_0304_u32, u32::MAX;
        u64: 0x0102_0304_0506_0708_u64, u64::MAX; usize: 5_usize, usize::MAX;
        i8: i8::MIN, -1_i8, i8::MAX; i16: i16::MIN, i16::MAX; i32: i32::MIN, i32::MAX; i64: i64::MIN, i64::MAX;
        isize: isize::MIN, isize::MAX;
        f32: 1.5_f32, -0.0_f32, f32::INFINITY, f32::NAN, f32::from_bits(0x7fa0_0001);
        f64: 1.5_f64, -0.0_f64, f64::NEG_INFINITY, f64::NAN, f64::from_bits(0x7ff4_0000_0000_0001);
    }
    for value in [true, false] {
        scalars.bool.set(value);
        assert_eq!(scalars.bool.get(), value);
        assert_eq!(bytes(scalars.bool.as_ptr()), [u8::from(value)]);
    }
    for value in ['a', 'ß', '\0', char::MAX] {
        values.char.set(value);
        assert_eq!(values.char.try_get(), Ok(value));
        assert_eq!(bytes(values.char.as_ptr()), u32::from(value).to_ne_bytes());
    }
    for (value, number) in [(Direction::North, -7_i32), (Direction::South, 7)] {
        values.direction.set(value);
        assert_eq!(values.direction.try_get(), Ok(value));
        assert_eq!(bytes(values.direction.as_ptr()), number.to_ne_bytes());
    }
}

#[test]
fn a_whole_struct_and_a_whole_array_read_back_as_they_were_set() {
    let segment = Own::<Values>::create();
    let values = segment.attach().unwrap();
    values.scalars.set(SCALARS);
    assert_eq!(values.scalars.get(), SCALARS);
    assert_eq!(values.scalars.try_get(), Ok(SCALARS));
    assert_eq!(values.scalars.i32.get(), SCALARS.i32);
    values.grid.set([[1, 2, 3], [4, 5, 6]]);
    assert_eq!(values.grid.get(), [[1, 2, 3], [4, 5, 6]]);
    values.grid[1].set([7, 8, 9]);
    values.grid[0][2].set(10);
    assert_eq!(values.grid.get(), [[1, 2, 10], [7, 8, 9]]);
    let other = Scalars { u8: 1, ..SCALARS };
    values.rows.copy_from(&[SCALARS, other]);
    assert_eq!(values.rows.get(), [SCALARS, other]);
    assert_eq!(values.rows[1].u8.get(), 1);
    values.rows[0].u64.update(|value| value.wrapping_add(1));
    assert_eq!(values.rows[0].u64.get(), SCALARS.u64 + 1);
    assert_eq!(values.rows.iter().map(|row| row.u8.get()).sum::<u8>(), 0xf2);
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(C)]
struct Padded {
    a: u8,
    b: u32,
    c: u16,
    d: u64,
    e: bool,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Holes {
    one: Padded,
    more: [Padded; 3],
}

#[test]
fn padding_is_never_written() {
    const VALUE: Padded = Padded { a: 0x11, b: 0x2222_2222, c: 0x3333, d: 0x4444_4444_4444_4444, e: true };
    let segment = Own::<Holes>::create();
    let holes = segment.attach().unwrap();
    for i in 0..size_of::<Holes>() {
        // SAFETY: within the struct.
        let byte = unsafe { holes.as_mut_ptr().cast::<u8>().add(i) };
        // SAFETY: mapped to be written, by the attachment.
        unsafe { byte.write_volatile(0xa5) };
    }
    holes.one.set(VALUE);
    holes.more.set([VALUE; 3]);
    holes.more.copy_from(&[VALUE; 3]);
    holes.more.copy_range_from(1.., &[VALUE; 2]);
    holes.more[2].set(VALUE);
    let p = 0xa5;
    #[rustfmt::skip]
    let padded = [
        0x11, p, p, p, 0x22, 0x22, 0x22, 0x22, 0x33, 0x33, p, p, p, p, p, p,
        0x44, 0x44, 0x44, 0x44, 0x44, 0x44, 0x44, 0x44, 1, p, p, p, p, p, p, p,
    ];
    assert_eq!(bytes(holes.as_ptr()), padded.repeat(4));
    assert_eq!(holes.more.get(), [VALUE; 3]);
}

/// A field's value that tells which field it is.
trait Numbered {
    fn number(number: u16) -> Self;
}

macro_rules! numbered {
    ($($type:ty: $number:ident => $value:expr;)*) => {$(
        impl Numbered for $type {
            fn number($number: u16) -> Self {
                $value
            }
        }
    )*};
}
numbered! {
    u8: number => number.to_le_bytes()[0];
    u16: number => number;
    u64: number => u64::from(number) << 40;
    bool: number => number.count_ones() % 2 == 1;
}

macro_rules! many {
    ($($field:ident: $type:ty,)*) => {
        /// More fields than the derive's lists have places, and than lists of lists have; with padding between them.
        #[derive(Clone, Copy, Debug, PartialEq, Shareable)]
        #[repr(C)]
        struct Many { $($field: $type,)* }

        #[test]
        fn a_struct_of_hundreds_of_fields_has_each_at_its_place() {
            let segment = Own::<Crowd>::create();
            let many = segment.attach().unwrap();
            let mut number = 0;
            let value = Many { $($field: { number += 1; Numbered::number(number) },)* };
            many.all.set(value);
            $(assert_eq!(many.all.$field.get(), value.$field, stringify!($field));)*
            assert_eq!(many.all.get(), value);
            let schema = many.schema().unwrap().to_string();
            let mut lines = schema.lines().skip(2);
            $(
                let line = format!("    {} @{} {}", stringify!($field), offset_of!(Many, $field), stringify!($type));
                assert_eq!(lines.next(), Some(line.as_str()));
            )*
            assert_eq!((lines.next(), number), (None, 17 * 16));
        }
    };
}
#[rustfmt::skip]
many! {
    a0: u8, a1: u16, a2: bool, a3: u64, a4: u8, a5: u16, a6: bool, a7: u64,
    a8: u8, a9: u16, a10: bool, a11: u64, a12: u8, a13: u16, a14: bool, a15: u64,
    b0: u64, b1: u8, b2: u16, b3: bool, b4: u64, b5: u8, b6: u16, b7: bool,
    b8: u64, b9: u8, b10: u16, b11: bool, b12: u64, b13: u8, b14: u16, b15: bool,
    c0: bool, c1: u64, c2: u8, c3: u16, c4: bool, c5: u64, c6: u8, c7: u16,
    c8: bool, c9: u64, c10: u8, c11: u16, c12: bool, c13: u64, c14: u8, c15: u16,
    d0: u16, d1: bool, d2: u64, d3: u8, d4: u16, d5: bool, d6: u64, d7: u8,
    d8: u16, d9: bool, d10: u64, d11: u8, d12: u16, d13: bool, d14: u64, d15: u8,
    e0: u8, e1: u16, e2: bool, e3: u64, e4: u8, e5: u16, e6: bool, e7: u64,
    e8: u8, e9: u16, e10: bool, e11: u64, e12: u8, e13: u16, e14: bool, e15: u64,
    f0: u64, f1: u8, f2: u16, f3: bool, f4: u64, f5: u8, f6: u16, f7: bool,
    f8: u64, f9: u8, f10: u16, f11: bool, f12: u64, f13: u8, f14: u16, f15: bool,
    g0: bool, g1: u64, g2: u8, g3: u16, g4: bool, g5: u64, g6: u8, g7: u16,
    g8: bool, g9: u64, g10: u8, g11: u16, g12: bool, g13: u64, g14: u8, g15: u16,
    h0: u16, h1: bool, h2: u64, h3: u8, h4: u16, h5: bool, h6: u64, h7: u8,
    h8: u16, h9: bool, h10: u64, h11: u8, h12: u16, h13: bool, h14: u64, h15: u8,
    i0: u8, i1: u16, i2: bool, i3: u64, i4: u8, i5: u16, i6: bool, i7: u64,
    i8: u8, i9: u16, i10: bool, i11: u64, i12: u8, i13: u16, i14: bool, i15: u64,
    j0: u64, j1: u8, j2: u16, j3: bool, j4: u64, j5: u8, j6: u16, j7: bool,
    j8: u64, j9: u8, j10: u16, j11: bool, j12: u64, j13: u8, j14: u16, j15: bool,
    k0: bool, k1: u64, k2: u8, k3: u16, k4: bool, k5: u64, k6: u8, k7: u16,
    k8: bool, k9: u64, k10: u8, k11: u16, k12: bool, k13: u64, k14: u8, k15: u16,
    l0: u16, l1: bool, l2: u64, l3: u8, l4: u16, l5: bool, l6: u64, l7: u8,
    l8: u16, l9: bool, l10: u64, l11: u8, l12: u16, l13: bool, l14: u64, l15: u8,
    m0: u8, m1: u16, m2: bool, m3: u64, m4: u8, m5: u16, m6: bool, m7: u64,
    m8: u8, m9: u16, m10: bool, m11: u64, m12: u8, m13: u16, m14: bool, m15: u64,
    n0: u64, n1: u8, n2: u16, n3: bool, n4: u64, n5: u8, n6: u16, n7: bool,
    n8: u64, n9: u8, n10: u16, n11: bool, n12: u64, n13: u8, n14: u16, n15: bool,
    o0: bool, o1: u64, o2: u8, o3: u16, o4: bool, o5: u64, o6: u8, o7: u16,
    o8: bool, o9: u64, o10: u8, o11: u16, o12: bool, o13: u64, o14: u8, o15: u16,
    p0: u16, p1: bool, p2: u64, p3: u8, p4: u16, p5: bool, p6: u64, p7: u8,
    p8: u16, p9: bool, p10: u64, p11: u8, p12: u16, p13: bool, p14: u64, p15: u8,
    q0: u8, q1: u16, q2: bool, q3: u64, q4: u8, q5: u16, q6: bool, q7: u64,
    q8: u8, q9: u16, q10: bool, q11: u64, q12: u8, q13: u16, q14: bool, q15: u64,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Crowd {
    all: Many,
}

#[test]
fn atomics_offer_what_the_access_allows() {
    let segment = Own::<Values>::create();
    let both = segment.attach().unwrap();
    let reader = segment.attach_read_only().unwrap();
    let writer = segment.attach_write_only().unwrap();

    // Read and write: the standard type itself.
    let counter: &AtomicU64 = &both.counter;
    assert_eq!(counter.fetch_add(5, AcqRel), 0);
    assert_eq!(both.counter.compare_exchange(5, 9, SeqCst, Relaxed), Ok(5));
    assert_eq!(both.level.fetch_sub(1, Relaxed), 0);
    both.scalars.i64.set(-1);
    assert_eq!(both.scalars.i64.atomic().fetch_sub(1, Relaxed), -1);
    assert_eq!(both.scalars.i64.get(), -2);

    // Read: every order that a load may have.
    for order in [Relaxed, Acquire, SeqCst] {
        assert_eq!(reader.counter.load(order), 9);
        assert_eq!(reader.level.load(order), -1);
        assert!(!reader.flag.load(order));
    }
    for order in [Release, AcqRel] {
        assert!(catch_unwind(|| reader.counter.load(order)).is_err());
    }

    // Write: every order that a store may have.
    for (value, order) in [(1, Relaxed), (2, Release), (3, SeqCst)] {
        writer.counter.store(value, order);
        assert_eq!(reader.counter.load(SeqCst), value);
    }
    for order in [Acquire, AcqRel] {
        assert!(catch_unwind(|| writer.counter.store(4, order)).is_err());
    }
    writer.flag.store(true, Release);
    assert!(both.flag.load(Acquire) && reader.flag.load(Acquire));
    assert_eq!(counter.load(Relaxed), 3);
}

#[test]
fn debug_prints_the_values_of_now_field_by_field() {
    let segment = Own::<Values>::create();
    let values = segment.attach().unwrap();
    values.scalars.set(SCALARS);
    let scalars = format!("{SCALARS:?}");
    assert_eq!(format!("{:?}", values.scalars), scalars);
    values.direction.set(Direction::South);
    values.char.set('ß');
    values.grid.set([[1, 2, 3], [4, 5, 6]]);
    values.small.set([5; 5]);
    values.counter.store(17, Relaxed);
    values.flag.store(true, Relaxed);
    let zero = format!("{:?}", values.rows[0].get());
    let expected = format!(
        "Values {{ scalars: {scalars}, char: 'ß', direction: South, grid: [[1, 2, 3], [4, 5, 6]], \
         rows: [{zero}, {zero}], small: [5, 5, 5, 5, 5], counter: 17, level: 0, flag: true }}"
    );
    assert_eq!(format!("{values:?}"), expected);
    assert_eq!(format!("{:?}", segment.attach_read_only().unwrap()), expected);
    values.counter.store(18, Relaxed);
    assert!(format!("{values:#?}").contains("    counter: 18,\n"));
    assert_eq!(format!("{:?}", values.counter), "18");
}
