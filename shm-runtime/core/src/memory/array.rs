//! Arrays in a segment: bulk copies, and text.

use core::fmt;
use core::ops::{Bound, Range, RangeBounds};

use crate::memory::access::{Access, Readable, Writable};
use crate::memory::bulk::{self, Load, Store};
use crate::memory::layout::assert_always_valid;
use crate::memory::shareable::{AlwaysValid, Plain, Shareable};
use crate::memory::shared::Shared;

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

/// Text, NUL-terminated as C has it.
impl<A: Access, const N: usize> Shared<[u8; N], A> {
    /// Writes `text`, and NUL bytes behind it to the array's end.
    ///
    /// ```
    /// # use shm_runtime::SharedSegment;
    /// # #[derive(SharedSegment)]
    /// # #[repr(C)]
    /// # #[shm(private)]
    /// # struct Station { name: [u8; 8] }
    /// # let segment = Station::create()?.remove_on_drop();
    /// # let station = segment.attach()?;
    /// station.name.set_str("Zürich").unwrap();
    /// assert_eq!(station.name.to_string_lossy(), "Zürich");
    /// assert!(station.name.set_str("Salzburg").is_err()); // no place for the NUL
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `text` with a NUL does not fit, or contains a NUL itself. Nothing is written then.
    pub fn set_str(&self, text: &str) -> Result<(), TextError>
    where
        A: Writable,
    {
        if let Some(at) = text.bytes().position(|byte| byte == 0) {
            return Err(TextError::InteriorNul { at });
        }
        if text.len() >= N {
            return Err(TextError::TooLong { len: text.len(), capacity: N });
        }
        let (text, rest) = (text.as_bytes(), &self[text.len()..]);
        self.copy_range_from(..text.len(), text);
        for byte in rest {
            byte.set(0);
        }
        Ok(())
    }

    /// Reads the text up to the first NUL, or to the array's end if there is none. Bytes that are not UTF-8
    /// become U+FFFD, as in [`String::from_utf8_lossy`].
    pub fn to_string_lossy(&self) -> String
    where
        A: Readable,
    {
        let text: Vec<u8> = self.iter().map(Shared::get).take_while(|&byte| byte != 0).collect();
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Why a text was not written by [`Shared::set_str`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextError {
    /// The text and the NUL behind it are longer than the array.
    TooLong {
        /// Bytes of the text, without the NUL.
        len: usize,
        /// Bytes of the array.
        capacity: usize,
    },
    /// The text contains a NUL, where its readers would take it to end.
    InteriorNul {
        /// The byte's position.
        at: usize,
    },
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooLong { len, capacity } => write!(
                f,
                "a text of {len} bytes and its NUL do not fit into {capacity} bytes; nothing was written"
            ),
            Self::InteriorNul { at } => write!(
                f,
                "the text contains a NUL at byte {at}, where it would end for its readers; nothing was written"
            ),
        }
    }
}

impl core::error::Error for TextError {}
