//! What a user writes on a struct, a field or a variant holds for what is made of it, and does no harm to it.

#![forbid(unsafe_code)]
#![deny(warnings)]

use shm_runtime::{Shareable, SharedSegment};

#[deprecated = "use the new one"]
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct OldWind {
    pub speed: [f64; Self::LEN],
}

#[allow(deprecated)]
impl OldWind {
    const LEN: usize = 3;
}

#[allow(deprecated)]
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Station {
    pub wind: OldWind,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct OnField {
    #[allow(deprecated)]
    #[deprecated(since = "1.0.0", note = "use `b`")]
    pub a: OldWind,
    #[deprecated]
    pub b: [u8; 3],
}

#[deprecated = "older"]
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Older<T: Copy> {
    pub a: [T; 3],
}

#[deprecated]
#[derive(Clone, Copy, Shareable)]
#[repr(u8)]
pub enum OldSky {
    Clear,
    #[deprecated(note = "it never rains")]
    Rain,
}

#[derive(Clone, Copy, Shareable)]
#[repr(u8)]
pub enum Sky {
    #[deprecated]
    Clear = 4,
    #[deprecated]
    Rain {},
}

#[expect(non_snake_case)]
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Expected {
    pub Loud: u8,
}

#[allow(non_camel_case_types, non_snake_case)]
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct small {
    pub LOUD: u8,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
#[cfg_attr(all(), must_use, non_exhaustive)]
#[cfg_attr(any(), repr(packed))]
#[warn(missing_docs)]
#[doc(alias = "many")]
/// Documentation.
pub struct Attributed {
    /// Documentation.
    #[cfg(all())]
    pub here: u8,
    #[cfg(any())]
    pub not_here: std::string::String,
    /// Documentation.
    #[doc(alias = "elsewhere")]
    #[cfg_attr(all(), shm(offset = 2))]
    pub there: u16,
    #[rustfmt::skip]
    #[doc(hidden)]
    pub hidden: u8,
}

#[derive(Clone, Copy, Shareable)]
#[repr(u8)]
pub enum Conditional {
    Here = 1,
    #[cfg(any())]
    NotHere(String),
    There = 3,
}

mod visible {
    pub mod inner {
        #[derive(shm_runtime::SharedSegment)]
        #[repr(C)]
        #[shm(private)]
        pub(in crate::visible) struct Restricted {
            pub(in crate::visible) a: u8,
            pub(super) b: u8,
            pub(crate) c: u8,
            d: u8,
        }
        pub fn inner() {
            let segment = super::inner::Restricted::options().create().unwrap().remove_on_drop();
            segment.attach().unwrap().d.set(1);
        }
        use shm_runtime::SharedSegment as _;
    }
    pub fn outer() {
        use shm_runtime::SharedSegment as _;
        let segment = inner::Restricted::create().unwrap().remove_on_drop();
        let restricted = segment.attach().unwrap();
        restricted.a.set(1);
        restricted.b.set(2);
        restricted.c.set(2);
    }
}

#[derive(Clone, Copy, Shareable)]
#[r#repr(r#C, r#align(8))]
pub struct Raw {
    pub r#fn: u8,
    pub r#struct: u16,
}

#[derive(SharedSegment)]
#[repr(C)]
#[r#shm(r#name = "org.example.raw", r#mode = 0o640, r#fields = r#match, r#size = 8)]
#[allow(non_camel_case_types)]
pub struct r#try {
    #[r#shm(r#offset = 0)]
    pub r#loop: r#Raw,
}

#[derive(Clone, Copy, Shareable)]
#[r#repr(r#u16)]
#[allow(non_camel_case_types)]
pub enum r#enum {
    r#if,
    r#else,
}

fn main() {
    visible::inner::inner();
    visible::outer();
    let segment = r#try::options().key(shm_runtime::Key::private()).create().unwrap().remove_on_drop();
    let raw = segment.attach().unwrap();
    let raw: &r#match = &raw;
    raw.r#loop.r#struct.set(8);
    assert_eq!(raw.r#loop.get().r#struct, 8);
    assert!(shm_runtime::Schema::of::<r#try>().to_string().contains("struct try "));
    assert_eq!(size_of::<r#enum>(), 2);
    let _ = (r#enum::r#if, r#enum::r#else, Conditional::Here, Conditional::There);
    assert_eq!(size_of::<Attributed>(), 6);
}
