//! Structs that end in a slice, whose length is chosen when their segment is created: C's flexible array member.

use core::fmt;

use crate::memory::access::Access;
use crate::memory::direction::Direction;
use crate::memory::fields::Member;
use crate::memory::shareable::{AlwaysValid, Shareable};
use crate::memory::shared::Shared;
use crate::memory::slice::SharedSlice;
use crate::memory::structure::Declared;

/// What can be the whole of a segment: every [`Shareable`] type, and a struct that ends in a slice.
///
/// # Safety
///
/// Implemented here and by the derive; there is no need to do it by hand. An implementation promises that
/// - `__Head` is laid out as the struct is if its slice is empty, and its layout has the slice's elements if there is a slice;
/// - `__View<A>` is what [`Shareable`] says of the parts of a type, and can be used by many threads; of a struct with a slice, with
///   as many elements at its end as `__view` is given;
/// - `__view` gives the address and the length that it is given.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the whole of a segment",
    label = "not shareable",
    note = "a struct of your own: add `#[derive(shm_runtime::SharedSegment)]` and `#[repr(C)]`"
)]
pub unsafe trait Whole: 'static {
    /// The type itself; of a struct that ends in a slice, the same with an empty one.
    #[doc(hidden)]
    type __Head: Shareable;

    /// What an attachment derefs to.
    #[doc(hidden)]
    type __View<A: Access>: ?Sized + fmt::Debug;

    #[doc(hidden)]
    fn __view<A: Access>(at: *const u8, len: usize) -> *const Self::__View<A>;
}

// SAFETY: the type itself, in which no slice is; `Shared` is what `Shareable` says of parts.
unsafe impl<T: Shareable> Whole for T {
    type __Head = T;
    type __View<A: Access> = Shared<T, A>;

    #[inline]
    fn __view<A: Access>(at: *const u8, _: usize) -> *const Shared<T, A> {
        at.cast()
    }
}

/// Where the slice begins, in a struct of which it is the last field. It has no size of its own.
#[repr(transparent)]
pub struct Tail<T>([T; 0]);

// SAFETY: nothing is in it, and so nothing is copied.
unsafe impl<T: Shareable> Shareable for Tail<T> {
    type __Parts<A: Access> = [Shared<T, A>; 0];
    type __Member = Member<Self>;
    const __LAYOUT: Declared = Declared::tail::<T>();

    #[inline]
    unsafe fn __copy<D: Direction>(_: *const Self, _: *mut Self) {}
}

// SAFETY: nothing is in it.
unsafe impl<T> AlwaysValid for Tail<T> {}

/// That two fields are of one type: what the derive asks of the two structs that it makes of one.
pub const fn same<T>(_: &T, _: &T) {}

/// The same of the slice and of its place.
pub const fn same_elements<T, A>(_: &SharedSlice<T, A>, _: &Shared<Tail<T>, A>) {}

/// How large a type is with a slice of any length at its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    head: usize,
    align: usize,
    /// Bytes of an element; 0 of a type without a slice.
    element: usize,
}

impl Extent {
    /// `element` is 0 if there is no slice.
    pub(crate) const fn new(head: usize, align: usize, element: usize) -> Self {
        Self { head, align, element }
    }

    pub(crate) const fn of<T: Whole + ?Sized>() -> Self {
        let layout = Declared::of::<T::__Head>();
        let element = match layout.tail() {
            Some(of) => {
                assert!(
                    of.size > 0,
                    "a slice at the end of a struct needs elements that have a size, or its length cannot be counted"
                );
                of.size
            }
            None => 0,
        };
        Self::new(layout.size, layout.align, element)
    }

    pub(crate) const fn align(self) -> usize {
        self.align
    }

    /// Whether there is a slice.
    pub(crate) const fn is_tailed(self) -> bool {
        self.element > 0
    }

    /// Bytes of the struct with an empty slice: C's `sizeof`.
    pub(crate) const fn head(self) -> usize {
        self.head
    }

    /// Bytes with a slice of this length, as C programs count them: `sizeof(struct log) + len * sizeof(struct record)`. `None` if
    /// that is more than can be mapped.
    pub(crate) fn exact(self, len: usize) -> Option<usize> {
        let size = self.element.checked_mul(len)?.checked_add(self.head)?;
        // What the compiler says the struct's size is, is a multiple of its alignment, and no object is larger.
        size.checked_next_multiple_of(self.align).filter(|&size| isize::try_from(size).is_ok())?;
        Some(size)
    }

    /// The same, and the padding that the compiler takes to belong to the struct: nothing else lies there.
    pub(crate) fn padded(self, len: usize) -> Option<usize> {
        self.exact(len).map(|size| size.next_multiple_of(self.align))
    }

    /// How long a slice is that takes up `size` bytes with the struct, as C programs count them, and how many bytes are left.
    /// `None` if the struct does not fit.
    pub(crate) fn len_in(self, size: usize) -> Option<(usize, usize)> {
        let rest = size.checked_sub(self.head)?;
        Some(match self.element {
            0 => (0, rest),
            element => (rest / element, rest % element),
        })
    }
}
