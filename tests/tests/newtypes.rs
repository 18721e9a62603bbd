//! Newtypes, tuple structs, and the standard types around an integer.

use std::marker::PhantomData;
use std::num::{NonZero, NonZeroU32, Saturating, Wrapping};

use shm_runtime::{AlwaysValid, Schema, Shareable, SharedSegment};
use shm_tests::c::Program;
use shm_tests::key::Own;
use static_assertions::{assert_impl_all, assert_not_impl_any};

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(transparent)]
struct Celsius(f64);

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(transparent)]
struct Id<T> {
    number: NonZeroU32,
    of: PhantomData<T>,
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(C)]
struct Pair<T: Copy, const N: usize>(u8, #[shm(was = "old")] pub [T; N])
where
    T: Default;

#[derive(Debug, SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station(u8, Celsius, #[shm(offset = 16)] Pair<u32, 2>, Values);

#[derive(Debug, Shareable)]
#[repr(C)]
struct Values {
    first: u8,
    id: Id<u64>,
    wrapping: Wrapping<u16>,
    saturating: Saturating<i64>,
    maybe: Option<NonZero<u64>>,
    by_path: std::option::Option<std::num::NonZero<i8>>,
    all: [Option<NonZero<i32>>; 3],
}

assert_impl_all!(Option<NonZero<usize>>: Shareable, AlwaysValid);
assert_not_impl_any!(NonZero<u8>: AlwaysValid);
assert_not_impl_any!(Id<u64>: AlwaysValid);

#[test]
fn the_fields_of_a_tuple_struct_are_reached_by_number_and_are_where_c_has_them() {
    const C: &str = r#"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/shm.h>

struct pair { uint8_t first; uint32_t second[2]; };
struct values {
    uint8_t first; uint32_t id; uint16_t wrapping; int64_t saturating; uint64_t maybe; int8_t by_path; int32_t all[3];
};
struct station { uint8_t first; double celsius; struct pair pair; struct values values; };

int main(int argc, char **argv) {
    struct station *s = shmat(argc > 1 ? atoi(argv[1]) : -1, NULL, 0);
    if (s == (void *)-1) return 1;
    printf("%zu %.1f %u %u %u %ld %lu %d %d", sizeof(struct station), s->celsius, s->pair.second[1], s->values.id, s->values.wrapping,
           (long)s->values.saturating, (unsigned long)s->values.maybe, s->values.by_path, s->values.all[2]);
    s->values.maybe = 0;
    s->values.id = 0;
    s->pair.second[0] = 77;
    return shmdt(s);
}
"#;
    let segment = Own::<Station>::create();
    let station = segment.attach().unwrap();
    station.1.set(Celsius(21.5));
    station.2.1[1].set(9);
    let values = &station.3;
    values.id.set(Id { number: NonZero::new(5).unwrap(), of: PhantomData });
    values.wrapping.set(Wrapping(u16::MAX));
    values.wrapping.update(|value| value + Wrapping(1));
    values.wrapping.update(|value| value - Wrapping(2));
    values.saturating.set(Saturating(i64::MIN) - Saturating(1));
    values.maybe.set(NonZero::new(1 << 40));
    values.by_path.set(NonZero::new(-3));
    values.all.set([None, NonZero::new(1), NonZero::new(i32::MIN)]);
    assert_eq!(values.all.get(), [None, NonZero::new(1), NonZero::new(i32::MIN)]);
    let said = Program::compile(C).run(&[segment.id()]);
    assert_eq!(
        said,
        format!("{} 21.5 9 5 65534 {} {} -3 {}", size_of::<Station>(), i64::MIN, 1_u64 << 40, i32::MIN)
    );
    assert_eq!((station.1.0.get(), station.2.get()), (21.5, Pair(0, [77, 9])));
    assert_eq!(values.maybe.get(), None);
    let error = values.id.try_get().unwrap_err();
    assert_eq!((error.path(), error.found()), ("number", 0));
    assert_eq!(error.to_string(), "`number`: another process wrote 0, which is not a `NonZero`");
    assert_eq!(format!("{:?}", station.2), "Pair(0, [77, 9])");
}

#[test]
fn a_schema_has_the_numbers_of_the_fields_and_the_integers_that_c_sees() {
    let schema = Schema::of::<Station>();
    let text = schema.to_string();
    assert!(text.contains("  1 @8 struct Celsius size 8 align 8\n    0 @0 f64\n"), "{text}");
    for line in ["number @0 u32", "wrapping @8 u16", "saturating @16 i64", "maybe @24 u64", "all @36 [3] i32"]
    {
        assert!(text.contains(&format!(" {line}\n")), "{line}: {text}");
    }
    assert_eq!(Schema::parse(&text).unwrap().to_string(), text);
    assert_eq!(schema.resolve("2.1[1]").unwrap().offset(), 24);
}
