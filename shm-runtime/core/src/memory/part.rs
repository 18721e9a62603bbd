//! Parts of shared memory that keep it mapped themselves.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr::NonNull;
use std::sync::Arc;

use crate::memory::access::{Access, ReadWrite, Readable};
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;

/// What keeps memory mapped: the type of the attachment does not matter to its parts.
pub(crate) type Owner = Arc<dyn Send + Sync + UnwindSafe + RefUnwindSafe>;

/// A part of a segment with a share of the attachment that it is in: what [`Attached::part`](crate::Attached::part) returns.
///
/// It derefs to the [`Shared`] part, borrows nothing, and so can be kept in a struct, and be given to any thread. The
/// segment is detached when the last of its parts, and of the handles to the attachment, is dropped.
///
/// ```
/// use std::sync::Arc;
///
/// use shm_runtime::{Part, SharedSegment};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Station {
///     celsius: f64,
///     gusts: [f32; 16],
/// }
///
/// struct Thermometer {
///     celsius: Part<f64>,
/// }
///
/// let segment = Station::create()?.remove_on_drop();
/// let station = Arc::new(segment.attach()?);
/// let thermometer = Thermometer { celsius: station.part(|station| &station.celsius) };
/// let last = station.part(|station| &station.gusts[15]);
/// drop(station); // the parts keep it attached
/// thermometer.celsius.set(21.5);
/// last.set(7.0);
/// # assert_eq!(segment.attach_read_only()?.celsius.get(), 21.5);
/// # Ok::<(), shm_runtime::Error>(())
/// ```
pub struct Part<T: Shareable, A: Access = ReadWrite>(Kept<'static, Shared<T, A>>);

impl<T: Shareable, A: Access> Part<T, A> {
    pub(crate) fn new(part: Kept<'static, Shared<T, A>>) -> Self {
        Self(part)
    }

    pub(crate) fn into_kept(self) -> Kept<'static, Shared<T, A>> {
        self.0
    }
}

impl<T: Shareable, A: Access> Deref for Part<T, A> {
    type Target = Shared<T, A>;

    #[inline]
    fn deref(&self) -> &Shared<T, A> {
        &self.0
    }
}

/// Another share of the same attachment.
impl<T: Shareable, A: Access> Clone for Part<T, A> {
    fn clone(&self) -> Self {
        Self(self.0.share())
    }
}

impl<T: Shareable, A: Readable> fmt::Debug for Part<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// A `&'a P`; or, with an owner, a reference that is valid as long as that is.
///
/// A pointer and not a reference, for that would have to be valid until the end of a function in which the owner is dropped.
pub(crate) struct Kept<'a, P: ?Sized> {
    /// Valid as a shared reference while `owner` lives or, without one, for `'a`.
    at: NonNull<P>,
    owner: Option<Owner>,
    borrowed: PhantomData<&'a P>,
}

// SAFETY: it gives `&P`, which another thread may have if `P` is `Sync`; the owner is `Send` and `Sync`.
unsafe impl<P: ?Sized + Sync> Send for Kept<'_, P> {}
// SAFETY: as above: through a shared reference, too, it gives `&P` and a share of the owner.
unsafe impl<P: ?Sized + Sync> Sync for Kept<'_, P> {}

impl<P> Kept<'static, P> {
    /// # Safety
    ///
    /// `at` is valid as a shared reference as long as there is a share of `owner`.
    pub(crate) unsafe fn owned(at: NonNull<P>, owner: Owner) -> Self {
        Self { at, owner: Some(owner), borrowed: PhantomData }
    }
}

impl<'a, P: ?Sized> Kept<'a, P> {
    /// Another share.
    pub(crate) fn share(&self) -> Self {
        let Self { at, owner, borrowed } = self;
        Self { at: *at, owner: owner.clone(), borrowed: *borrowed }
    }

    /// The same, of what `project` finds in it.
    pub(crate) fn map<Q: ?Sized>(self, project: impl for<'b> FnOnce(&'b P) -> &'b Q) -> Kept<'a, Q> {
        let at = NonNull::from(project(&self));
        Kept { at, owner: self.owner, borrowed: PhantomData }
    }
}

impl<'a, P: ?Sized> From<&'a P> for Kept<'a, P> {
    #[inline]
    fn from(borrowed: &'a P) -> Self {
        Self { at: borrowed.into(), owner: None, borrowed: PhantomData }
    }
}

impl<P: ?Sized> Deref for Kept<'_, P> {
    type Target = P;

    #[inline]
    fn deref(&self) -> &P {
        // SAFETY: without an owner, it was made of a reference for `'a`, which has not ended while `self` is used. With
        // one, it is valid while there is a share of the owner, and `self` has one. If `map` made it of another `Kept`, it is
        // valid as long as that one's reference would be, because `project` works for any lifetime: it returns a part of
        // what it is given, or what is valid for ever.
        unsafe { self.at.as_ref() }
    }
}
