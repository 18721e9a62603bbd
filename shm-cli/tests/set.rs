//! `shm set`: one field is written, or nothing is.

mod support;

use std::sync::atomic::Ordering::Relaxed;

use shm_runtime::Segment;
use shm_tests::c::Program;
use shm_tests::key::{Own, OwnKey};
use shm_tests::oracle;
use shm_tests::seal::Raw;
use shm_tests::temp::TempDir;

use self::support::{Mode, Random, Station, ended_well, id, printed, refused, shm};

#[test]
fn what_is_set_is_what_the_typed_access_reads() {
    let own = Own::<Station>::create();
    let station = own.attach().unwrap();
    let set = |path: &str, value: &str| assert_eq!(printed(&["set", &id(own.id()), path, value]), "");
    set("readings", "0xffff_ffff_ffff_ffff");
    set("celsius", "-21.5");
    set("wind.speed", "3.2");
    set("wind.degrees", "270");
    set("series[4095]", "inf");
    set("name", "Zürich, with \"words\"");
    set("letter", "ß");
    set("mode", "Manual");
    set("on", "true");
    set("small", "-128");
    set("cells[2].grid[1][0]", "-7");
    set("cells[3].mode", "1");
    assert_eq!(station.readings.load(Relaxed), u64::MAX);
    assert_eq!(
        (station.celsius.get(), station.wind.speed.get(), station.wind.degrees.get()),
        (-21.5, 3.2, 270)
    );
    assert_eq!(station.series[4095].get(), f64::INFINITY);
    assert_eq!(station.name.to_string_lossy(), "Zürich, with \"words\"");
    assert_eq!((station.letter.try_get(), station.mode.try_get()), (Ok('ß'), Ok(Mode::Manual)));
    assert_eq!((station.on.get(), station.small.get()), (true, -128));
    assert_eq!(station.cells[2].grid.get(), [[0, 0], [-7, 0]]);
    assert_eq!(station.cells[3].mode.try_get(), Ok(Mode::Auto));
    set("name", "");
    assert_eq!(station.name.get(), [0; 32]);
}

#[test]
fn what_is_not_a_value_of_its_field_is_refused_with_what_would_be_and_nothing_is_written() {
    let own = Own::<Station>::create();
    let raw = Raw::attach(own.id());
    let before = raw.read(0, raw.size());
    let cases = [
        ("small", "128", "small: nothing was written: 128 does not fit into i8, which has -128 to 127"),
        ("readings", "-1", "-1 does not fit into u64, which has 0 to 18446744073709551615"),
        ("readings", "ten", "`ten` is not a value of `atomic u64`"),
        ("wind.speed", "1,5", "`1,5` is not a value of `f32`"),
        ("on", "yes", "`yes` is not a value of `bool`"),
        ("letter", "ab", "`ab` is not a value of `char`"),
        ("mode", "Of", "`Of` is not a variant of `Mode`, which has `Off` = 0, `Auto` = 1, `Manual` = 7"),
        ("mode", "2", "2 is not a variant of `Mode`"),
        ("name", "0123456789012345678901234567890123456789", "do not fit into 32 bytes"),
        ("wind", "1", "wind: it is Wind, which is written part by part: wind.speed, say"),
        ("series", "1", "series: it is [f64; 4096], which is written part by part: series[0], say"),
        ("cells[1]", "1", "cells[1].mode, say"),
        ("", "1", "which is written part by part: readings, say"),
        ("series[4096]", "1", "`series` has 4096 elements, and none with the index 4096"),
        ("wind.sped", "1", "it has `speed`, `degrees`"),
        // Those of a lock.
        ("total", "1", "this is part of a `Mutex`"),
        ("total.word", "0", "this is part of a `Mutex`"),
        ("total.value", "1", "this is part of a `Mutex`"),
        ("last.sequence", "1", "this is part of a `SeqLock`"),
        ("last.slots[0].speed", "1", "this is part of a `SeqLock`"),
        ("last.value.speed", "1", "this is the value of a SeqLock, which only its writer publishes"),
        ("changed.count", "1", "this is part of a `Event`"),
    ];
    for (path, value, expected) in cases {
        let said = refused(&["set", &id(own.id()), path, value], 1);
        // The value of a SeqLock that was never written may not be one of its type; it is refused in either case.
        assert!(said.contains(expected), "{path} = {value}: {said}");
        assert_eq!(raw.read(0, raw.size()), before, "{path} = {value}");
    }
    let said = refused(&["set", &id(own.id()), "small"], 2);
    assert!(said.contains("<VALUE>"), "{said}");
}

#[test]
fn any_text_is_written_as_it_was_meant_or_refused() {
    let own = Own::<Station>::create();
    let (station, raw) = (own.attach().unwrap(), Raw::attach(own.id()));
    let mut random = Random(4);
    let pieces = [
        "-",
        "+",
        "0x",
        "0b",
        "_",
        "1",
        "9",
        "255",
        "e",
        ".",
        "nan",
        "inf",
        "ß",
        "\u{1b}[31m",
        " ",
        "\n",
        "[",
        "Off",
    ];
    let paths =
        ["small", "readings", "celsius", "letter", "mode", "on", "name", "cells[0].grid[0][0]", "total.word"];
    let mut written = 0;
    for _ in 0..300 {
        let path = random.pick(&paths);
        let value: String = (0..random.below(5)).map(|_| random.pick(&pieces)).collect();
        let before = raw.read(0, raw.size());
        let output = shm(&["set", &id(own.id()), path, &value]);
        ended_well(&output);
        if !output.status.success() {
            assert_eq!(raw.read(0, raw.size()), before, "{path} = {value:?}");
            continue;
        }
        written += 1;
        // As the standard library reads it, where it does.
        match path {
            "small" => assert_eq!(value.parse().unwrap_or(station.small.get()), station.small.get()),
            "readings" => {
                let found = station.readings.load(Relaxed);
                assert_eq!(value.parse().unwrap_or(found), found);
            }
            "celsius" => {
                let (found, value) = (station.celsius.get(), value.parse::<f64>().unwrap());
                assert!(found == value || (found.is_nan() && value.is_nan()), "{value}");
            }
            "letter" => assert_eq!(station.letter.try_get().unwrap().to_string(), value),
            "name" => assert_eq!(station.name.to_string_lossy(), value),
            "total.word" => panic!("a lock was written"),
            _ => {}
        }
    }
    assert!(written > 30, "{written}");
}

#[test]
fn a_c_program_reads_what_is_set_in_its_segment_by_a_schema() {
    let key = OwnKey::new();
    let program = Program::compile(
        r#"
        #include <stdint.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/shm.h>
        struct point { double x; uint16_t marks[3]; char label[10]; };
        int main(int argc, char **argv) {
            if (argc != 2) return 1;
            int id = shmget((key_t)atol(argv[1]), sizeof(struct point), IPC_CREAT | 0600);
            struct point *point = shmat(id, NULL, 0);
            if (point == (void *)-1) return 2;
            printf("%g %d %s\n", point->x, point->marks[2], point->label);
            return 0;
        }"#,
    );
    program.run(&[key.value()]);
    let dir = TempDir::new();
    let file = dir.file(
        "point.schema",
        "struct Point size 24 align 8\n  x @0 f64\n  marks @8 [3] u16\n  label @14 [10] u8\n",
    );
    let named = format!("{:#x}", key.value());
    for (path, value) in [("x", "-0.5"), ("marks[2]", "65535"), ("label", "peak")] {
        printed(&["set", "--like", file.to_str().unwrap(), &named, path, value]);
    }
    assert_eq!(program.run(&[key.value()]), "-0.5 65535 peak\n");
    let said = refused(&["set", &named, "x", "1"], 1);
    assert!(said.contains("seal"), "{said}");
}

#[test]
fn what_is_not_there_is_not_set() {
    let own = Own::<Station>::create();
    let removed = own.id();
    drop(own);
    refused(&["set", &id(removed), "small", "1"], 1);
    assert_eq!(oracle::by_id(removed), None);
    // Of another IPC namespace, or of none: an id that no object has.
    refused(&["set", "id:2147483647", "small", "1"], 1);
    refused(&["set", "id:-1", "small", "1"], 2);
    assert!(Segment::<Station>::from_id(removed).is_err());
}
