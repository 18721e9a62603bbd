//! What all types of this module have in common, as types that live in shared memory.

/// Implements `Shareable` for a `#[repr(C)]` struct of this module: `T: NAME, how many { field: Type, .. }`, with all its
/// fields in order, and how it is carried into another segment if not scalar by scalar.
///
/// The twin is the same struct with another marker, `A`.
///
/// # Safety
///
/// Each field is an atomic, a `Shared<F, A>` for which `F` is written here, or another such struct. Whatever its methods do,
/// `A` allows. It has no drop glue and no lifetime.
macro_rules! builtin {
    (
        unsafe impl [$($generics:tt)*] $type:ty, $twin:ty: $name:literal, $count:literal { $($field:ident: $of:ty),+ }
        $($carried:ident $(($hold:expr))?)?
    ) => {
        // SAFETY: `__LAYOUT` names the fields at their offsets, and `__copy` copies them; that they are all is checked by the
        // size. `__Parts<A>` has the same layout, since `Shared<F, A>` has that of an `F` whatever `A` is; it is valid with any
        // bytes, and has interior mutability, as atomics and `Shared` do. The rest the caller says.
        unsafe impl<$($generics)*> Shareable for $type {
            type __Parts<A: Access> = $twin;

            type __Member = Member<Self>;
            const __MEMBERS: Fields = Fields::listed::<($(<$of as Shareable>::__Member,)+)>();
            const __NAMES: &'static [&'static str] = &[$(stringify!($field)),+];
            const __OFFSETS: &'static [usize] = &[$(offset_of!(Self, $field)),+];
            const __LAYOUT: Declared = Declared::builtin::<Self, $count>($name)$(.$carried($($hold)?))?;
        }
    };
}

pub(super) use builtin;
