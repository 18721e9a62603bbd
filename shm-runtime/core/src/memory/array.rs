//! Arrays in a segment, and copies of whole ranges.

use core::ops::RangeBounds;

use crate::memory::access::{Access, Readable, Writable};
use crate::memory::bulk;
use crate::memory::direction::{Direction, Load, Store};
use crate::memory::fields::Member;
use crate::memory::shareable::{AlwaysValid, Plain, Shareable};
use crate::memory::shared::Shared;
use crate::memory::slice::{SharedSlice, within};
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
        within(.., N, to.len());
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
        within(.., N, from.len());
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
        SharedSlice::of(&**self).copy_range_to(range, to);
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
        SharedSlice::of(&**self).copy_range_from(range, from);
    }
}
