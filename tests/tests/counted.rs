//! `Text` and `List`: what a C program sees and writes, and any bytes, which are a shorter text or list at worst.

use std::mem::offset_of;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use shm_runtime::inspect::{self, Value};
use shm_runtime::{AlwaysValid, CText, List, Plain, Schema, Shareable, Shared, SharedSegment, Text, sync};
use shm_tests::c::Program;
use shm_tests::key::Own;
use static_assertions::{assert_impl_all, assert_not_impl_any};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Shareable)]
#[repr(u8)]
enum Sky {
    Clear = 3,
    Cloudy = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(C)]
struct Gust {
    speed: f64,
    sharp: bool,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    first: u8,
    name: Text<13>,
    gusts: List<Gust, 3>,
    skies: List<Sky, 4>,
    names: List<Text<6>, 2>,
    none: Text<0>,
    whole: sync::SeqLock<Text<40>>,
    skies_whole: sync::SeqLock<List<Sky, 4>>,
    jobs: sync::Mutex<List<u16, 3>>,
    label: sync::SeqLock<[u8; 8]>,
}

assert_impl_all!(Text<8>: Plain, AlwaysValid, Send, Sync);
assert_impl_all!(List<u8, 8>: Plain, AlwaysValid, Send, Sync);
assert_not_impl_any!(List<Sky, 8>: AlwaysValid);

/// Writes bytes as a program without types does.
fn poke<T: Shareable>(at: &Shared<T>, bytes: &[u8]) {
    assert!(bytes.len() <= size_of::<T>());
    for (i, &byte) in bytes.iter().enumerate() {
        // SAFETY: within the `T`, by the line above.
        let at = unsafe { at.as_mut_ptr().cast::<u8>().add(i) };
        // SAFETY: mapped to be written; volatile, as other processes use it.
        unsafe { at.write_volatile(byte) };
    }
}

#[test]
fn zero_bytes_are_empty_and_what_is_set_is_read() {
    let segment = Own::<Station>::create();
    let station = segment.attach().unwrap();
    assert_eq!((station.name.to_string_lossy(), station.none.to_string()), (String::new(), String::new()));
    assert_eq!(station.name.get(), Text::default());
    assert!(station.gusts.as_slice().is_empty() && station.gusts.get().is_empty());
    // Zero is not a sky, and there is none in the list.
    assert_eq!(station.skies.try_get().unwrap(), List::new());
    assert_eq!(station.skies_whole.read().unwrap(), List::new());

    station.name.set_str("Zürich-Höngg").unwrap_err();
    station.name.set_str("Zürich-Höng").unwrap();
    assert_eq!(station.name.to_string(), "Zürich-Höng");
    station.name.set_str("Bern").unwrap();
    assert_eq!(station.name.get(), "Bern");
    assert_eq!(
        (format!("{:?}", station.name), format!("{:>6}", station.name)),
        ("\"Bern\"".into(), "  Bern".into())
    );
    let mut text = String::from("something longer than Bern");
    let before = text.as_ptr();
    station.name.read_into(&mut text);
    assert_eq!((text.as_str(), text.as_ptr()), ("Bern", before));
    assert!(station.none.set_str("").is_ok() && station.none.set_str("x").is_err());
    station.name.set_str("a\0b").unwrap();
    assert_eq!(station.name.to_string_lossy(), "a\0b");

    let gusts = [Gust { speed: 9.5, sharp: true }, Gust { speed: 12.0, sharp: false }];
    station.gusts.set_from(&gusts).unwrap();
    station.gusts.push(gusts[0]).unwrap();
    let error = station.gusts.push(gusts[1]).unwrap_err();
    assert_eq!((error.len, error.capacity), (4, 3));
    assert_eq!(error.to_string(), "a list of 4 values does not fit into 3; nothing was written");
    assert!(station.gusts.set_from(&[gusts[0]; 4]).is_err());
    let mut read = vec![gusts[1]; 9];
    station.gusts.read_into(&mut read);
    assert_eq!(read, [gusts[0], gusts[1], gusts[0]]);
    assert_eq!(*station.gusts.get(), read[..]);
    let speeds: Vec<f64> = station.gusts.as_slice().iter().map(|gust| gust.speed.get()).collect();
    assert_eq!(speeds, [9.5, 12.0, 9.5]);
    station.gusts.set(List::from_slice(&gusts[..1]).unwrap());
    assert_eq!(format!("{:?}", station.gusts), "[Gust { speed: 9.5, sharp: true }]");
    station.names.push(Text::new("Uri").unwrap()).unwrap();
    assert_eq!(station.names.as_slice()[0].to_string(), "Uri");
}

#[test]
fn both_are_plain_values_of_the_locks_as_is_the_text_of_c() {
    let segment = Own::<Station>::create();
    let station = segment.attach().unwrap();
    station.whole.writer().unwrap().write(&Text::new("21 °C").unwrap()).unwrap();
    assert_eq!(station.whole.read().unwrap(), "21 °C");
    let skies = List::from_slice(&[Sky::Cloudy, Sky::Clear]).unwrap();
    station.skies_whole.writer().unwrap().write(&skies).unwrap();
    assert_eq!(*station.skies_whole.read().unwrap(), [Sky::Cloudy, Sky::Clear]);
    station.jobs.lock().unwrap().push(7).unwrap();
    assert_eq!(*station.jobs.lock().unwrap().get(), [7]);

    let mut label = [0xff; 8];
    label.set_str("Bern").unwrap();
    assert_eq!(label, *b"Bern\0\0\0\0");
    assert!(label.set_str("Salzburg").is_err() && label.set_str("a\0").is_err());
    station.label.writer().unwrap().write(&label).unwrap();
    assert_eq!(station.label.read().unwrap().to_string_lossy(), "Bern");
    assert_eq!([0xff_u8; 2].to_string_lossy(), "\u{fffd}\u{fffd}");
}

#[test]
fn any_bytes_are_a_text_that_is_valid_and_a_list_that_is_not_longer_than_its_room() {
    let segment = Own::<Station>::create();
    let station = segment.attach().unwrap();
    let reader = segment.attach_read_only().unwrap();
    let tool = inspect::Segment::from_id(segment.id()).unwrap().attach_read_only().unwrap();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(2000) });
    let len = prop_oneof![0..6_u32, any::<u32>()];
    let bytes = prop::collection::vec(prop_oneof![Just(0_u8), 1..6_u8, any::<u8>()], 48);
    runner
        .run(&(len, bytes), |(len, bytes)| {
            let counted = [&len.to_ne_bytes()[..], &bytes].concat();
            poke(&station.name, &counted[..size_of::<Text<13>>()]);
            let expected = String::from_utf8_lossy(&bytes[..(len as usize).min(13)]).into_owned();
            prop_assert_eq!(reader.name.to_string_lossy(), &*expected);
            prop_assert_eq!(station.name.get().to_string(), &*expected);
            prop_assert_eq!(tool.resolve("name").unwrap().text().unwrap(), &*expected);
            prop_assert_eq!(format!("{:?}", reader.name), format!("{expected:?}"));

            let room = size_of::<List<Sky, 4>>();
            poke(&station.skies, &counted[..room]);
            let count = (len as usize).min(4);
            let wrong = bytes[..count].iter().position(|byte| ![3, 4].contains(byte));
            match (station.skies.try_get(), wrong) {
                (Ok(skies), None) => {
                    prop_assert!(skies.iter().map(|&sky| sky as u8).eq(bytes[..count].iter().copied()))
                }
                (Err(error), Some(wrong)) => prop_assert_eq!(error.path(), format!("[{wrong}]")),
                (got, wrong) => prop_assert!(false, "{got:?} {wrong:?}"),
            }
            prop_assert_eq!(reader.skies.as_slice().len(), count);
            prop_assert_eq!(tool.resolve("skies").unwrap().elements().len(), count);

            poke(&station.gusts, &counted);
            let mut gusts = Vec::new();
            reader.gusts.read_into(&mut gusts);
            prop_assert_eq!(gusts.len(), (len as usize).min(3));
            // By number, as a bool that were not 0 or 1 could be both `true` and unequal to it.
            let whole = station.gusts.get();
            prop_assert!(
                whole.iter().chain(&gusts).all(|gust| u8::from(std::hint::black_box(gust.sharp)) <= 1)
            );
            let shown = format!("{:?}", *station);
            prop_assert!(shown.starts_with("Station"), "{shown}");
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_list_whose_values_are_wrong_after_its_count_is_read_and_one_before_it_is_named() {
    let segment = Own::<Station>::create();
    let station = segment.attach().unwrap();
    poke(&station.skies, &[1, 0, 0, 0, 3, 9, 9, 9]);
    assert_eq!(*station.skies.try_get().unwrap(), [Sky::Clear]);
    poke(&station.skies, &[2]);
    let error = station.skies.try_get().unwrap_err();
    assert_eq!((error.path(), error.found(), error.type_name()), ("[1]", 9, "Sky"));
    // What is not a value is carried along by nobody: the list that is pushed to keeps its bytes, and its count only grows.
    station.skies.push(Sky::Cloudy).unwrap();
    assert!(station.skies.try_get().is_err());
    poke(&station.skies, &[255, 255, 255, 255]);
    assert!(station.skies.push(Sky::Cloudy).is_err());
}

#[test]
fn a_c_program_has_both_where_the_struct_has_them_and_writes_what_is_read_here() {
    const C: &str = r#"
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>

struct text13 { uint32_t len; char bytes[13]; };
struct text6 { uint32_t len; char bytes[6]; };
struct gust { double speed; bool sharp; };
struct gusts { uint32_t len; struct gust values[3]; };
struct skies { uint32_t len; uint8_t values[4]; };
struct names { uint32_t len; struct text6 values[2]; };
struct station { uint8_t first; struct text13 name; struct gusts gusts; struct skies skies; struct names names; };

int main(int argc, char **argv) {
    struct station *s = shmat(argc > 1 ? atoi(argv[1]) : -1, NULL, 0);
    if (s == (void *)-1) return 1;
    printf("%.*s %u %.1f %u ", (int)s->name.len, s->name.bytes, s->gusts.len, s->gusts.values[1].speed, s->skies.values[0]);
    printf("%.*s\n", (int)s->names.values[1].len, s->names.values[1].bytes);
    s->name.len = 7; memcpy(s->name.bytes, "Z\303\274rich", 7);
    s->gusts.len = 3; s->gusts.values[2].speed = 30.5;
    s->skies.len = 9; memset(s->skies.values, 4, 4);
    printf("%zu %zu %zu %zu", offsetof(struct station, name), offsetof(struct station, gusts),
           offsetof(struct station, skies), offsetof(struct station, names));
    return shmdt(s);
}
"#;
    let segment = Own::<Station>::create();
    let station = segment.attach().unwrap();
    station.name.set_str("Bern").unwrap();
    station.gusts.set_from(&[Gust { speed: 2.5, sharp: true }; 2]).unwrap();
    station.skies.push(Sky::Clear).unwrap();
    let names = ["Uri", "Zug"].map(|name| Text::new(name).unwrap());
    station.names.set_from(&names).unwrap();
    let said = Program::compile(C).run(&[segment.id()]);
    let (values, offsets) = said.split_once('\n').unwrap();
    assert_eq!(values, "Bern 2 2.5 3 Zug");
    let ours = [
        offset_of!(Station, name),
        offset_of!(Station, gusts),
        offset_of!(Station, skies),
        offset_of!(Station, names),
    ];
    assert_eq!(offsets, ours.map(|offset| offset.to_string()).join(" "));
    assert_eq!(station.name.to_string_lossy(), "Zürich");
    assert_eq!(station.gusts.get()[2].speed, 30.5);
    assert_eq!(*station.skies.try_get().unwrap(), [Sky::Cloudy; 4]);
}

#[test]
fn a_tool_shows_and_sets_them_without_their_type() {
    let segment = Own::<Station>::create();
    let station = segment.attach().unwrap();
    let schema = Schema::of::<Station>().to_string();
    assert!(
        schema.contains("  name @4 builtin Text size 20 align 4\n    len @0 u32\n    bytes @4 [13] u8\n"),
        "{schema}"
    );
    let tool = inspect::Segment::from_id(segment.id()).unwrap().attach().unwrap();
    tool.resolve("name").unwrap().set_text("Zürich").unwrap();
    assert_eq!(station.name.to_string_lossy(), "Zürich");
    assert_eq!(format!("{:?}", tool.resolve("name").unwrap()), "\"Zürich\"");
    let error = tool.resolve("name").unwrap().set_text("Zürich Flughafen").unwrap_err();
    assert_eq!(error.to_string(), "a text of 17 bytes does not fit into 13; nothing was written");

    station.gusts.set_from(&[Gust { speed: 1.0, sharp: false }; 2]).unwrap();
    let gusts = tool.resolve("gusts").unwrap();
    assert_eq!((gusts.get(), gusts.elements().len()), (Value::Array, 2));
    tool.resolve("gusts[1].speed").unwrap().set(Value::F64(8.0)).unwrap();
    assert_eq!(station.gusts.get()[1].speed, 8.0);
    let error = tool.resolve("gusts[3]").unwrap_err().to_string();
    assert_eq!(error, "`gusts` has 3 elements, and none with the index 3");
    // In a lock, they are written by its holder.
    assert!(tool.resolve("jobs.value[0]").unwrap().set(Value::Int(1)).is_err());
}
