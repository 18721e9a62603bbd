//! The derives of `shm-runtime`, which re-exports them; use them from there.

mod ast;
mod attr;
mod check;
mod ctxt;
mod expand;
mod literal;
mod manifest;
mod names;
mod repr;
mod role;
mod tokens;

use proc_macro::TokenStream;

use crate::role::Role;

/// Makes a `#[repr(C)]` struct one that can be a whole System V shared memory segment.
///
/// It implements the trait `SharedSegment` (`create`, `open`, `remove` and their like), `Shareable`, and generates
/// a struct `{Name}Fields<A>` with the same fields, each a `Shared<_, A>`: what an attachment derefs to. At compile time the
/// size and alignment of the two are compared, and the struct's size and every offset with what C would make of it.
///
/// # `#[shm(...)]` on the struct
///
/// One of these names the segment:
///
/// | setting | the key |
/// | --- | --- |
/// | `ftok(path = "/var/lib/weather", project = 'W')` | ftok(3) of an existing file (any `Into<PathBuf>`) and a project from 1 to 255 |
/// | `key = 0x5748_0001` | this `key_t` |
/// | `name = "org.example.weather"` | hashed from the name at compile time; needs no file |
/// | `private` | IPC_PRIVATE: found by its shmid only |
///
/// These are optional:
///
/// | setting | meaning |
/// | --- | --- |
/// | `mode = 0o660` | permissions of a new segment; 0o600 if not given |
/// | `trust = "gpsd"`, `trust = 1000`, `trust = any` | whose segments, and companions, are opened too, besides our own and root's |
/// | `type_name = "Station"` | the name that two programs have to agree on, if the structs' own differ |
/// | `bare` | no seal: exactly `size_of::<Self>()` bytes, for segments that other programs create or whose size they check |
/// | `size = 96`, `align = 8` | what size and alignment have to be; a compile error if they are not |
/// | `fields = Name` | the name of the generated struct of fields, if `{Name}Fields` is taken |
/// | `bound = "T: Trait"` | what the impls require of the type parameters, instead of what the derive infers |
/// | `crate = path` | where `shm_runtime` is, if it was renamed or re-exported |
///
/// # `#[shm(...)]` on a field
///
/// | setting | meaning |
/// | --- | --- |
/// | `offset = 16` | what the field's offset has to be; a compile error if it is not |
/// | `was = "celsius"` | the name that the field had before: a segment in which it still has that one has the same layout |
///
/// # What compiles
///
/// Structs with `#[repr(C)]` (also with `align(N)`) or `#[repr(transparent)]`, with named fields or as tuple structs, with type
/// parameters and const parameters, whose fields are all `Shareable`. All mistakes of a struct are reported at once, each at its place.
///
/// The last field may be a slice, `records: [Record]`, C's flexible array member, if there is a field before it and its elements
/// have a size. Then the trait that is implemented is `TailedSegment`, because the struct has no size of its own: the length is
/// chosen when a segment is created, `Log::options().len(1000).create()`. Such a struct cannot gain fields at its end.
/// `size` is what C calls `sizeof`: that of the struct with an empty slice.
///
/// A type parameter `T` has to be `Shareable` where a field is of type `T` or contains it, and `T::Item` where a field is of that
/// type; a parameter that is in no field, or in a `PhantomData` only, has to be nothing but `'static`.
#[proc_macro_derive(SharedSegment, attributes(shm))]
pub fn derive_shared_segment(input: TokenStream) -> TokenStream {
    derive(input, Role::Segment)
}

/// Makes a `#[repr(C)]` struct, or a fieldless enum of `#[repr(u8)]` to `#[repr(i64)]`, a part that can be in a
/// segment.
///
/// It implements `Shareable`; for a struct as [`SharedSegment`] does, whose `size`, `align`, `crate`, `offset`
/// and `was` settings can be given here too.
#[proc_macro_derive(Shareable, attributes(shm))]
pub fn derive_shareable(input: TokenStream) -> TokenStream {
    derive(input, Role::Part)
}

fn derive(input: TokenStream, role: Role) -> TokenStream {
    match syn::parse2(tokens::normalise(input.into())) {
        Ok(input) => expand::derive(&input, role).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
