//! `Self` in bounds, types, defaults and settings, of structs with parameters and without.

#![forbid(unsafe_code)]
#![deny(warnings)]

use shm_runtime::{Key, Schema, Shareable, SharedSegment};

pub trait Named {
    const NAME: &'static str;
    const LEN: usize = 3;
    type Value: Shareable + Copy;
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct Celsius
where
    Self: Named,
{
    pub value: <Self as Named>::Value,
    pub name: [u8; <Self as Named>::LEN],
    pub own: [u8; Self::OWN],
}

impl Celsius {
    const OWN: usize = 5;
}

impl Named for Celsius {
    const NAME: &'static str = "celsius";
    type Value = f64;
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct Boxed<T: Copy + PartialEq<T>, const N: usize>
where
    Self: Sized,
    [T; N]: Copy,
{
    pub value: [T; N],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(name = Self::NAME, mode = Self::MODE, trust = Self::WHO, type_name = Self::TYPE)]
struct Settings {
    a: u8,
}
impl Settings {
    const NAME: &'static str = "org.example.self";
    const MODE: u32 = 0o640;
    const WHO: u32 = 1;
    const TYPE: &'static str = "Set";
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(key = <Self as Keyed>::KEY, size = Self::SIZE, align = Self::SIZE / 2)]
struct ByKey {
    #[shm(offset = Self::AT)]
    a: u16,
    #[shm(offset = Self::AT + 2)]
    b: [u8; Self::AT + 2],
}
trait Keyed {
    const KEY: i32 = 0x0b09_1717;
}
impl Keyed for ByKey {}
impl ByKey {
    const SIZE: usize = 4;
    const AT: usize = 0;
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(key = Self::KEY, mode = Self::MODE, trust = Self::WHO)]
struct Generic<T: Copy, const N: usize> {
    a: [T; N],
}
impl<T: Copy, const N: usize> Generic<T, N> {
    const KEY: i32 = size_of::<T>() as i32 * 16 + N as i32;
    const MODE: u32 = 0o600 + N as u32;
    const WHO: u32 = N as u32;
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(ftok(path = Self::path(), project = Self::PROJECT))]
struct ByFile<const N: usize> {
    a: [u8; N],
}
impl<const N: usize> ByFile<N> {
    const PROJECT: u8 = N as u8;
    fn path() -> &'static str {
        "/"
    }
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(name = Self::NAME)]
struct ByName<const N: usize> {
    a: [u8; N],
}
impl<const N: usize> ByName<N> {
    const NAME: &'static str = if N == 3 { "org.example.three" } else { "org.example.other" };
}

fn main() {
    assert_eq!(ByKey::key().value().unwrap(), 0x0b09_1717);
    assert_eq!(Generic::<u16, 5>::key().value().unwrap(), 37);
    assert_eq!(Settings::key().value().unwrap(), Key::name("org.example.self").value().unwrap());
    assert_eq!(ByName::<3>::key().value().unwrap(), Key::name("org.example.three").value().unwrap());
    assert_eq!(ByName::<4>::key().value().unwrap(), Key::name("org.example.other").value().unwrap());
    assert_eq!(ByFile::<3>::key().value().unwrap() >> 24, 3);
    assert!(Schema::of::<Settings>().to_string().contains("struct Set "), "{}", Schema::of::<Settings>());
    assert!(Schema::of::<Celsius>().to_string().contains("own @11"), "{}", Schema::of::<Celsius>());
    let _ = (Celsius::NAME, Schema::of::<Boxed<u8, 3>>());
}
