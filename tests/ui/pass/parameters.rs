//! Type parameters and const parameters: bounds, where clauses, defaults, and the names that the derive would take.

#![forbid(unsafe_code)]
#![deny(warnings)]

use shm_runtime::{Schema, Shareable, SharedSegment};

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Pair<T> {
    left: T,
    right: T,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Named<A, D: Default + Copy, const N: usize = 3>
where
    A: Copy + PartialEq,
    [A; N]: Clone,
{
    a: [A; N],
    d: D,
    pair: Pair<A>,
}

trait Sensor {
    type Value: Shareable + Copy;
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Thermometer {
    id: u32,
}

impl Sensor for Thermometer {
    type Value = f32;
}

#[derive(Shareable)]
#[repr(C)]
struct Reading<S: Sensor = Thermometer> {
    sensor: S,
    value: <S as Sensor>::Value,
    earlier: [S::Value; 4],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Series<T: Copy, const N: usize, const LOUD: bool> {
    values: [T; N],
    last: Pair<T>,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Whole {
    named: Named<u8, u64>,
    other: Named<u16, f64, 5>,
    reading: Reading,
    series: Series<i32, 4, true>,
}

/// The derive's parameters are called `A` and `D` where nobody else is.
mod types_named_like_parameters {
    use shm_runtime::{Shareable, SharedSegment};

    #[derive(Clone, Copy, Shareable)]
    #[repr(C)]
    pub struct A {
        pub a: u8,
    }

    #[derive(Clone, Copy, Shareable)]
    #[repr(u8)]
    pub enum D {
        On = 1,
    }

    pub trait T {}
    impl<X> T for X {}

    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(private)]
    pub struct Both<A_: T> {
        pub a: A,
        pub d: [D; 2],
        pub rest: A_,
    }
}

/// `Self` in a field's type is the struct, not what is generated from it.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Sized {
    bytes: [u8; Self::BYTES],
}

impl Sized {
    const BYTES: usize = 12;
}

fn generic_use<T: Shareable + Copy, const N: usize>(series: &shm_runtime::Shared<Series<T, N, false>>, value: T) {
    series.values.copy_from(&[value; N]);
    series.last.right.set(value);
}

fn main() {
    assert_eq!(Schema::of::<Sized>().size(), 12);
    assert_eq!(Schema::of::<types_named_like_parameters::Both<u8>>().size(), 4);
    assert_eq!(Schema::of::<Whole>().size(), 104);
    assert_eq!(Series::<u64, 2, true>::key(), shm_runtime::Key::private());
    let _use = (
        generic_use::<u64, 3>,
        |both: &shm_runtime::Shared<types_named_like_parameters::Both<f32>>| {
            both.a.set(types_named_like_parameters::A { a: both.a.a.get() });
            both.d[0].set(types_named_like_parameters::D::On);
            both.rest.get()
        },
        |whole: &shm_runtime::Shared<Whole>| {
            whole.named.set(whole.named.get());
            whole.other.a[4].set(3);
            whole.reading.sensor.set(Thermometer { id: 3 });
            whole.reading.value.set(1.5);
            whole.reading.earlier[0].get()
        },
    );
}
