//! `shm layout` shows where the compiler put the fields, and who is in whose cache line.

use std::mem::{align_of, offset_of, size_of};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, AtomicU64};

use serde_json::Value;
use shm_runtime::{Schema, Shareable, SharedSegment, Text, sync};
use shm_tests::key::OwnKey;
use shm_tests::temp::TempDir;

const SHM: &str = env!("CARGO_BIN_EXE_shm");

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    readings: AtomicU64,
    celsius: f64,
    wind: Wind,
    totals: sync::Mutex<Wind>,
    hits: [AtomicU32; 4],
    series: [Sample; 8],
    name: [u8; 1000],
    alone: Alone,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Wind {
    speed: f64,
    degrees: u16,
}

#[derive(Shareable)]
#[repr(C)]
struct Sample {
    at: u64,
    count: AtomicU64,
    value: f64,
}

#[derive(Shareable)]
#[repr(C, align(64))]
struct Alone {
    count: AtomicU64,
}

fn shm(arguments: &[&str]) -> Output {
    Command::new(SHM).args(arguments).output().expect("run shm")
}

#[track_caller]
fn printed(arguments: &[&str]) -> String {
    let output = shm(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn of_schema(text: &str, flags: &[&str]) -> String {
    let dir = TempDir::new();
    let file = dir.file("s.schema", text);
    printed(&[&["layout", &file.to_string_lossy()], flags].concat())
}

#[test]
fn a_text_is_one_field() {
    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(private, type_name = "Named")]
    struct Named {
        name: Text<20>,
        names: [Text<4>; 3],
    }
    let shown = of_schema(&Schema::of::<Named>().to_string(), &[]);
    let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(rows.contains(&vec!["0", "24", "0", "name", "Text"]), "{shown}");
    assert!(!shown.contains("bytes @") && !rows.iter().any(|row| row.contains(&"len")), "{shown}");
}

#[test]
fn fields_are_where_the_compiler_put_them() {
    let key = OwnKey::new();
    let segment = Station::options().key(key.key()).create().unwrap();
    let json: Value =
        serde_json::from_str(&printed(&["layout", "--json", &format!("id:{}", segment.id())])).unwrap();
    assert_eq!(json["name"], "Station");
    assert_eq!(
        (&json["size"], &json["align"]),
        (&size_of::<Station>().into(), &align_of::<Station>().into())
    );
    let series = offset_of!(Station, series);
    let fields = json["fields"].as_array().unwrap();
    for (path, offset, size, ty) in [
        ("readings", 0, 8, "atomic u64"),
        ("celsius", offset_of!(Station, celsius), 8, "f64"),
        ("wind", offset_of!(Station, wind), size_of::<Wind>(), "Wind"),
        ("wind.degrees", offset_of!(Station, wind.degrees), 2, "u16"),
        ("totals", offset_of!(Station, totals), size_of::<sync::Mutex<Wind>>(), "Mutex"),
        ("series", series, size_of::<[Sample; 8]>(), "[Sample; 8]"),
        ("series[0].value", series + offset_of!(Sample, value), 8, "f64"),
        ("name", offset_of!(Station, name), 1000, "[u8; 1000]"),
        ("alone.count", offset_of!(Station, alone.count), 8, "atomic u64"),
    ] {
        let field = fields.iter().find(|field| field["path"] == path).expect(path);
        assert_eq!(
            (&field["offset"], &field["size"], &field["type"], &field["first_line"]),
            (&offset.into(), &size.into(), &ty.into(), &(offset / 64).into())
        );
    }
    // Fields and padding of the whole fill it: of those that are in nothing else.
    let outer = fields.iter().filter(|field| !field["path"].as_str().unwrap_or("").contains(['.', '[']));
    let padding = size_of::<Wind>() - 10 + size_of::<Alone>() - 8;
    let bytes: u64 = outer.map(|field| field["size"].as_u64().unwrap()).sum();
    assert_eq!(bytes, (size_of::<Station>() + padding) as u64);
}

#[test]
fn atomics_and_locks_that_share_a_line_are_named() {
    let segment = Station::create().unwrap().remove_on_drop();
    let name = format!("id:{}", segment.id());
    let json: Value = serde_json::from_str(&printed(&["layout", "--json", &name])).unwrap();
    let first = &json["shared_lines"][0];
    assert_eq!(first["line"], 0);
    assert_eq!(first["contended"], serde_json::json!(["readings", "totals", "hits"]));
    assert_eq!(first["beside"], serde_json::json!(["celsius", "wind.speed", "wind.degrees"]));
    assert_eq!(json["crowded_arrays"], serde_json::json!(["hits", "series"]));
    // One that has a line of its own is not.
    assert!(!json["shared_lines"].to_string().contains("alone"));

    let text = printed(&["layout", &name]);
    assert!(
        text.contains("  line 0: readings (atomic u64), totals (Mutex), hits ([atomic u32; 4])\n"),
        "{text}"
    );
    assert!(text.contains("    beside celsius, wind.speed, wind.degrees\n"), "{text}");
    assert!(text.contains("  elements of series ([Sample; 8]): 24 bytes each\n"), "{text}");
}

#[test]
fn elements_with_lines_of_their_own_are_not_crowded() {
    let text = "struct S size 256 align 64\n  a @0 [4] struct A size 64 align 64\n    n @0 atomic u64\n";
    let shown = of_schema(text, &[]);
    assert!(!shown.contains("Shared lines"), "{shown}");
    let text =
        "struct S size 136 align 8\n  x @0 u64\n  a @8 [2] struct A size 64 align 8\n    n @0 atomic u64\n";
    assert!(of_schema(text, &[]).contains("elements of a ([A; 2]): 64 bytes each"));
    // Once, of the array that they are all in.
    let text = "struct S size 64 align 8\n  a @0 [2] struct A size 32 align 8\n    n @0 [4] atomic u64\n";
    assert_eq!(of_schema(text, &[]).matches("elements of").count(), 1);
}

#[test]
fn the_picture_fits_into_80_columns_and_shows_every_byte_once() {
    let segment = Station::create().unwrap().remove_on_drop();
    let text = printed(&["layout", &format!("id:{}", segment.id())]);
    let narrow = |text: &str| text.lines().all(|line| line.chars().count() <= 80);
    assert!(narrow(&text), "{text}");
    let many: String = (0..16).map(|i| format!("  requests_answered_{i} @{} atomic u32\n", 4 * i)).collect();
    let shown = of_schema(&format!("struct S size 64 align 4\n{many}"), &[]);
    assert!(shown.lines().filter(|line| !line.starts_with('(')).all(narrow), "{shown}");
    assert!(shown.contains("requests_answered_5 (atomic u32),") && shown.contains("10 more\n"), "{shown}");
    let rows: Vec<&str> = text.lines().filter(|line| line.ends_with('|')).collect();
    let mut next = 0;
    for row in rows {
        let (at, bytes) = row.split_once('|').unwrap();
        assert_eq!(bytes.len(), 64 + 1, "{row}");
        if let Some(folded) = bytes.strip_prefix(" lines ") {
            let last = folded.split([' ', ',']).nth(2).unwrap();
            next = 64 * (last.parse::<usize>().unwrap() + 1);
            continue;
        }
        assert_eq!(at.trim().parse(), Ok(next));
        next += 64;
    }
    assert_eq!(next, size_of::<Station>());
    assert!(
        text.contains("   0 |[readin][celsiu][wind.s][]......[totals################][hits==>|"),
        "{text}"
    );
}

#[test]
fn a_large_array_takes_a_few_lines_only() {
    let text = "struct S size 1125899906842624 align 8\n  a @0 u64\n  b @8 [140737488355326] u64\n  c @1125899906842616 u64\n";
    let shown = of_schema(text, &[]);
    assert!(shown.lines().count() < 20, "{shown}");
    assert!(shown.contains("[b--") && shown.contains("[c-----]"), "{shown}");
    assert!(of_schema(text, &["--svg"]).len() < 5000);
    // One that ends in the middle of a line, too, and one that is all there is.
    for (size, len) in
        [(131u64, 131u64), (128, 128), (1, 1), (64, 64), (65, 65), (u64::MAX / 2, u64::MAX / 2)]
    {
        let text = format!("struct S size {size} align 1\n  a @0 [{len}] u8\n");
        assert!(of_schema(&text, &[]).lines().count() < 20);
    }
    let last = "struct S size 18446744073709551615 align 1\n  a @0 atomic u8\n  b @18446744073709551612 [2] atomic u8\n  c \
                @18446744073709551614 u8\n";
    assert!(of_schema(last, &[]).contains("beside c\n"));
    of_schema(last, &["--svg"]);
    of_schema("struct S size 0 align 1\n", &[]);
    of_schema("[4096] u8\n", &[]);
    of_schema("struct S size 18446744073709551615 align 1\n", &[]);
}

#[test]
fn the_svg_is_xml_with_a_title_for_every_part() {
    if !shm_tests::have("python3") {
        return;
    }
    let segment = Station::create().unwrap().remove_on_drop();
    let svg = printed(&["layout", "--svg", &format!("id:{}", segment.id())]);
    let dir = TempDir::new();
    let file = dir.file("station.svg", &svg);
    let program = "
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
space = '{http://www.w3.org/2000/svg}'
assert root.tag == space + 'svg'
print(*sorted({title.text for title in root.iter(space + 'title')}), sep='\\n')
";
    let output = Command::new("python3").args(["-c", program]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let titles = String::from_utf8(output.stdout).unwrap();
    for title in [
        "readings: atomic u64, 8 bytes at 0",
        "wind.degrees: u16, 2 bytes at 24",
        "padding: 6 bytes at 26",
        "series: [Sample; 8], 192 bytes at 72",
    ] {
        assert!(titles.lines().any(|line| line == title), "{title} in\n{titles}");
    }
}

#[test]
fn a_long_name_is_cropped_for_the_eye_and_whole_for_programs() {
    let name = "n".repeat(70);
    let text = format!("struct S size 8 align 8\n  {name} @0 u64\n");
    let shown = of_schema(&text, &[]);
    assert!(shown.lines().filter(|line| !line.starts_with('(')).all(|line| line.len() <= 80), "{shown}");
    assert!(of_schema(&text, &["--json"]).contains(&name));
}
