//! Lints that may be forbidden, in a crate that itself does nothing that they forbid.
//!
//! To forbid a lint is to refuse every `allow` of it, also one in what a derive writes.

#![forbid(unsafe_code, warnings, unused, missing_docs, dead_code, deprecated, deprecated_in_future)]
#![forbid(missing_debug_implementations, missing_copy_implementations)]
#![forbid(unreachable_pub, non_snake_case, non_camel_case_types, non_upper_case_globals, nonstandard_style)]
#![forbid(
    unused_qualifications,
    unused_lifetimes,
    unused_extern_crates,
    unused_results,
    unused_import_braces
)]
#![forbid(trivial_casts, trivial_numeric_casts, variant_size_differences, single_use_lifetimes)]
#![forbid(elided_lifetimes_in_paths, explicit_outlives_requirements, absolute_paths_not_starting_with_crate)]
#![forbid(let_underscore_drop, macro_use_extern_crate, meta_variable_misuse, non_ascii_idents)]
#![forbid(redundant_lifetimes, redundant_imports, unit_bindings, unnameable_types, unsafe_op_in_unsafe_fn)]
#![forbid(ambiguous_negative_literals, keyword_idents, rust_2018_idioms, rust_2021_compatibility)]
#![forbid(rust_2024_compatibility, future_incompatible, let_underscore, refining_impl_trait)]

use std::sync::atomic::AtomicU64;

use shm_runtime::{Shareable, SharedSegment};

/// A direction and a speed.
#[derive(Clone, Copy, Debug, Shareable)]
#[repr(C)]
pub struct Wind {
    /// In metres per second.
    pub speed: f64,
    /// From 0 to 359.
    pub degrees: u16,
}

/// What it looks like.
#[derive(Clone, Copy, Debug, Shareable)]
#[repr(u8)]
pub enum Sky {
    /// Clear.
    Clear = 1,
    /// Rain.
    Rain {} = 2,
}

/// Two of them.
#[derive(Clone, Copy, Debug, Shareable)]
#[repr(C)]
pub struct Pair<T: Copy, const N: usize> {
    /// The first ones.
    pub left: [T; N],
    /// The others.
    pub right: [T; N],
}

/// The whole.
#[derive(Debug, SharedSegment)]
#[repr(C, align(64))]
#[shm(ftok(path = "/etc/hostname", project = b'W'), mode = 0o640, align = 64, trust = 1000)]
pub struct Station {
    /// Count.
    #[shm(offset = 0)]
    pub count: AtomicU64,
    /// Wind.
    pub wind: Wind,
    /// Sky.
    pub sky: Sky,
    /// Pairs.
    pub pair: Pair<f64, 2>,
    /// Name.
    pub name: [u8; 48],
}

/// The whole, with parameters.
#[derive(Clone, Copy, Debug, SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Many<T: Copy, const N: usize>
where
    T: PartialEq,
{
    /// All.
    pub all: [T; N],
}

/// Of this module only.
#[derive(Debug, SharedSegment)]
#[repr(C)]
#[shm(key = 0x0b09_0404, bare, type_name = "Inner")]
struct Private {
    /// Used below.
    used: u8,
    /// Not that it would be read.
    _reserved: [u8; 3],
}

fn main() {
    let segment = Private::options().key(shm_runtime::Key::private()).create().unwrap().remove_on_drop();
    let private = segment.attach().unwrap();
    private.used.set(3);
    assert_eq!(private.used.get(), 3);
    assert_eq!(size_of_val(&Private { used: 1, _reserved: [0; 3] }), 4);
    let (left, right): (fn() -> _, fn() -> _) = (Station::create, Many::<u8, 3>::create);
    let _ = (left, right, Sky::Clear, Sky::Rain {});
}
