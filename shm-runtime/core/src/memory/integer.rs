//! The integers that can be used atomically: those of a plain field.

use core::sync::atomic::{
    AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32, AtomicU64,
    AtomicUsize,
};

use crate::memory::shareable::Shareable;

/// An integer that has an atomic twin: what [`Shared::atomic`](crate::Shared::atomic) needs. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no atomic twin",
    note = "integers of 8 to 64 bits have one; declare the field as `AtomicBool` to use a flag atomically"
)]
pub trait Integer: Shareable + private::Sealed {
    /// The standard atomic of the same size and alignment.
    type Atomic;
}

macro_rules! integer {
    ($($int:ty = $atomic:ty),* $(,)?) => {$(
        impl Integer for $int {
            type Atomic = $atomic;
        }
        impl private::Sealed for $int {}
    )*};
}
integer! {
    u8 = AtomicU8, u16 = AtomicU16, u32 = AtomicU32, u64 = AtomicU64, usize = AtomicUsize,
    i8 = AtomicI8, i16 = AtomicI16, i32 = AtomicI32, i64 = AtomicI64, isize = AtomicIsize,
}

mod private {
    pub trait Sealed {}
}
