//! `get` and `set`: what is written is read, and nothing beside it is touched.

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
