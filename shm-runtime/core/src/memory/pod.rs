//! Types of other crates that are plain bytes, by the traits of `bytemuck` and of `zerocopy`.

use core::ops::{Deref, DerefMut};

use crate::memory::access::Access;
use crate::memory::bulk;
use crate::memory::direction::Direction;
use crate::memory::fields::Member;
use crate::memory::shareable::{AlwaysValid, Opaque, Shareable};
use crate::memory::structure::Declared;

/// Copies a `T` as integers that are as wide as it is aligned, up to 64 bits: those of [`Declared::units`].
///
/// # Safety
///
/// As for [`Direction`], for a `T` on each side. It has no padding, and its alignment is that of its place.
#[inline(always)]
unsafe fn copy<T, D: Direction>(from: *const T, to: *mut T) {
    let size = size_of::<T>();
    // SAFETY: a type's size is a multiple of its alignment, so these are all of its bytes, aligned. The caller says that both
    // places are readable or writable, and that they are initialised and private where that is needed, which without padding
    // is so for every byte.
    unsafe {
        match align_of::<T>() {
            1 => bulk::copy_slice::<u8, D>(from.cast(), to.cast(), size),
            2 => bulk::copy_slice::<u16, D>(from.cast(), to.cast(), size / 2),
            4 => bulk::copy_slice::<u32, D>(from.cast(), to.cast(), size / 4),
            _ => bulk::copy_slice::<u64, D>(from.cast(), to.cast(), size / 8),
        }
    }
}

macro_rules! wrapper {
    ($(#[$doc:meta])* $name:ident: $($bound:path),*) => {
        $(#[$doc])*
        #[repr(transparent)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $name<T>(pub T);

        // SAFETY: by the bounds, whose contracts are unsafe to claim, `T` has no padding and no interior mutability: so
        // `Declared::units` describes all of its bytes, and `copy` copies just those. A `Copy` type has no drop glue. `Opaque` is
        // empty.
        unsafe impl<T: $($bound +)* Copy + 'static> Shareable for $name<T> {
            type __Parts<A: Access> = Opaque;
            type __Member = Member<Self>;
            const __LAYOUT: Declared = Declared::units::<T>();

            #[inline(always)]
            unsafe fn __copy<D: Direction>(from: *const Self, to: *mut Self) {
                // SAFETY: the wrapper is transparent, so a `T` is on each side, readable or writable, aligned, private and
                // initialised as the caller says; it has no padding.
                unsafe { copy::<T, D>(from.cast(), to.cast()) }
            }
        }

        // SAFETY: by the bounds, any bytes are a `T`.
        unsafe impl<T: $($bound +)* Copy + 'static> AlwaysValid for $name<T> {}

        impl<T> From<T> for $name<T> {
            fn from(value: T) -> Self {
                Self(value)
            }
        }

        impl<T> Deref for $name<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }

        impl<T> DerefMut for $name<T> {
            fn deref_mut(&mut self) -> &mut T {
                &mut self.0
            }
        }

        #[cfg(feature = "serde")]
        impl<T: serde::Serialize> serde::Serialize for $name<T> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for $name<T> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                T::deserialize(deserializer).map(Self)
            }
        }
    };
}

#[cfg(feature = "bytemuck")]
wrapper! {
    /// A type of another crate that is [`bytemuck::Pod`]: the feature `bytemuck`.
    ///
    /// [`Shared::get`](crate::Shared::get) and [`set`](crate::Shared::set) copy it, and it derefs to the type.
    ///
    /// ```
    /// # #[cfg(feature = "bytemuck")] {
    /// use shm_runtime::{Pod, SharedSegment};
    ///
    /// #[derive(Clone, Copy)]
    /// #[repr(transparent)]
    /// struct Uuid([u8; 16]); // of another crate
    /// // SAFETY: an array of bytes.
    /// unsafe impl bytemuck::Zeroable for Uuid {}
    /// // SAFETY: an array of bytes.
    /// unsafe impl bytemuck::Pod for Uuid {}
    ///
    /// #[derive(SharedSegment)]
    /// #[repr(C)]
    /// #[shm(private)]
    /// struct Station {
    ///     id: Pod<Uuid>,
    /// }
    ///
    /// let segment = Station::create()?.remove_on_drop();
    /// let station = segment.attach()?;
    /// station.id.set(Pod(Uuid([7; 16])));
    /// assert_eq!(station.id.get().0.0, [7; 16]);
    /// # }
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    ///
    /// It is accessed by integers that are as wide as it is aligned, up to 64 bits, each of them atomically: of a `Vec3` of `f32`,
    /// each component; of a `[u8; 16]`, each byte. That is also how a schema has it, which cannot know the names of its
    /// fields: `builtin Pod`, with `units`. So two types of the same size and alignment are the same to it, and what they
    /// mean is for those who share it to agree on.
    Pod: bytemuck::Pod
}

#[cfg(feature = "zerocopy")]
wrapper! {
    /// A type of another crate that has the traits of `zerocopy`: [`FromBytes`](zerocopy::FromBytes),
    /// [`IntoBytes`](zerocopy::IntoBytes) and [`Immutable`](zerocopy::Immutable). The feature `zerocopy`.
    ///
    /// [`Shared::get`](crate::Shared::get) and [`set`](crate::Shared::set) copy it, and it derefs to the type.
    ///
    /// ```
    /// # #[cfg(feature = "zerocopy")] {
    /// use shm_runtime::{SharedSegment, ZeroCopy};
    /// use zerocopy::big_endian::U32;
    ///
    /// #[derive(SharedSegment)]
    /// #[repr(C)]
    /// #[shm(private)]
    /// struct Station {
    ///     address: ZeroCopy<U32>,
    /// }
    ///
    /// let segment = Station::create()?.remove_on_drop();
    /// let station = segment.attach()?;
    /// station.address.set(ZeroCopy(U32::new(0x7f00_0001)));
    /// assert_eq!(station.address.get().get(), 0x7f00_0001);
    /// # }
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    ///
    /// It is accessed by integers that are as wide as it is aligned, up to 64 bits, each of them atomically. A schema has
    /// these integers, and not its fields: `builtin Pod`, with `units`. So two types of the same size and alignment are the
    /// same to it, and what they mean is for those who share it to agree on.
    ZeroCopy: zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable
}
