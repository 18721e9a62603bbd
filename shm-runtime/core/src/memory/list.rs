//! A list in a segment: values and how many there are.

use core::fmt;
use core::mem::{MaybeUninit, offset_of};
use core::ops::Deref;

use crate::memory::access::{Access, Readable, Writable};
use crate::memory::fields::{Fields, Member};
use crate::memory::shareable::{AlwaysValid, Plain, Shareable};
use crate::memory::shared::Shared;
use crate::memory::structure::{Declared, assert_always_valid};

/// Up to `N` values of `T`, with their count.
///
/// In a segment, its values are reached by [`as_slice`](Shared::as_slice), and all of them are written by
/// [`set_from`](Shared::set_from) and read by [`read_into`](Shared::read_into). By itself it is a plain value, which derefs
/// to a slice: what [`get`](Shared::get) and [`set`](Shared::set) copy, and what a
/// [`SeqLock`](crate::sync::SeqLock) reads and writes whole.
///
/// ```
/// use shm_runtime::{List, SharedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Station {
///     gusts: List<f32, 8>,
///     jobs: sync::Mutex<List<u64, 100>>,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let segment = Station::create()?.remove_on_drop();
/// let station = segment.attach()?;
/// assert!(station.gusts.as_slice().is_empty()); // bytes that are all zero are the empty list
/// station.gusts.set_from(&[9.5, 11.0])?;
/// station.gusts.push(12.5)?;
/// assert_eq!(station.gusts.as_slice()[2].get(), 12.5);
/// assert_eq!(*station.gusts.get(), [9.5, 11.0, 12.5]);
///
/// let jobs = station.jobs.lock().map_err(sync::LockError::release)?;
/// jobs.push(7)?; // of two processes, one after the other
/// # Ok(())
/// # }
/// ```
///
/// Another process may write anything: a count beyond `N` counts as `N`. The list is not one atomic unit (see
/// [`Shared`](Shared#what-is-atomic)): two processes that push at the same time may both write the same place. Where there is more
/// than one writer, it belongs into a [`Mutex`](crate::sync::Mutex).
///
/// Of values that not any bytes are, as enums, those that are in the list are checked where it is read, and not what is
/// left after them.
///
/// # Layout
///
/// `#[repr(C)]`. In C, a `List<double, 8>` is:
///
/// ```c
/// struct list8 { uint32_t len; double values[8]; };
/// ```
#[repr(C)]
pub struct List<T, const N: usize> {
    len: u32,
    // All bytes of its scalars are initialised. The first `len` of them, or all if `len` is more, are values.
    values: MaybeUninit<[T; N]>,
}

/// What a `Shared<List<T, N>, A>` derefs to: nothing that can be used by itself.
#[doc(hidden)]
#[repr(C)]
pub struct ListParts<T, const N: usize, A> {
    len: Shared<u32, A>,
    values: Shared<[T; N], A>,
}

// SAFETY: `__LAYOUT` names both fields at their offsets, the second as a `[T; N]`, which `MaybeUninit` has the layout of, and `__copy`
// copies them. `__Parts<A>` has the same fields as `Shared`, which is valid with any bytes, has interior mutability, and offers no
// more than `A` allows. No drop glue, as `T` is `Copy`, and no lifetime.
unsafe impl<T: Plain, const N: usize> Shareable for List<T, N> {
    type __Parts<A: Access> = ListParts<T, N, A>;

    type __Member = Member<Self>;
    const __MEMBERS: Fields =
        Fields::listed::<(<u32 as Shareable>::__Member, <[T; N] as Shareable>::__Member)>();
    const __NAMES: &'static [&'static str] = &["len", "values"];
    const __OFFSETS: &'static [usize] = &[offset_of!(Self, len), offset_of!(Self, values)];
    const __LAYOUT: Declared = Declared::builtin::<Self, 2>(LIST);
}

/// Its name in a schema: where a layout is checked, the values after the count are not.
pub(super) const LIST: &str = "List";

// SAFETY: a list is valid where each value is.
unsafe impl<T: AlwaysValid, const N: usize> AlwaysValid for List<T, N> {}

impl<T: Copy, const N: usize> Clone for List<T, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Copy, const N: usize> Copy for List<T, N> {}

impl<T: Plain, const N: usize> List<T, N> {
    /// An empty list.
    pub const fn new() -> Self {
        // Zeroed, because what is after the count is copied into a segment, too.
        Self { len: 0, values: MaybeUninit::zeroed() }
    }

    /// A list of these values.
    ///
    /// # Errors
    ///
    /// [`CapacityError`] if there are more than `N`.
    pub fn from_slice(values: &[T]) -> Result<Self, CapacityError> {
        CapacityError::check(Holds::List, values.len(), N)?;
        let mut list = Self::new();
        values.iter().try_for_each(|&value| list.push(value))?;
        Ok(list)
    }

    /// Appends a value.
    ///
    /// # Errors
    ///
    /// [`CapacityError`] if there are `N` already.
    pub fn push(&mut self, value: T) -> Result<(), CapacityError> {
        let at = self.deref().len();
        let len = CapacityError::check(Holds::List, at + 1, N)?;
        // SAFETY: `at` is less than `N`, as was just checked, so this is the place of an element.
        unsafe { self.values.as_mut_ptr().cast::<T>().add(at).write(value) };
        self.len = len;
        Ok(())
    }
}

/// A count that another process may have written, as one that the list can have.
pub(super) fn within(len: u32, capacity: usize) -> usize {
    usize::try_from(len).map_or(capacity, |len| len.min(capacity))
}

/// The values.
impl<T, const N: usize> Deref for List<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        let len = within(self.len, N);
        // SAFETY: the first `len` places, of which there are `N` at least, are values: `push` wrote them one by one, or the
        // list was copied out of a segment, where any bytes are a `T`, or just these places were checked (`validity`).
        unsafe { core::slice::from_raw_parts(self.values.as_ptr().cast::<T>(), len) }
    }
}

impl<T: Plain, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug, const N: usize> fmt::Debug for List<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: PartialEq, const N: usize> PartialEq for List<T, N> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq, const N: usize> Eq for List<T, N> {}

/// Values and their count.
impl<T: Plain, A: Access, const N: usize> Shared<List<T, N>, A> {
    /// The values that there are now, each in its place: to read and write one by one, and to iterate.
    ///
    /// The count is read once. What other processes push afterwards is not in this slice, and what they take away stays in it.
    pub fn as_slice(&self) -> &[Shared<T, A>]
    where
        A: Readable,
    {
        &self.values[..within(self.len.get(), N)]
    }

    /// Appends a value: it is written, and then the count.
    ///
    /// # Errors
    ///
    /// [`CapacityError`] if there are `N` already. Nothing is written then.
    pub fn push(&self, value: T) -> Result<(), CapacityError>
    where
        A: Readable + Writable,
    {
        let at = within(self.len.get(), N);
        let len = CapacityError::check(Holds::List, at + 1, N)?;
        self.values[at].set(value);
        self.len.set(len);
        Ok(())
    }

    /// Writes these values in place of those that there are: the values, and then their count. With an empty slice, the list
    /// is empty.
    ///
    /// # Errors
    ///
    /// [`CapacityError`] if there are more than `N`. Nothing is written then.
    pub fn set_from(&self, values: &[T]) -> Result<(), CapacityError>
    where
        A: Writable,
    {
        let len = CapacityError::check(Holds::List, values.len(), N)?;
        self.values.copy_range_from(..values.len(), values);
        self.len.set(len);
        Ok(())
    }

    /// Reads the values into `values`, in place of what is there: a `Vec` that is kept is not allocated anew.
    ///
    /// What contains an enum or a `char` is read by [`try_get`](Self::try_get), whole, or one by one.
    pub fn read_into(&self, values: &mut Vec<T>)
    where
        T: AlwaysValid,
        A: Readable,
    {
        const { assert_always_valid::<T>() };
        values.clear();
        values.extend(self.as_slice().iter().map(Shared::get));
    }
}

/// What does not fit into a [`Text`](crate::Text) or a [`List`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CapacityError {
    /// Bytes of the text, or values of the list, that were to be written.
    pub len: usize,
    /// How many there is room for.
    pub capacity: usize,
    holds: Holds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Text,
    List,
}

impl CapacityError {
    /// `len` as it is written into a segment.
    pub(crate) fn check(holds: Holds, len: usize, capacity: usize) -> Result<u32, Self> {
        match u32::try_from(len) {
            Ok(written) if len <= capacity => Ok(written),
            _ => Err(Self { len, capacity, holds }),
        }
    }
}

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { len, capacity, holds } = self;
        match holds {
            Holds::Text => write!(f, "a text of {len} bytes")?,
            Holds::List if *len == 1 => f.write_str("a list of 1 value")?,
            Holds::List => write!(f, "a list of {len} values")?,
        }
        write!(f, " does not fit into {capacity}; nothing was written")
    }
}

impl core::error::Error for CapacityError {}

/// The values, as those of a slice.
#[cfg(feature = "serde")]
impl<T: serde::Serialize, const N: usize> serde::Serialize for List<T, N> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(feature = "serde")]
impl<'de, T: Plain + serde::Deserialize<'de>, const N: usize> serde::Deserialize<'de> for List<T, N> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_slice(&Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
