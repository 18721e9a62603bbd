//! `shm save` and `shm restore`: what was saved is what comes back, by name, or nothing does.

mod support;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering::Relaxed;

use serde_json::{Value, json};
use shm_runtime::{Schema, Shareable, SharedSegment, sync};
use shm_tests::key::{Own, OwnKey};
use shm_tests::seal::{Raw, raw_create};
use shm_tests::temp::TempDir;

use self::support::{
    Cell, Mode, Random, SHM, Station, Wind, ended_well, id, json, printed, refused, shm, text,
};

/// The next version of [`Station`]: its fields at other places, and some more.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Next {
    altitude: i32,
    mode: NextMode,
    cells: [NextCell; 6],
    name: [u8; 32],
    wind: NextWind,
    celsius: f64,
    series: [f64; 4096],
    total: sync::Mutex<u64>,
    last: sync::SeqLock<Wind>,
    changed: sync::Event,
    readings: u64,
    letter: char,
    on: bool,
    small: i8,
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(u16)]
#[shm(type_name = "Mode")]
enum NextMode {
    Broken = 0,
    Off = 9,
    Auto = 8,
    Manual = 300,
}

#[derive(Clone, Copy, Debug, Shareable)]
#[repr(C)]
struct NextCell {
    grid: [[i16; 2]; 2],
    mode: NextMode,
}

#[derive(Clone, Copy, Debug, Shareable)]
#[repr(C)]
struct NextWind {
    gusts: f32,
    degrees: u16,
    speed: f32,
}

/// One into which not all of [`Station`] fits.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Other {
    readings: u32,
    celsius: f64,
    wind: OtherWind,
    series: [f64; 10],
    mode: OtherMode,
    total: u64,
    letter: char,
    cells: [OtherCell; 6],
}

#[derive(Clone, Copy, Debug, Shareable)]
#[repr(C)]
struct OtherWind {
    speed: f64,
    degrees: u16,
}

#[derive(Clone, Copy, Debug, Shareable)]
#[repr(C)]
struct OtherCell {
    grid: [[i16; 2]; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(u8)]
#[shm(type_name = "Mode")]
enum OtherMode {
    Off = 0,
    Auto = 1,
}

fn fill(own: &Own<Station>) {
    let station = own.attach().unwrap();
    station.readings.store(u64::MAX - 1, Relaxed);
    station.celsius.set(0.1 + 0.2);
    station.wind.set(Wind { speed: 3.2, degrees: 270 });
    for i in 0..4096_u32 {
        // Floats of which the digits matter.
        station.series[usize::try_from(i).unwrap()].set(f64::from(i).sqrt() / 1e17);
    }
    station.series[1].set(f64::NEG_INFINITY);
    station.series[2].set(-0.0);
    station.name.set_str("Zug\"spitze\u{1b}[31m").unwrap();
    station.letter.set('\u{7f}');
    station.mode.set(Mode::Manual);
    station.on.set(true);
    station.small.set(-128);
    station.cells[5].set(Cell { mode: Mode::Auto, grid: [[1, 2], [3, -4]] });
    station.total.lock().unwrap().set(12);
    station.last.writer().unwrap().write(&Wind { speed: 0.5, degrees: 9 }).unwrap();
}

/// A file with what is in it.
fn saved(own: &Own<Station>, dir: &TempDir) -> String {
    let file = dir.path().join("station.json").to_str().unwrap().to_owned();
    assert_eq!(printed(&["save", &id(own.id()), "-o", &file]), "");
    file
}

#[test]
fn what_is_restored_is_what_was_saved_bit_by_bit_but_for_locks() {
    let (own, other, dir) = (Own::<Station>::create(), Own::<Station>::create(), TempDir::new());
    fill(&own);
    let file = saved(&own, &dir);
    let said = printed(&["restore", &id(other.id()), &file]);
    let left = "as they were: total (Mutex), last (SeqLock), changed (Event)";
    assert!(said.starts_with("restored Station to segment, shmid ") && said.contains(left), "{said}");
    let plain = std::mem::offset_of!(Station, total);
    let (raw, restored) = (Raw::attach(own.id()), Raw::attach(other.id()));
    assert!(raw.read(0, plain).iter().any(|&byte| byte != 0));
    assert_eq!(raw.read(0, plain), restored.read(0, plain));
    let other = other.attach().unwrap();
    assert_eq!((other.total.lock().unwrap().get(), other.last.version()), (0, 0));
}

#[test]
fn a_saved_file_has_the_schema_the_plain_values_and_copies_of_whole_values() {
    let own = Own::<Station>::create();
    fill(&own);
    let output = shm(&["save", &id(own.id())]);
    assert_eq!(text(&output.stderr), "shm: not saved: total (Mutex), changed (Event)\n");
    let saved: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(saved["schema"], json!(Schema::of::<Station>().to_string()));
    assert_eq!(saved["values"]["wind"], json!({ "speed": 3.2, "degrees": 270 }));
    assert_eq!(saved["values"]["mode"], json!("Manual"));
    assert_eq!(saved["snapshots"], json!({ "last": { "speed": 0.5, "degrees": 9 } }));
    for lock in ["total", "last", "changed"] {
        assert_eq!(saved["values"].get(lock), None);
    }
}

#[test]
fn a_new_layout_gets_the_fields_by_their_names() {
    let (own, next, dir) = (Own::<Station>::create(), Own::<Next>::create(), TempDir::new());
    fill(&own);
    let file = saved(&own, &dir);
    let typed = next.attach().unwrap();
    typed.altitude.set(2962);
    typed.wind.gusts.set(7.5);
    typed.cells[0].mode.set(NextMode::Manual);
    let said = printed(&["restore", &id(next.id()), &file]);
    assert!(said.contains("as they were: altitude, wind.gusts, total (Mutex)"), "{said}");
    assert_eq!((typed.altitude.get(), typed.wind.gusts.get()), (2962, 7.5));
    assert_eq!((typed.readings.get(), typed.celsius.get()), (u64::MAX - 1, 0.1 + 0.2));
    assert_eq!((typed.wind.speed.get(), typed.wind.degrees.get()), (3.2, 270));
    assert_eq!(
        (typed.mode.try_get(), typed.cells[0].mode.try_get()),
        (Ok(NextMode::Manual), Ok(NextMode::Off))
    );
    let cell = typed.cells[5].try_get().unwrap();
    assert_eq!((cell.mode, cell.grid), (NextMode::Auto, [[1, 2], [3, -4]]));
    assert_eq!((typed.letter.try_get(), typed.on.get(), typed.small.get()), (Ok('\u{7f}'), true, -128));
}

#[test]
fn fields_that_are_gone_or_changed_are_listed_and_nothing_is_written_unless_partial() {
    let (own, other, dir) = (Own::<Station>::create(), Own::<Other>::create(), TempDir::new());
    fill(&own);
    let file = saved(&own, &dir);
    let raw = Raw::attach(other.id());
    let before = raw.read(0, raw.size());
    let said = refused(&["restore", &id(other.id()), &file], 1);
    let expected = [
        "readings: it was atomic u64, and is u32 now",
        "wind.speed: it was f32, and is f64 now",
        "series: it was [f64; 4096], and is [f64; 10] now",
        "name: it is gone",
        "on: it is gone",
        "small: it is gone",
        "cells[].mode: it is gone",
        "mode: Mode has no variant \"Manual\" any more",
    ];
    let listed: Vec<&str> = said.lines().skip(1).map(str::trim).collect();
    assert_eq!(listed, expected, "{said}");
    assert!(said.starts_with("shm: nothing was restored") && said.contains("--partial"), "{said}");
    assert_eq!(raw.read(0, raw.size()), before);

    let typed = other.attach().unwrap();
    typed.total.set(5);
    let output = shm(&["restore", "--partial", &id(other.id()), &file]);
    assert!(output.status.success(), "{output:?}");
    let said = text(&output.stderr);
    assert!(expected.iter().all(|line| said.contains(line)), "{said}");
    assert_eq!((typed.celsius.get(), typed.wind.degrees.get()), (0.1 + 0.2, 270));
    assert_eq!((typed.readings.get(), typed.wind.speed.get(), typed.total.get()), (0, 0.0, 5));
    assert_eq!(typed.cells[5].grid.get(), [[1, 2], [3, -4]]);
    assert_eq!((typed.letter.try_get(), typed.mode.try_get()), (Ok('\u{7f}'), Ok(OtherMode::Off)));
}

#[test]
fn a_value_that_its_field_cannot_have_restores_nothing() {
    let (own, dir) = (Own::<Station>::create(), TempDir::new());
    let mut saved: Value = serde_json::from_slice(&shm(&["save", &id(own.id())]).stdout).unwrap();
    saved["values"]["celsius"] = json!(5);
    let raw = Raw::attach(own.id());
    let before = raw.read(0, raw.size());
    let mut elements = saved["values"]["series"].as_array().unwrap().clone();
    elements.pop();
    let cases = [
        ("small", json!(128), "small: 128 does not fit into i8"),
        ("mode", json!(3), "mode: 3 is not a variant of `Mode`"),
        ("name", json!("0123456789012345678901234567890123456789"), "name: a text of 40 bytes"),
        ("wind", json!(null), "expected Wind for wind"),
        ("wind", json!({ "speed": "x" }), "wind.speed: `x` is not a value of `f32`"),
        ("series", json!(elements), "series: 4095 elements, where there are 4096"),
        ("cells", json!([]), "cells: 0 elements, where there are 6"),
        ("celsius", json!({}), "celsius: a map is not a value of f64"),
        ("extra", json!(1), "the file has a value for extra, and its schema has no such field"),
        ("total", json!({ "value": 7 }), "total is a Mutex, which is not restored"),
    ];
    for (field, value, expected) in cases {
        let mut saved = saved.clone();
        saved["values"][field] = value;
        let file = dir.file("changed.json", &saved.to_string());
        let said = refused(&["restore", &id(own.id()), file.to_str().unwrap()], 1);
        assert!(said.contains("nothing was restored") && said.contains(expected), "{field}: {said}");
        assert_eq!(raw.read(0, raw.size()), before, "{field}");
    }
    let file = dir.file("right.json", &saved.to_string());
    printed(&["restore", &id(own.id()), file.to_str().unwrap()]);
    assert_eq!(own.attach().unwrap().celsius.get(), 5.0);
}

#[test]
fn any_file_is_restored_whole_or_not_at_all() {
    let (own, dir) = (Own::<Station>::create(), TempDir::new());
    let saved = printed(&["save", &id(own.id())]);
    // Without the longest part, which is like the others.
    let mut short: Value = serde_json::from_str(&saved).unwrap();
    short["values"].as_object_mut().unwrap().remove("series");
    let short = short.to_string();
    fill(&own);
    let raw = Raw::attach(own.id());
    let before = raw.read(0, raw.size());
    let mut random = Random(99);
    let pieces = [
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "-1",
        "1e999",
        "\\u0000",
        "\u{1b}[31m",
        "\\n  ",
        "@",
        "99999999999999999999",
    ];
    let (mut restored, mut kept) = (0, 0);
    for round in 0..300 {
        let mut file = short.clone();
        for _ in 0..=random.below(3) {
            let mut at = random.below(file.len());
            while !file.is_char_boundary(at) {
                at -= 1;
            }
            match round % 3 {
                0 => file.insert_str(at, random.pick(&pieces)),
                1 => file.truncate(at.max(1)),
                _ => drop(file.remove(at)),
            }
        }
        let file = dir.file("any.json", &file);
        let output = shm(&["restore", &id(own.id()), file.to_str().unwrap()]);
        ended_well(&output);
        if output.status.success() {
            restored += 1;
            raw.write(0, &before);
        } else {
            kept += 1;
            assert_eq!(raw.read(0, raw.size()), before);
        }
    }
    assert!(restored > 0 && kept > 100, "{restored} {kept}");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = short.replacen("\"values\":{", &format!("\"values\":{{\"on\":{deep},"), 1);
    refused(&["restore", &id(own.id()), dir.file("deep.json", &deep).to_str().unwrap()], 1);
}

#[test]
fn files_and_segments_that_cannot_be_used_are_named() {
    let (own, dir) = (Own::<Station>::create(), TempDir::new());
    let said = refused(&["save", &id(own.id()), "-o", "/nonexistent/x.json"], 1);
    assert!(said.contains("cannot write /nonexistent/x.json: No such file"), "{said}");
    let said = refused(&["restore", &id(own.id()), "/nonexistent/x.json"], 1);
    assert!(said.contains("cannot read /nonexistent/x.json: No such file"), "{said}");
    let file = dir.file("other.json", "{\"shm_save\": 2, \"schema\": \"[1] u8\\n\", \"values\": []}");
    let said = refused(&["restore", &id(own.id()), file.to_str().unwrap()], 1);
    assert!(said.contains("of the format 2, and this tool knows 1"), "{said}");

    let key = OwnKey::new();
    let bare = raw_create(key.value(), 100);
    refused(&["save", &id(bare)], 1);
    let schema = dir.file("bytes.schema", "struct Bytes size 100 align 4\n  words @0 [25] u32\n");
    let like = ["--like", schema.to_str().unwrap()];
    printed(&["set", like[0], like[1], &id(bare), "words[24]", "7"]);
    let saved = printed(&["save", like[0], like[1], &id(bare)]);
    printed(&["set", like[0], like[1], &id(bare), "words[24]", "8"]);
    let mut restore = Command::new(SHM)
        .args(["restore", like[0], like[1], &id(bare), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("run shm");
    restore.stdin.take().unwrap().write_all(saved.as_bytes()).unwrap();
    assert!(restore.wait().unwrap().success());
    assert_eq!(json(&["show", "--json", like[0], like[1], &id(bare), "words[24]"]), json!(7));
}
