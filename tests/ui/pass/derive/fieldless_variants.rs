//! A variant without fields may be written `A`, `A()` and `A {}`, with a discriminant or without.

#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(non_camel_case_types)]

use shm_runtime::{Schema, Shareable, SharedSegment};

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(i16)]
enum Lane {
    Tuple(),
    Struct {} = -7,
    Unit,
    TupleAgain() = 4,
    r#Raw,
    r#type {} = 9,
}

const BASE: u64 = u64::MAX - 1;

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(u64)]
enum Wide {
    First() = BASE,
    Last {} = BASE + 1,
}

/// Beside associated constants with the names of its variants.
#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(u8)]
enum Shadowed {
    A,
    B,
}

#[allow(dead_code)]
trait Other {
    const A: u8 = 7;
    #[allow(non_snake_case)]
    fn B() {}
}
impl Other for Shadowed {}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Road {
    lanes: [Lane; 6],
    wide: Wide,
    shadowed: Shadowed,
}

fn main() {
    let lanes = [Lane::Tuple(), Lane::Struct {}, Lane::Unit, Lane::TupleAgain(), Lane::Raw, Lane::r#type {}];
    let segment = Road::create().unwrap().remove_on_drop();
    let road = segment.attach().unwrap();
    road.lanes.set(lanes);
    assert_eq!(road.lanes.try_get().unwrap(), lanes);
    road.wide.set(Wide::Last {});
    assert_eq!(road.wide.try_get().unwrap(), Wide::Last {});
    // What the memory holds is 0, which is no `Wide::First()`.
    let fresh = Road::create().unwrap().remove_on_drop();
    assert!(fresh.attach().unwrap().wide.try_get().is_err());
    let schema = Schema::of::<Road>().to_string();
    for variant in ["Tuple=0", "Struct=-7", "Unit=-6", "TupleAgain=4", "Raw=5", "type=9"] {
        assert!(schema.contains(variant), "{schema}");
    }
    assert!(schema.contains("Last=18446744073709551615"), "{schema}");
    assert_eq!(Shadowed::B as u8, 1);
    let _ = (Shadowed::A, Wide::First(), BASE);
}
