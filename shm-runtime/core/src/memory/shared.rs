//! `Shared<T, A>`: a value that lives in shared memory.

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::Deref;
use core::panic::{RefUnwindSafe, UnwindSafe};

use crate::memory::access::{Access, ReadWrite, Readable, Writable};
use crate::memory::bulk;
use crate::memory::direction::Load;
use crate::memory::integer::Integer;
use crate::memory::shareable::{AlwaysValid, Plain, Shareable};
use crate::memory::structure::{Declared, assert_always_valid};
use crate::memory::validity::{self, InvalidValue};

/// A `T` that lives in shared memory, reached with access `A`.
///
/// It has the size and layout of a `T`, and is reached by references only: [`Attached`](crate::Attached) derefs
/// to one, and that derefs to its parts. A struct gives its fields, each a `Shared` of its own; an array its
/// elements, as a slice does; a standard atomic the atomic itself.
///
/// Other processes may write to the memory at any time. So there is never a `&T` into it: values are copied
/// out by [`get`](Self::get) and in by [`set`](Self::set).
///
/// # What is atomic
///
/// Every scalar is read and written by one relaxed atomic access of its own width, which is the instruction
/// that a raw pointer would take: it is never torn. A whole struct or array is **not** one atomic unit: while
/// one process sets it, another may get some fields old and some new. Where fields must agree, put them into a
/// [`sync::SeqLock`](crate::sync::SeqLock) or a [`sync::Mutex`](crate::sync::Mutex).
#[repr(transparent)]
pub struct Shared<T, A = ReadWrite> {
    memory: UnsafeCell<MaybeUninit<T>>,
    access: PhantomData<A>,
}

// SAFETY: all that a shared reference offers is atomic accesses, and parts that offer the same.
unsafe impl<T: Shareable, A: Access> Sync for Shared<T, A> {}
// No invariant could be broken by a panic: any bytes are allowed at any time.
impl<T: Shareable, A: Access> RefUnwindSafe for Shared<T, A> {}
impl<T: Shareable, A: Access> UnwindSafe for Shared<T, A> {}

impl<T: Shareable, A: Access> Shared<T, A> {
    /// Reads the value.
    ///
    /// Each scalar is read atomically, the whole of a struct or array is not (see [the type](Self)). A large array
    /// that has a place already gets there faster by [`copy_to`](Self::copy_to).
    ///
    /// Of an array this is the whole of it. One element is `array[i].get()`; where the index may be out of bounds, the slice
    /// has it as an `Option`: `array.as_slice().get(i)`, whose element has this `get` again.
    ///
    /// # Examples
    ///
    /// ```
    /// use shm_runtime::{Shareable, SharedSegment};
    ///
    /// #[derive(Clone, Copy, Shareable)]
    /// #[repr(C)]
    /// struct Wind { speed: f64, degrees: u16 }
    ///
    /// #[derive(SharedSegment)]
    /// #[repr(C)]
    /// #[shm(private)]
    /// struct Station { celsius: f64, wind: Wind }
    ///
    /// let segment = Station::create()?.remove_on_drop();
    /// let station = segment.attach()?;
    /// station.wind.set(Wind { speed: 3.5, degrees: 270 });
    /// assert_eq!(station.wind.speed.get(), 3.5);
    /// assert_eq!(station.wind.get().degrees, 270);
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    // The compiler quotes the line to those who call it with an index, and proposes to leave that out.
    #[rustfmt::skip]
    #[inline]
    pub fn get(&self) -> T // all of it: one element of an array is `array[i].get()`
    where
        T: Plain + AlwaysValid,
        A: Readable,
    {
        const { assert_always_valid::<T>() };
        let mut value = MaybeUninit::uninit();
        // SAFETY: the memory of `self` is readable for a `T`, `value` is private.
        unsafe { bulk::copy::<T, Load>(self.as_ptr(), value.as_mut_ptr()) };
        // SAFETY: every scalar was just copied, and any bytes make a `T`, as was just asserted of its layout.
        unsafe { value.assume_init() }
    }

    /// Reads the value, if the bytes there are one.
    ///
    /// For a `char`, an enum, and whatever contains one: another process may have written anything.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] names the part that is not valid and what was found there.
    #[inline]
    pub fn try_get(&self) -> Result<T, InvalidValue>
    where
        T: Plain,
        A: Readable,
    {
        let mut value = MaybeUninit::uninit();
        // SAFETY: the memory of `self` is readable for a `T`, `value` is private.
        unsafe { bulk::copy::<T, Load>(self.as_ptr(), value.as_mut_ptr()) };
        // SAFETY: every scalar of this private `T` was just copied.
        unsafe { validity::check(Declared::of::<T>(), value.as_ptr().cast()) }?;
        // SAFETY: initialised, and checked to be a valid `T`.
        Ok(unsafe { value.assume_init() })
    }

    /// Writes the value.
    ///
    /// Each scalar is written atomically, the whole of a struct or array is not (see [the type](Self)). Padding is
    /// not written: what this process had in it does not leak. A large array that is kept is better written by
    /// [`copy_from`](Self::copy_from), which takes a reference: to pass a value is to copy it.
    #[inline]
    pub fn set(&self, value: T)
    where
        T: Plain,
        A: Writable,
    {
        // SAFETY: the memory of `self` is writable for a `T` under `Writable`.
        unsafe { bulk::store(value, self.memory.get().cast()) };
    }

    /// Reads the value, passes it through `change`, and writes the result.
    ///
    /// Two steps, not one: what another process writes in between is overwritten. To count, use
    /// [`atomic`](Self::atomic) and `fetch_add`.
    #[inline]
    pub fn update(&self, change: impl FnOnce(T) -> T)
    where
        T: Plain + AlwaysValid,
        A: Readable + Writable,
    {
        self.set(change(self.get()));
    }

    /// The standard atomic over a plain integer field, for `fetch_add`, `compare_exchange` and orderings.
    #[inline]
    pub fn atomic(&self) -> &T::Atomic
    where
        T: Integer,
        A: Readable + Writable,
    {
        // SAFETY: `T::Atomic` has the layout of the integer `T` and is valid with any bytes; it has interior
        // mutability, as the memory of `self` has; and under this access the memory can be written.
        unsafe { &*self.memory.get().cast() }
    }

    /// The address, for C functions and inline assembly.
    ///
    /// It is valid as long as the attachment is. Reading through it takes `unsafe`, and code that does has to
    /// reckon with writes by other processes: volatile or atomic accesses only.
    #[inline]
    pub fn as_ptr(&self) -> *const T
    where
        A: Readable,
    {
        self.memory.get().cast()
    }

    /// The address, for C functions that write.
    ///
    /// It is valid as long as the attachment is. Writing through it takes `unsafe`, and code that does has to reckon
    /// with accesses by other processes: volatile or atomic accesses only.
    #[inline]
    pub fn as_mut_ptr(&self) -> *mut T
    where
        A: Writable,
    {
        self.memory.get().cast()
    }
}

impl<T: Shareable, A: Access> Deref for Shared<T, A> {
    type Target = T::__Parts<A>;

    #[inline]
    fn deref(&self) -> &T::__Parts<A> {
        const { _ = Declared::of::<T>() };
        // SAFETY: the parts lie within `T` and are aligned as `T` is, as was just asserted. By the contract of `Shareable`, they
        // are valid with any bytes and have interior mutability wherever the memory may change.
        unsafe { &*self.memory.get().cast() }
    }
}
