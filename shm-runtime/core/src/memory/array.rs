//! Arrays in a segment, and copies of whole ranges.

use core::ops::{Bound, Range, RangeBounds};

use crate::memory::access::{Access, Readable, Writable};
use crate::memory::bulk;
use crate::memory::direction::{Direction, Load, Store};
use crate::memory::fields::Member;
use crate::memory::shareable::{AlwaysValid, Plain, Shareable};
use crate::memory::shared::Shared;
use crate::memory::structure::{Declared, assert_always_valid};

// SAFETY: N values of T one after the other, copied one by one or in the equivalent bulk.
unsafe impl<T: Shareable, const N: usize> Shareable for [T; N] {
    type __Parts<A: Access> = [Shared<T, A>; N];
    type __Member = Member<Self>;
    const __LAYOUT: Declared = Declared::array::<T>(N);

    #[inline]
    unsafe fn __copy<D: Direction>(from: *const Self, to: *mut Self) {
        // SAFETY: `copy_array` asks the same of the same two arrays: readable or writable for a `[T; N]`, aligned,
        // and the private side initialised where it is read.
        unsafe { bulk::copy_array::<T, D, N>(from, to) }
    }
}

// SAFETY: an array is valid where each element is.
unsafe impl<T: AlwaysValid, const N: usize> AlwaysValid for [T; N] {}

impl<T: Shareable, A: Access, const N: usize> Shared<[T; N], A> {
    /// Copies the whole array to `to`. Each scalar in it is read atomically, the whole is not.
    ///
    /// # Panics
    ///
    /// If `to` has another length than the array, as `copy_from_slice` does.
    #[inline]
    #[track_caller]
    pub fn copy_to(&self, to: &mut [T])
    where
        T: Plain + AlwaysValid,
        A: Readable,
    {
        const { assert_always_valid::<T>() };
        within::<N>(.., to.len());
        // SAFETY: `to` is as long as the array; it is borrowed exclusively, and stays valid because any bytes
        // make a `T`.
        unsafe { bulk::copy::<[T; N], Load>(self.as_ptr(), to.as_mut_ptr().cast()) }
    }

    /// Copies `from` over the whole array. Each scalar in it is written atomically, the whole is not.
    ///
    /// # Panics
    ///
    /// If `from` has another length than the array, as `copy_from_slice` does.
    #[inline]
    #[track_caller]
    pub fn copy_from(&self, from: &[T])
    where
        T: Plain,
        A: Writable,
    {
        within::<N>(.., from.len());
        // SAFETY: `from` is as long as the array.
        unsafe { bulk::copy::<[T; N], Store>(from.as_ptr().cast(), self.as_mut_ptr()) }
    }

    /// Copies the elements in `range` to `to`.
    ///
    /// ```
    /// # use shm_runtime::SharedSegment;
    /// # #[derive(SharedSegment)]
    /// # #[repr(C)]
    /// # #[shm(private)]
    /// # struct Series { hours: [f32; 24] }
    /// # let segment = Series::create()?.remove_on_drop();
    /// # let series = segment.attach()?;
    /// series.hours.copy_range_from(6..9, &[11.0, 12.5, 14.0]);
    /// let mut morning = [0.0; 4];
    /// series.hours.copy_range_to(6..10, &mut morning);
    /// assert_eq!(morning, [11.0, 12.5, 14.0, 0.0]);
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the range is not within the array, or `to` is not as long as the range.
    #[inline]
    #[track_caller]
    pub fn copy_range_to(&self, range: impl RangeBounds<usize>, to: &mut [T])
    where
        T: Plain + AlwaysValid,
        A: Readable,
    {
        const { assert_always_valid::<T>() };
        let range = within::<N>(range, to.len());
        let from = self.as_ptr().cast::<T>();
        // SAFETY: `within` checked that the range lies in the array and that `to` is as long; `to` is borrowed
        // exclusively, and stays valid because any bytes make a `T`.
        unsafe { bulk::copy_slice::<T, Load>(from.add(range.start), to.as_mut_ptr(), range.len()) }
    }

    /// Copies `from` over the elements in `range`.
    ///
    /// # Panics
    ///
    /// If the range is not within the array, or `from` is not as long as the range.
    #[inline]
    #[track_caller]
    pub fn copy_range_from(&self, range: impl RangeBounds<usize>, from: &[T])
    where
        T: Plain,
        A: Writable,
    {
        let range = within::<N>(range, from.len());
        let to = self.as_mut_ptr().cast::<T>();
        // SAFETY: `within` checked that the range lies in the array and that `from` is as long.
        unsafe { bulk::copy_slice::<T, Store>(from.as_ptr(), to.add(range.start), range.len()) }
    }
}

/// The range as start and end, checked against the array's length and that of the slice to copy with.
#[inline]
#[track_caller]
fn within<const N: usize>(range: impl RangeBounds<usize>, len: usize) -> Range<usize> {
    let start = match range.start_bound() {
        Bound::Included(&start) => start,
        Bound::Excluded(&before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&last) => last.saturating_add(1),
        Bound::Excluded(&end) => end,
        Bound::Unbounded => N,
    };
    if start > end || end > N {
        outside(start, end, N);
    }
    if end - start != len {
        mismatched(start, end, len);
    }
    start..end
}

// Out of line, or every copy would spill what the messages show.

#[cold]
#[inline(never)]
#[track_caller]
fn outside(start: usize, end: usize, len: usize) -> ! {
    panic!("range {start}..{end} is not within the shared array of length {len}")
}

#[cold]
#[inline(never)]
#[track_caller]
fn mismatched(start: usize, end: usize, len: usize) -> ! {
    panic!(
        "the slice has length {len}, but the range {start}..{end} of the shared array has length {}",
        end - start
    )
}
