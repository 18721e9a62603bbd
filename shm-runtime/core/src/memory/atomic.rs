//! Standard atomics in a segment, where the standard type itself would offer too much.
//!
//! Under [`ReadWrite`](crate::ReadWrite) a `Shared<AtomicU64>` derefs to the `AtomicU64` itself. Two cases
//! need more care. Through a read-only or write-only attachment only half of the operations may be had;
//! and an [`AtomicBool`] has the validity of a `bool`, which a byte in shared memory cannot promise.

use core::fmt;
use core::marker::PhantomData;
use core::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32,
    AtomicU64, AtomicUsize, Ordering, fence,
};

use crate::memory::access::{ReadWrite, Readable, Writable};

/// A standard atomic type that can live in a segment. Sealed.
///
/// # Safety
///
/// `Cell` has the size and alignment of `Self` and is valid with any bytes.
#[doc(hidden)]
pub unsafe trait Atom: Sized + 'static {
    /// The plain value.
    type Value: Copy + fmt::Debug;
    /// The atomic that accesses the memory.
    type Cell;
    /// What a read-write attachment derefs to.
    type Full;

    fn load(cell: &Self::Cell, order: Ordering) -> Self::Value;
    fn store(cell: &Self::Cell, value: Self::Value, order: Ordering);
}

macro_rules! atom {
    ($($atomic:ty = $value:ty),* $(,)?) => {$(
        // SAFETY: an integer atomic is valid with any bytes, and `Cell` is the type itself.
        unsafe impl Atom for $atomic {
            type Value = $value;
            type Cell = $atomic;
            type Full = $atomic;

            #[inline]
            fn load(cell: &$atomic, order: Ordering) -> $value {
                cell.load(order)
            }
            #[inline]
            fn store(cell: &$atomic, value: $value, order: Ordering) {
                cell.store(value, order);
            }
        }
    )*};
}
atom! {
    AtomicU8 = u8, AtomicU16 = u16, AtomicU32 = u32, AtomicU64 = u64, AtomicUsize = usize,
    AtomicI8 = i8, AtomicI16 = i16, AtomicI32 = i32, AtomicI64 = i64, AtomicIsize = isize,
}

// SAFETY: the cell is an `AtomicU8`, which is valid with any byte and laid out as an `AtomicBool`.
unsafe impl Atom for AtomicBool {
    type Value = bool;
    type Cell = AtomicU8;
    type Full = Atomic<AtomicBool, ReadWrite>;

    #[inline]
    fn load(cell: &AtomicU8, order: Ordering) -> bool {
        cell.load(order) != 0
    }
    #[inline]
    fn store(cell: &AtomicU8, value: bool, order: Ordering) {
        cell.store(u8::from(value), order);
    }
}

/// A standard atomic `T` in a segment, reached with access `A`.
///
/// This is what the field of an atomic type derefs to through a read-only attachment (only
/// [`load`](Self::load)) and through a write-only one (only [`store`](Self::store)), and what an
/// `AtomicBool` derefs to always: its methods take any byte but 0 for `true`, because another process may
/// have written any.
#[repr(transparent)]
pub struct Atomic<T: Atom, A> {
    cell: T::Cell,
    access: PhantomData<A>,
}

impl<T: Atom, A> Atomic<T, A> {
    /// Reads the value, as the `load` of the standard atomic does.
    ///
    /// # Panics
    ///
    /// If `order` is `Release` or `AcqRel`, which a load cannot have.
    #[inline]
    pub fn load(&self, order: Ordering) -> T::Value
    where
        A: Readable,
    {
        // The pages may be mapped read-only, and there the standard library allows relaxed loads only.
        // A fence beside the relaxed load orders at least as much as the load itself would have.
        match order {
            Ordering::Relaxed => T::load(&self.cell, Ordering::Relaxed),
            Ordering::Acquire => {
                let value = T::load(&self.cell, Ordering::Relaxed);
                fence(Ordering::Acquire);
                value
            }
            Ordering::SeqCst => {
                fence(Ordering::SeqCst);
                let value = T::load(&self.cell, Ordering::Relaxed);
                fence(Ordering::SeqCst);
                value
            }
            // Release and AcqRel: the standard load panics, and names the order.
            other => T::load(&self.cell, other),
        }
    }

    /// Writes the value, as the `store` of the standard atomic does.
    ///
    /// # Panics
    ///
    /// If `order` is `Acquire` or `AcqRel`, which a store cannot have.
    #[inline]
    pub fn store(&self, value: T::Value, order: Ordering)
    where
        A: Writable,
    {
        T::store(&self.cell, value, order);
    }
}

impl<A: Readable + Writable> Atomic<AtomicBool, A> {
    /// Writes `value` and returns the one before.
    #[inline]
    pub fn swap(&self, value: bool, order: Ordering) -> bool {
        self.cell.swap(u8::from(value), order) != 0
    }

    /// Writes `new` if the value is `current`; returns the value before, `Ok` if it was `current`.
    ///
    /// # Errors
    ///
    /// The value found, if it was not `current`. Nothing was written then.
    ///
    /// # Panics
    ///
    /// If `failure` is `Release` or `AcqRel`, which a load cannot have.
    #[inline]
    pub fn compare_exchange(
        &self,
        current: bool,
        new: bool,
        success: Ordering,
        failure: Ordering,
    ) -> Result<bool, bool> {
        // `true` may be any of 255 bytes, so the byte to compare with is the one that is there.
        let mut byte = self.cell.load(failure);
        while (byte != 0) == current {
            match self.cell.compare_exchange_weak(byte, u8::from(new), success, failure) {
                Ok(_) => return Ok(current),
                Err(found) => byte = found,
            }
        }
        Err(!current)
    }

    /// Logical "and" with the value; returns the one before.
    #[inline]
    pub fn fetch_and(&self, value: bool, order: Ordering) -> bool {
        if value { self.load_via_rmw(order) } else { self.swap(false, order) }
    }

    /// Logical "or" with the value; returns the one before.
    #[inline]
    pub fn fetch_or(&self, value: bool, order: Ordering) -> bool {
        if value { self.swap(true, order) } else { self.load_via_rmw(order) }
    }

    /// A read-modify-write that changes nothing, for the ordering it has.
    #[inline]
    fn load_via_rmw(&self, order: Ordering) -> bool {
        self.cell.fetch_or(0, order) != 0
    }
}

impl<T: Atom, A: Readable> fmt::Debug for Atomic<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load(Ordering::Relaxed).fmt(f)
    }
}
