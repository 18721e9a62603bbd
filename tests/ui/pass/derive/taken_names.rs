//! Types, constants, modules and traits of the user's, by the names that the derive writes or infers.

#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(non_camel_case_types, dead_code)]

use shm_runtime::{Schema, Shareable, SharedSegment};

/// The name that the twin would have.
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct FormFields {
    pub name: [u8; 8],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Form {
    pub fields: FormFields,
}

/// One that no field mentions: the setting gives the twin another name.
pub struct SheetFields;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, fields = SheetParts)]
pub struct Sheet {
    pub width: u16,
}

/// The parameter of the twin, in all spellings.
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct A {
    pub x: u32,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct D {
    pub a: A,
}

macro_rules! kind {
    () => {
        A
    };
}

#[derive(Clone, Copy, SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Kinds {
    pub by_macro: kind!(),
    pub by_name: A,
    pub raw: r#A,
    pub in_array: [self::A; 2],
    pub d: D,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct RawOnly {
    pub raw: [r#A; 2],
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct RawParameter<r#A, const r#D: usize> {
    pub raw: [r#A; r#D],
}

/// A const parameter by the name of a type.
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct N {
    pub newtons: f64,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct Ring<const N: usize> {
    pub items: [u16; N],
    pub forces: [self::N; N],
}

/// Enums by the names of the parameters in generated code.
pub mod enums {
    #[derive(Clone, Copy, shm_runtime::Shareable)]
    #[repr(u8)]
    pub enum A {
        A,
        D,
    }
    #[derive(Clone, Copy, shm_runtime::Shareable)]
    #[repr(u8)]
    pub enum D {
        D,
        r#A,
    }
}

/// A constant by the name of a local in generated code.
pub mod locals {
    #![allow(non_upper_case_globals)]
    pub const __shm: u8 = 1;
    pub const value: u8 = 1;
    pub const from: u8 = 1;
    pub const to: u8 = 2;
    pub const place: u8 = 2;
    pub const base: u8 = 2;
    pub const fields: u8 = 2;
    pub const a: u8 = 2;
    pub static b: u8 = 2;

    #[derive(Clone, Copy, shm_runtime::Shareable)]
    #[repr(C)]
    pub struct Locals {
        pub value: u8,
        pub from: u8,
        pub to: u8,
        pub a: u8,
        pub b: u8,
        pub __shm: u8,
        pub __shm_fields: u8,
        pub __shm_0: u8,
        pub __shm_1: u8,
        pub __shm_place: u8,
        pub __shm_base: u8,
    }
}

/// Traits whose methods every type has, by value and by reference.
pub trait AsRaw: Sized {
    fn as_ptr(self) -> *const Self {
        std::ptr::null()
    }
    fn cast(self) {}
    fn uninit() {}
    fn are(self) {}
    fn with_twin(self) {}
    fn structure() {}
    fn enumeration() {}
    fn now() {}
    fn value(self) {}
    fn deref(self) {}
    fn get(self) {}
    const FIELDS: u8 = 1;
    const INFO: u8 = 1;
    const SETTINGS: u8 = 1;
}
impl<T> AsRaw for T {}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct WithBlanket {
    a: u8,
    of_a_macro: kind!(),
}

#[derive(Clone, Copy, Shareable)]
#[repr(u8)]
enum EnumWithBlanket {
    A,
}

fn main() {
    // In a function, names of the standard library's.
    #[derive(Clone, Copy, Shareable)]
    #[repr(C)]
    struct String {
        bytes: [u8; 8],
    }
    #[derive(Clone, Copy, Shareable)]
    #[repr(C)]
    struct Vec<T> {
        items: [T; 4],
    }
    #[derive(Clone, Copy, Shareable)]
    #[repr(C)]
    struct Option<T>
    where
        T: Copy,
    {
        value: Vec<T>,
    }
    #[derive(Clone, Copy, SharedSegment)]
    #[repr(C)]
    #[shm(private)]
    struct Local {
        name: String,
        list: Vec<u8>,
        maybe: Option<u16>,
    }
    let segment = Local::create().unwrap().remove_on_drop();
    let local = segment.attach().unwrap();
    local.maybe.value.items[1].set(4);
    assert_eq!(shm_runtime::Shared::get(&local).maybe.value.items[1], 4);

    let kinds = Kinds::create().unwrap().remove_on_drop();
    let kinds = kinds.attach().unwrap();
    kinds.raw.x.set(7);
    assert_eq!(shm_runtime::Shared::get(&kinds).raw.x, 7);
    let schema = Schema::of::<Kinds>().to_string();
    assert!(schema.contains("raw @8"), "{schema}");
    let _: fn() -> _ = || (Form::create(), Sheet::create(), WithBlanket::create());
    let _ = |parts: &SheetParts| parts.width.set(1);
    let _ = (SheetFields, EnumWithBlanket::A, enums::A::A, enums::A::D, enums::D::A, enums::D::D);
}
