//! Slices in a segment, whose length is known at run time only, and copies of whole ranges.

use core::fmt;
use core::ops::{Bound, Deref, Range, RangeBounds};
use core::slice;

use crate::memory::access::{Access, ReadWrite, Readable, Writable};
use crate::memory::bulk;
use crate::memory::direction::{Load, Store};
use crate::memory::shareable::{AlwaysValid, Plain, Shareable};
use crate::memory::shared::Shared;
use crate::memory::structure::assert_always_valid;

/// The elements of a slice at the end of a struct in shared memory: derefs to `[Shared<T, A>]`, and copies ranges, as an array does.
///
/// Its length is the one that the kernel's size of the segment gave it when it was attached. It is kept in memory of this
/// process: nothing that another process writes moves it.
///
/// ```
/// use shm_runtime::{SharedSegment, TailedSegment};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Series { station: u64, hours: [f32] }
///
/// let segment = Series::options().len(24).create()?.remove_on_drop();
/// let series = segment.attach()?;
/// assert_eq!(series.hours.len(), 24);
/// series.hours[6].set(11.0);
/// series.hours.copy_range_from(7..9, &[12.5, 14.0]);
/// assert_eq!(series.hours.iter().map(|hour| hour.get()).sum::<f32>(), 37.5);
/// # Ok::<(), shm_runtime::Error>(())
/// ```
#[repr(transparent)]
pub struct SharedSlice<T, A = ReadWrite>([Shared<T, A>]);

impl<T: Shareable, A: Access> SharedSlice<T, A> {
    #[inline]
    pub(crate) fn of(elements: &[Shared<T, A>]) -> &Self {
        let elements: *const [Shared<T, A>] = elements;
        // SAFETY: a `SharedSlice` is such a slice, `#[repr(transparent)]`, of the same length, borrowed as long.
        unsafe { &*(elements as *const Self) }
    }

    /// Copies all elements to `to`. Each scalar is read atomically, the whole is not.
    ///
    /// # Panics
    ///
    /// If `to` has another length than the slice, as `copy_from_slice` does.
    #[inline]
    #[track_caller]
    pub fn copy_to(&self, to: &mut [T])
    where
        T: Plain + AlwaysValid,
        A: Readable,
    {
        self.copy_range_to(.., to);
    }

    /// Copies `from` over all elements. Each scalar is written atomically, the whole is not.
    ///
    /// # Panics
    ///
    /// If `from` has another length than the slice, as `copy_from_slice` does.
    #[inline]
    #[track_caller]
    pub fn copy_from(&self, from: &[T])
    where
        T: Plain,
        A: Writable,
    {
        self.copy_range_from(.., from);
    }

    /// Copies the elements in `range` to `to`.
    ///
    /// # Panics
    ///
    /// If the range is not within the slice, or `to` is not as long as the range.
    #[inline]
    #[track_caller]
    pub fn copy_range_to(&self, range: impl RangeBounds<usize>, to: &mut [T])
    where
        T: Plain + AlwaysValid,
        A: Readable,
    {
        const { assert_always_valid::<T>() };
        let range = within(range, self.len(), to.len());
        let from = self.0.as_ptr().cast::<T>();
        // SAFETY: `within` checked that the range lies in the slice, which is readable, and that `to` is as long; `to` is
        // borrowed exclusively, and stays valid because any bytes make a `T`.
        unsafe { bulk::copy_slice::<T, Load>(from.add(range.start), to.as_mut_ptr(), range.len()) }
    }

    /// Copies `from` over the elements in `range`.
    ///
    /// # Panics
    ///
    /// If the range is not within the slice, or `from` is not as long as the range.
    #[inline]
    #[track_caller]
    pub fn copy_range_from(&self, range: impl RangeBounds<usize>, from: &[T])
    where
        T: Plain,
        A: Writable,
    {
        let range = within(range, self.len(), from.len());
        let to = self.0.as_ptr().cast::<T>().cast_mut();
        // SAFETY: `within` checked that the range lies in the slice and that `from` is as long. The slice may be written under
        // `Writable`: a `Shared` is an `UnsafeCell`, so also by way of a shared reference.
        unsafe { bulk::copy_slice::<T, Store>(from.as_ptr(), to.add(range.start), range.len()) }
    }
}

impl<T, A> Deref for SharedSlice<T, A> {
    type Target = [Shared<T, A>];

    #[inline]
    fn deref(&self) -> &[Shared<T, A>] {
        &self.0
    }
}

impl<'a, T: Shareable, A: Access> IntoIterator for &'a SharedSlice<T, A> {
    type Item = &'a Shared<T, A>;
    type IntoIter = slice::Iter<'a, Shared<T, A>>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// The live values, each read as it is printed; through a write-only attachment, none.
impl<T: Shareable, A: Access> fmt::Debug for SharedSlice<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match A::READS {
            true => f.debug_list().entries(self).finish(),
            false => f.write_str("<write-only>"),
        }
    }
}

/// The range as start and end, checked against the length `all` of what it is a range of, and the length `len` of the slice to copy with.
#[inline]
#[track_caller]
pub(super) fn within(range: impl RangeBounds<usize>, all: usize, len: usize) -> Range<usize> {
    let start = match range.start_bound() {
        Bound::Included(&start) => start,
        Bound::Excluded(&before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&last) => last.saturating_add(1),
        Bound::Excluded(&end) => end,
        Bound::Unbounded => all,
    };
    if start > end || end > all {
        outside(start, end, all);
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
