//! Types of other crates as fields: by `bytemuck` and by `zerocopy`.

use glam::{Mat4, Vec3, Vec4};
use half::f16;
use shm_runtime::{AlwaysValid, Plain, Pod, Schema, Shareable, SharedSegment, ZeroCopy, inspect, sync};
use shm_tests::key::Own;
use static_assertions::{assert_impl_all, assert_not_impl_any};
use uuid::Uuid;

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Body {
    on: bool,
    place: Pod<Vec3>,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct World {
    id: Pod<Uuid>,
    first: u8,
    turn: Pod<Vec4>,
    bodies: [Body; 2],
    view: sync::SeqLock<Pod<Mat4>>,
    samples: [Pod<f16>; 100],
    pixels: [ZeroCopy<[u8; 3]>; 5],
    half: ZeroCopy<f16>,
    address: ZeroCopy<zerocopy::big_endian::U32>,
    none: Pod<()>,
}

assert_impl_all!(Pod<Mat4>: Plain, AlwaysValid, Send, Sync);
assert_not_impl_any!(Pod<bool>: Shareable);
assert_not_impl_any!(ZeroCopy<bool>: Shareable);
assert_not_impl_any!(ZeroCopy<std::sync::atomic::AtomicU32>: Shareable);

#[test]
fn uuids_vectors_and_halves_are_fields_and_have_their_own_bytes() {
    let segment = Own::<World>::create();
    let world = segment.attach().unwrap();
    let (id, place) = (Uuid::from_u128(0x0123_4567_89ab_cdef_0011_2233_4455_6677), Vec3::new(1.0, -2.0, 3.5));
    world.id.set(id.into());
    world.pixels[4].set(ZeroCopy([1, 2, 255]));
    world.turn.set(Pod(Vec4::new(0.0, 1.0, 2.0, 3.0)));
    world.bodies[1].set(Body { on: true, place: Pod(place) });
    world.samples.set([Pod(f16::from_f32(0.5)); 100]);
    world.half.set(ZeroCopy(f16::PI));
    world.address.set(ZeroCopy(0x7f00_0001.into()));
    world.view.writer().unwrap().write(&Pod(Mat4::IDENTITY)).unwrap();

    let reader = segment.attach_read_only().unwrap();
    assert_eq!((*reader.id.get(), *reader.pixels.get()[4]), (id, [1, 2, 255]));
    assert_eq!(*reader.turn.get(), Vec4::new(0.0, 1.0, 2.0, 3.0));
    assert_eq!(reader.bodies[1].place.get().0, place);
    assert_eq!(reader.bodies.get()[1].place.length(), place.length());
    assert!(reader.samples.get().iter().all(|sample| sample.to_f32() == 0.5));
    assert_eq!(*reader.view.read().unwrap(), Mat4::IDENTITY);
    assert_eq!((reader.half.get().0, reader.address.get().get()), (f16::PI, 0x7f00_0001));
    assert_eq!(reader.none.get(), Pod(()));

    // As a tool without the types sees it: the bytes of the id, in order.
    let tool = inspect::Segment::from_id(segment.id()).unwrap().attach_read_only().unwrap();
    let bytes: Vec<String> = id.as_bytes().iter().map(u8::to_string).collect();
    assert_eq!(format!("{:?}", tool.resolve("id.units").unwrap()), format!("[{}]", bytes.join(", ")));
    assert_eq!(tool.resolve("address.units[0]").unwrap().get(), inspect::Value::Int(0x7f));
}

#[test]
fn a_schema_has_the_size_and_alignment_and_the_units_of_the_access() {
    let text = Schema::of::<World>().to_string();
    for part in [
        "  id @0 builtin Pod size 16 align 1\n    units @0 [16] u8\n",
        "  turn @32 builtin Pod size 16 align 16\n    units @0 [2] u64\n",
        "    place @4 builtin Pod size 12 align 4\n      units @0 [3] u32\n",
        "[100] builtin Pod size 2 align 2\n    units @0 [1] u16\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(Schema::parse(&text).unwrap().to_string(), text);
}

#[test]
fn any_bytes_are_a_value() {
    let segment = Own::<World>::create();
    let world = segment.attach().unwrap();
    for byte in [0x00, 0x7f, 0x80, 0xff] {
        for i in 0..size_of::<World>() {
            // SAFETY: within the mapping of a `World`.
            let at = unsafe { world.as_mut_ptr().cast::<u8>().add(i) };
            // SAFETY: mapped to be written; volatile, as other processes use it.
            unsafe { at.write_volatile(byte) };
        }
        assert_eq!(world.id.get().into_bytes(), [byte; 16]);
        assert_eq!(world.bodies.get()[1].place.x.to_bits(), u32::from_ne_bytes([byte; 4]));
        assert_eq!(world.turn.get().w.to_bits(), u32::from_ne_bytes([byte; 4]));
        assert_eq!(world.half.get().to_bits(), u16::from_ne_bytes([byte; 2]));
    }
}
