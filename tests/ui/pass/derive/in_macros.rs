//! What `macro_rules` gives a struct, by every kind of fragment, means in the derive's output what it means in the struct.

#![forbid(unsafe_code)]
#![deny(warnings)]

use shm_runtime::{Key, Schema, Shareable, SharedSegment};

/// Expressions keep their precedence: in lengths, offsets, sizes, keys, modes, projects, users and arguments.
macro_rules! ring {
    ($name:ident, $slots:expr, $key:expr, $mode:expr, $uid:expr, $at:expr) => {
        #[derive(Clone, Copy, SharedSegment)]
        #[repr(C)]
        #[shm(key = 2 * $key, bare, mode = 2 * $mode, trust = 2 * $uid, size = 2 * $slots + 18, align = 2 * $at)]
        pub struct $name {
            pub slots: [u8; 2 * $slots],
            #[shm(offset = 4 * $at)]
            pub count: u64,
            pub nested: Nested<{ 2 * $at }, [u8; 2 * $at - 6]>,
        }
    };
}
ring!(Ring, 3 + 4, 1000 + 1, 0o100 + 0o40, 10 + 1, 3 + 1);

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct Nested<const N: usize, T> {
    pub bytes: [u8; N],
    pub rest: [T; 0],
}

macro_rules! project {
    ($name:ident, $n:expr, $path:expr) => {
        #[derive(SharedSegment)]
        #[repr(C)]
        #[shm(ftok(path = $path, project = 2 * $n))]
        pub struct $name {
            pub a: u8,
        }
    };
}
project!(Project, 3 + 4, "/");

macro_rules! negative {
    ($name:ident, $n:literal, $m:expr) => {
        #[derive(Clone, Copy, Debug, PartialEq, Shareable)]
        #[repr(i32)]
        pub enum $name {
            A = $n,
            B = 10 * $m,
            C = -$m,
            D = $n - $m,
        }
    };
}
negative!(Negative, -3, 4 + 1);

macro_rules! keyed {
    ($name:ident, $key:literal, $mode:literal, $uid:literal, $project:literal) => {
        #[derive(SharedSegment)]
        #[repr(C)]
        #[shm(key = $key, mode = $mode, trust = $uid, type_name = "Keyed")]
        pub struct $name {
            pub a: u8,
        }
        pub mod by_file {
            #[derive(shm_runtime::SharedSegment)]
            #[repr(C)]
            #[shm(ftok(path = "/", project = $project))]
            pub struct $name {
                pub a: u8,
            }
        }
    };
}
keyed!(Keyed, -7, 0o640, 1000, 'W');

/// Each kind of fragment in each place.
macro_rules! fragments {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident<$lifetime:lifetime, $param:ident: $bound:path>($literal:literal, $path:path, $item:item)
        { $($(#[$of_field:meta])* $fvis:vis $field:ident: $ty:ty, $len:block, $attr:tt;)* }
    ) => {
        $item
        $(#[$meta])*
        #[derive(SharedSegment)]
        #[repr(C)]
        #[shm(private, type_name = $literal, crate = $path)]
        $vis struct $name<$param: $bound + $lifetime>
        where
            for<'b> $param: Holds<'b>,
        {
            pub first: $param,
            $(
                $(#[$of_field])*
                $fvis $field: [$ty; $len],
            )*
        }
    };
}
pub trait Holds<'a> {}
impl<T> Holds<'_> for T {}

fragments! {
    /// Documentation.
    pub(crate) struct Fragments<'static, T: ::core::marker::Copy>("Other", ::shm_runtime, pub struct Item;) {
        /// One.
        pub(crate) one: u8, { let one = 1; one + one }, x;
        pub two: [Option_<u16>; 2], { let three = 3; three }, x;
        three: <Item as Holder>::Held, { let len = LEN; len }, x;
        pub(self) four: self::Nested<3, u8>, { let one = if true { 1 } else { 2 }; one }, x;
        pub r#type: u32, { let two = 2; two }, x;
        pub dyn_: std::sync::atomic::AtomicU8, { let one = 1; one }, x;
    }
}
type Option_<T> = T;
const LEN: usize = 2;
pub trait Holder {
    type Held: Shareable;
}
impl Holder for Item {
    type Held = i64;
}

macro_rules! typed {
    ($name:ident, $ty:ty, $plain:ident, $ident:ident) => {
        #[derive(SharedSegment)]
        #[repr(C)]
        #[shm(private, type_name = stringify!($name), fields = $ident)]
        pub struct $name {
            pub a: $ty,
            pub b: <$ty as Holder>::Held,
            pub c: [<$ty as Holder>::Held; <$ty>::LEN * 2],
            pub d: [u8; <$ty as Lens>::OTHER],
            pub e: [$ty; { <$ty>::LEN }],
            pub f: ::core::marker::PhantomData<$ty>,
            pub g: Nested<{ <$ty>::LEN }, $ty>,
            pub h: Nested<{ <$ty>::LEN }, $plain>,
            pub i: $plain,
        }
    };
}
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct Held {
    x: u16,
}
impl Held {
    const LEN: usize = 2;
}
impl Holder for Held {
    type Held = u32;
}
pub trait Lens {
    const OTHER: usize = 5;
}
impl<T> Lens for T {}
typed!(Typed, Held, u8, TypedParts);
typed!(TypedByPath, self::Held, u16, TypedByPathParts);

/// A type in place of an argument, and a constant.
macro_rules! argument {
    ($name:ident, $ty:ty, $n:expr) => {
        #[derive(Clone, Copy, SharedSegment)]
        #[repr(C)]
        #[shm(private)]
        pub struct $name {
            pub a: Nested<3, $ty>,
            pub b: Nested<{ $n }, $ty>,
            pub c: ::core::marker::PhantomData<$ty>,
            pub d: [Option_<$ty>; 2],
            pub e: Two<$ty, $ty>,
        }
    };
}
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct Two<T, U> {
    t: T,
    u: U,
}
macro_rules! length {
    () => {
        4
    };
}
macro_rules! length_of {
    () => {
        [u8; length!()]
    };
}
argument!(ByTrait, <Held as Holder>::Held, <Held as Lens>::OTHER);
argument!(ByArguments, Two<u8, Nested<2, u8>>, 1 + 2 * 3);
argument!(ByArray, [u8; 2 + 1], Held::LEN);
argument!(ByMacro, length_of!(), length!());

macro_rules! signed {
    ($name:ident, $n:literal, $t:ty, $e:expr) => {
        #[derive(Clone, Copy, SharedSegment)]
        #[repr(C)]
        #[shm(private)]
        pub struct $name {
            pub a: Signed<$n>,
            pub b: [Signed<{ $n * 2 }>; (1 - $n) as usize],
            pub c: TwoSigned<$n, $n, $t>,
            pub d: [$t; 4 - $e],
            pub e: [$t; add(1, $e, (0 < $e, 2).1)],
        }
    };
}
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct Signed<const N: isize> {
    a: u8,
}
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct TwoSigned<const N: isize, const M: isize, T> {
    a: T,
}
const fn add(a: usize, b: usize, c: usize) -> usize {
    a + b + c
}
signed!(Negated, -2, u8, 1 + 1);

/// Two levels: the inner macro gets the outer one's fragments in groups within groups.
macro_rules! outer {
    ($name:ident, $n:expr, $ty:ty, $key:expr) => {
        inner!($name, 2 * $n, [$ty; 1 + $n], $key * 2);
    };
}
macro_rules! inner {
    ($name:ident, $n:expr, $ty:ty, $key:expr) => {
        #[derive(SharedSegment)]
        #[repr(C)]
        #[shm(key = 3 * $key)]
        pub struct $name {
            pub a: [$ty; 3 * $n],
            pub a_: [u8; size_of::<$ty>() * $n],
        }
    };
}
outer!(Inner, 1 + 1, u16, 1 + 2);

/// Names that two macros give, which are spelt alike.
macro_rules! local_length {
    ($name:ident, $outside:expr) => {
        const LENGTH: usize = 2;
        #[derive(SharedSegment)]
        #[repr(C)]
        #[shm(private)]
        pub struct $name {
            pub a: [u8; LENGTH * $outside],
            pub b: [u8; {
                let n = 3;
                n * $outside
            }],
        }
    };
}
mod hygienic {
    use shm_runtime::SharedSegment;
    local_length!(Hygienic, 1 + 1);
}

/// The attributes too.
macro_rules! aligned {
    ($name:ident, $align:literal, $repr:ident, $int:ident) => {
        #[derive(Clone, Copy, Shareable)]
        #[$repr(C, align($align))]
        pub struct $name {
            pub a: u8,
        }
        pub mod of_enum {
            #[derive(Clone, Copy, shm_runtime::Shareable)]
            #[$repr($int)]
            pub enum $name {
                A,
            }
        }
    };
}
aligned!(Aligned, 16, repr, u16);

macro_rules! with_attributes {
    ($($meta:meta),* ; $name:ident) => {
        #[derive(SharedSegment)]
        $(#[$meta])*
        pub struct $name {
            pub a: u8,
        }
    };
}
with_attributes!(repr(C), shm(private, mode = 0o600 + 0o40), shm(bare); WithAttributes);

fn main() {
    assert_eq!(size_of::<Ring>(), 14 + 2 + 8 + 8);
    assert_eq!(Ring::key().value().unwrap(), 2 * (1000 + 1));
    let segment = Ring::options().key(Key::private()).create().unwrap().remove_on_drop();
    let ring = segment.attach().unwrap();
    assert_eq!(ring.slots.len(), 14);
    ring.set(Ring { slots: [7; 14], count: 1, nested: Nested { bytes: [8; 8], rest: [] } });
    assert_eq!(ring.get().slots, [7; 14]);
    let mode = segment.stat().unwrap().permissions.mode;
    assert_eq!(mode & 0o777, 2 * (0o100 + 0o40));
    assert_eq!(Project::key().value().unwrap() >> 24, 14);
    assert_eq!(Negative::B as i32, 50);
    assert_eq!((Negative::A as i32, Negative::C as i32, Negative::D as i32), (-3, -5, -8));
    assert_eq!(Keyed::key().value().unwrap(), -7);
    assert_eq!(by_file::Keyed::key().value().unwrap() >> 24, i32::from(b'W'));
    assert_eq!(Inner::key().value().unwrap(), 3 * ((1 + 2) * 2));
    assert_eq!(size_of::<Inner>(), 3 * (2 * 2) * (2 * 3) + (2 * 3) * 4);
    let schema = Schema::of::<Fragments<u8>>().to_string();
    assert!(schema.contains("struct Other "), "{schema}");
    assert!(schema.contains("type @"), "{schema}");
    assert!(Schema::of::<Typed>().to_string().contains("struct Typed "));
    assert_eq!(size_of::<Negated>(), 1 + 3 + 1 + 2 + 5);
    assert_eq!(size_of::<ByTrait>(), 4 + 8 + 8 + 8);
    assert_eq!(align_of::<Aligned>(), 16);
    assert_eq!(size_of::<of_enum::Aligned>(), 2);
    assert_eq!(size_of::<hygienic::Hygienic>(), 10);
    let _ = (of_enum::Aligned::A, |parts: &TypedParts| parts.i.set(1));
    let _: fn() -> _ = WithAttributes::create;
}
