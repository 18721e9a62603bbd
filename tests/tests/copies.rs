//! Copies to and from arrays: as those of slices, and nothing beside the range is touched.

use std::ops::{Bound, RangeBounds};
use std::panic::{AssertUnwindSafe, catch_unwind};

use shm_runtime::SharedSegment;
use shm_tests::key::Own;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Bulk {
    small: [u16; 5],
    bytes: [u8; 200],
    words: [u32; 100],
}

#[test]
fn every_range_of_an_array_is_copied_and_nothing_beside_it() {
    let segment = Own::<Bulk>::create();
    let bulk = segment.attach().unwrap();
    let array = &bulk.small;
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
    let segment = Own::<Bulk>::create();
    let bulk = segment.attach().unwrap();
    bulk.small.set([1, 2, 3, 4, 5]);
    let panics = |range: (Bound<usize>, Bound<usize>), len: usize, wanted: &str| {
        let mut copy = vec![9; len];
        let writes = catch_unwind(|| bulk.small.copy_range_from(range, &vec![9; len]));
        let reads = catch_unwind(AssertUnwindSafe(|| bulk.small.copy_range_to(range, &mut copy)));
        for message in [writes.unwrap_err(), reads.unwrap_err()] {
            let message = message.downcast::<String>().unwrap();
            assert!(message.contains(wanted), "{message}");
        }
        assert_eq!(bulk.small.get(), [1, 2, 3, 4, 5]);
        assert!(copy.iter().all(|&value| value == 9));
    };
    // A backward range is written as its bounds: clippy refuses the literal.
    let backward = (Bound::Included(3), Bound::Excluded(2));
    let (within, length) = ("is not within the shared array of length 5", "the slice has length");
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

/// The same as for slices, at every start and every length that a copy by wider units could get wrong.
#[test]
fn a_copy_of_any_length_at_any_alignment_is_the_copy_of_slices() {
    let segment = Own::<Bulk>::create();
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
            bulk.bytes.copy_range_to(start..start + len, &mut back[3..3 + len]);
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
