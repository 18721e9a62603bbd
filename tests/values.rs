//! `get`, `set` and the copies: what is written is read, and nothing beside it is touched.

use std::ops::{Bound, RangeBounds};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicI16, AtomicU64};

use shm_runtime::{Shareable, SharedSegment};

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
    let segment = Values::create().unwrap().remove_on_drop();
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
    let segment = Values::create().unwrap().remove_on_drop();
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

#[test]
fn every_range_of_an_array_is_copied_and_nothing_beside_it() {
    let segment = Values::create().unwrap().remove_on_drop();
    let values = segment.attach().unwrap();
    let array = &values.small;
    let check = |range: (Bound<usize>, Bound<usize>), start: usize, end: usize| {
        array.set([1, 2, 3, 4, 5]);
        let new = [11, 12, 13, 14, 15];
        array.copy_range_from(range, &new[start..end]);
        let mut expected = [1, 2, 3, 4, 5];
        expected[start..end].copy_from_slice(&new[start..end]);
        assert_eq!(array.get(), expected, "{range:?}");
        let mut copy = [0; 7];
        array.copy_range_to(range, &mut copy[1..=end - start]);
        let mut expected = [0; 7];
        expected[1..=end - start].copy_from_slice(&new[start..end]);
        assert_eq!(copy, expected, "{range:?}");
    };
    for start in 0..=5 {
        for end in start..=5 {
            check((Bound::Included(start), Bound::Excluded(end)), start, end);
            if start > 0 {
                check((Bound::Excluded(start - 1), Bound::Excluded(end)), start, end);
            }
            if end > start {
                check((Bound::Included(start), Bound::Included(end - 1)), start, end);
            }
        }
        check((Bound::Included(start), Bound::Unbounded), start, 5);
        check((Bound::Unbounded, Bound::Excluded(start)), 0, start);
    }
    check((Bound::Unbounded, Bound::Unbounded), 0, 5);
}

#[test]
fn a_range_outside_the_array_or_a_slice_of_another_length_panics_and_copies_nothing() {
    let segment = Values::create().unwrap().remove_on_drop();
    let values = segment.attach().unwrap();
    values.small.set([1, 2, 3, 4, 5]);
    let panics = |range: (Bound<usize>, Bound<usize>), len: usize, wanted: &str| {
        let mut copy = vec![9; len];
        let writes = catch_unwind(|| values.small.copy_range_from(range, &vec![9; len]));
        let reads = catch_unwind(AssertUnwindSafe(|| values.small.copy_range_to(range, &mut copy)));
        for message in [writes.unwrap_err(), reads.unwrap_err()] {
            let message = message.downcast::<String>().unwrap();
            assert!(message.contains(wanted), "{message}");
        }
        assert_eq!(values.small.get(), [1, 2, 3, 4, 5]);
        assert!(copy.iter().all(|&value| value == 9));
    };
    // A backward range is written as its bounds: clippy refuses the literal.
    let backward = (Bound::Included(3), Bound::Excluded(2));
    let (within, length) = (
        "is not within the shared array of length 5",
        "the slice has length",
    );
    panics(bounds(0..6), 6, within);
    panics(bounds(6..6), 0, within);
    panics(bounds(5..=5), 1, within);
    panics(backward, 0, within);
    panics(bounds(0..=usize::MAX), 5, within);
    panics((Bound::Excluded(usize::MAX), Bound::Unbounded), 0, within);
    panics(bounds(..), 4, length);
    panics(bounds(..), 6, length);
    panics(bounds(1..3), 3, length);
    panics(bounds(1..3), 1, length);
    panics(bounds(2..2), 1, length);
}

fn bounds(range: impl RangeBounds<usize>) -> (Bound<usize>, Bound<usize>) {
    (range.start_bound().cloned(), range.end_bound().cloned())
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Bulk {
    bytes: [u8; 200],
    words: [u32; 100],
}

/// The same as for slices, at every start and every length that a copy by wider units could get wrong.
#[test]
fn a_copy_of_any_length_at_any_alignment_is_the_copy_of_slices() {
    let segment = Bulk::create().unwrap().remove_on_drop();
    let bulk = segment.attach().unwrap();
    let source: Vec<u8> = (1..=200).collect();
    let words: Vec<u32> = (1..=100).map(|i| i * 0x0101_0101).collect();
    for start in 0..20 {
        for len in 0..100 {
            bulk.bytes.set([0; 200]);
            let from = &source[start..start + len];
            bulk.bytes.copy_range_from(start..start + len, from);
            let mut expected = [0; 200];
            expected[start..start + len].copy_from_slice(from);
            assert_eq!(bulk.bytes.get(), expected, "{start} {len}");
            // To a destination that is aligned otherwise, with a byte on each side.
            let mut back = vec![0; len + 5];
            bulk.bytes
                .copy_range_to(start..start + len, &mut back[3..3 + len]);
            assert_eq!(&back[3..3 + len], from);
            assert_eq!([&back[..3], &back[3 + len..]].concat(), [0; 5]);
        }
        for len in 0..50 {
            bulk.words.set([0; 100]);
            bulk.words.copy_range_from(start..start + len, &words[..len]);
            let mut expected = [0; 100];
            expected[start..start + len].copy_from_slice(&words[..len]);
            assert_eq!(bulk.words.get(), expected, "{start} {len}");
        }
    }
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
    const VALUE: Padded = Padded {
        a: 0x11,
        b: 0x2222_2222,
        c: 0x3333,
        d: 0x4444_4444_4444_4444,
        e: true,
    };
    let segment = Holes::create().unwrap().remove_on_drop();
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
    let segment = Values::create().unwrap().remove_on_drop();
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
    let segment = Values::create().unwrap().remove_on_drop();
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
