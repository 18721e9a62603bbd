//! A parameter that only marks a type has to be nothing: in `PhantomData`, in no field by way of a constant, or as `bound` says.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::marker::PhantomData;

use shm_runtime::{Schema, Shareable, SharedSegment};

/// No values, and so nothing that could be shared.
pub enum Metres {}
pub struct Text(pub String);

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct Quantity<U> {
    value: f64,
    unit: PhantomData<U>,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct Marks<U, V: ?Sized, const N: usize> {
    value: [u16; N],
    by_path: std::marker::PhantomData<U>,
    of_a_function: PhantomData<fn(U) -> Box<V>>,
    of_a_pointer: ::core::marker::PhantomData<*const V>,
    of_a_higher_one: PhantomData<for<'a> fn(&'a U) -> &'a str>,
    several: [PhantomData<(U, String)>; 3],
    last: u8,
}

/// What the derive would infer is too much: of the parameter, only the table's type is in a field.
pub trait Table {
    type Row: Shareable + Copy;
}
impl Table for Text {
    type Row = [u32; 2];
}
pub type RowOf<T> = <T as Table>::Row;

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
#[shm(bound = "T: Table, T: 'static")]
pub struct Rows<T: Table> {
    rows: [RowOf<T>; 2],
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
#[shm(bound = "")]
pub struct Bare<T: Shareable> {
    value: T,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Station {
    height: Quantity<Metres>,
    marks: Marks<Text, str, 3>,
    rows: Rows<Text>,
    bare: Bare<u16>,
}

fn main() {
    let segment = Station::create().unwrap().remove_on_drop();
    let station = segment.attach().unwrap();
    station.height.value.set(2.5);
    station.marks.last.set(9);
    station.rows.rows[1][1].set(7);
    station.bare.value.set(5);
    assert_eq!(station.height.value.get(), 2.5);
    assert_eq!(station.marks.last.get(), 9);
    assert_eq!(station.rows.rows.get(), [[0, 0], [0, 7]]);
    assert_eq!(station.bare.get().value, 5);
    assert!(Schema::of::<Station>().to_string().contains("height"));
}
