//! `shm show`: what is shown is what is in the segment, and no bytes do harm.

mod support;

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use serde_json::{Value, json};
use shm_runtime::{List, Segment, SharedSegment, TailedSegment, Text, sync};
use shm_tests::c::Program;
use shm_tests::child::Child;
use shm_tests::key::{Own, OwnId, OwnKey};
use shm_tests::seal::{Raw, raw_create};
use shm_tests::temp::TempDir;
use shm_tests::{HANGS, have, oracle};

use self::support::{
    Cell, Mode, Random, SHM, Station, Wind, ended_well, id, json, printed, refused, shm, text,
};

/// One with something in each field.
fn station() -> Own<Station> {
    let own = Own::<Station>::create();
    let station = own.attach().unwrap();
    station.readings.store(u64::MAX, Relaxed);
    station.celsius.set(-21.5);
    station.wind.set(Wind { speed: 3.2, degrees: 270 });
    station.series[1].set(1.5);
    station.series[4095].set(f64::NAN);
    station.name.set_str("Zug\"spitze\u{1b}[31m").unwrap();
    station.letter.set('ß');
    station.mode.set(Mode::Manual);
    station.on.set(true);
    station.small.set(-128);
    station.cells[5].set(Cell { mode: Mode::Auto, grid: [[1, 2], [3, -4]] });
    station.total.lock().unwrap().set(12);
    station.last.writer().unwrap().write(&Wind { speed: 0.5, degrees: 9 }).unwrap();
    station.changed.notify_all();
    own
}

#[test]
fn every_kind_of_field_is_shown_by_its_name() {
    let own = station();
    let shown = printed(&["show", &id(own.id())]);
    let (heading, fields) = shown.split_once('\n').unwrap();
    assert_eq!(heading, format!("Station: segment, shmid {}, without a key, private, ready", own.id()));
    let expected = r#"readings: 18446744073709551615
celsius: -21.5
wind: Wind
  speed: 3.2
  degrees: 270
series: [0.0, 1.5, 0.0 (x 4093), NaN]
name: "Zug\"spitze\u{1b}[31m"
letter: 'ß'
mode: Manual
on: true
small: -128
cells: [Cell; 6]
  [0] to [4]: Cell
    mode: Off
    grid: [[0, 0], [0, 0]]
  [5]: Cell
    mode: Auto
    grid: [[1, 2], [3, -4]]
total: Mutex, free
  value: 12
last: SeqLock, 1 value published, no writer
  value: Wind
    speed: 0.5
    degrees: 9
changed: Event, 1 announcement
"#;
    assert_eq!(fields, expected);
}

#[test]
fn a_path_shows_a_part_only() {
    let own = station();
    let part = |path: &str| printed(&["show", &id(own.id()), path]);
    assert_eq!(part("celsius"), "-21.5\n");
    assert_eq!(part("mode"), "Manual\n");
    assert_eq!(part("wind"), "speed: 3.2\ndegrees: 270\n");
    assert_eq!(part("series[1]"), "1.5\n");
    assert_eq!(part("cells[5].grid[1]"), "[3, -4]\n");
    assert_eq!(part("total.value"), "12\n");
    assert_eq!(part("last.value.degrees"), "9\n");
    assert_eq!(part("last.value"), "speed: 0.5\ndegrees: 9\n");
    let said = refused(&["show", &id(own.id()), "wind.sped"], 1);
    assert_eq!(said, "shm: `wind` (Wind) has no field `sped`: it has `speed`, `degrees`\n");
    let said = refused(&["show", &id(own.id()), "last.value.x"], 1);
    assert!(said.contains("in the value of a SeqLock, `Wind` has no field `x`"), "{said}");
    for path in
        ["series[4096]", "series[", ".", "[0]", "last.valuespeed", "value", ".value", "readings.value"]
    {
        refused(&["show", &id(own.id()), path], 1);
    }
}

#[test]
fn json_has_the_live_values_and_what_locks_say_beside_them() {
    let own = station();
    let station = own.attach().unwrap();
    let guard = station.total.lock().unwrap();
    let shown = json(&["show", &id(own.id()), "--json"]);
    assert_eq!(shown["readings"], json!(u64::MAX));
    assert_eq!(shown["wind"], json!({ "speed": 3.2, "degrees": 270 }));
    assert_eq!(shown["series"].as_array().map(Vec::len), Some(4096));
    assert_eq!(shown["series"][4095], json!("NaN"));
    assert_eq!(shown["name"], json!("Zug\"spitze\u{1b}[31m"));
    assert_eq!(
        (&shown["letter"], &shown["mode"], &shown["on"]),
        (&json!("ß"), &json!("Manual"), &json!(true))
    );
    assert_eq!(shown["cells"][5], json!({ "mode": "Auto", "grid": [[1, 2], [3, -4]] }));
    let pid = std::process::id();
    assert_eq!((&shown["total"]["value"], &shown["total"]["abandoned"]), (&json!(12), &json!(false)));
    let holder = &shown["total"]["holder"];
    assert_eq!((&holder["pid"], &holder["alive"]), (&json!(pid), &json!(true)));
    let program = std::fs::read_to_string("/proc/self/comm").unwrap();
    assert_eq!(holder["program"], json!(program.trim_end()));
    assert_eq!(shown["last"]["value"], json!({ "speed": 0.5, "degrees": 9 }));
    assert_eq!((&shown["last"]["writer"], &shown["last"]["version"]), (&Value::Null, &json!(1)));
    assert_eq!(shown["changed"], json!({ "count": 1 }));
    assert_eq!(json(&["show", "--json", &id(own.id()), "cells[5].grid[1]"]), json!([3, -4]));
    drop(guard);
}

/// The other process of the test below: it takes the lock and the writer's role of the segment that it is given, and dies of a
/// signal or when its input ends.
#[test]
#[ignore = "the other process of another test"]
fn peer() {
    let Some(id) = std::env::var("SHM_TEST_PEER").ok().and_then(|id| id.parse().ok()) else { return };
    let station = Segment::<Station>::from_id(id).unwrap().attach().unwrap();
    let _guard = station.total.lock().unwrap();
    let mut writer = station.last.writer().unwrap();
    writer.write(&Wind { speed: 8.0, degrees: 80 }).unwrap();
    // The harness has written the test's name by now, and no end of the line.
    println!("\nheld");
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn locks_and_seqlocks_are_shown_with_the_process_that_has_them_alive_or_dead() {
    let own = station();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "peer", "--ignored", "--nocapture"]).env("SHM_TEST_PEER", own.id().to_string());
    let mut peer = Child::start(&mut command);
    while peer.line() != "held" {}
    let pid = peer.pid();
    let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    let shown = printed(&["show", &id(own.id())]);
    let held = format!("total: Mutex, held by {} (pid {pid}, thread ", comm.trim_end());
    assert!(shown.contains(&held), "{shown}");
    let written = format!("last: SeqLock, 2 values published, written by {} (pid {pid})\n", comm.trim_end());
    assert!(shown.contains(&written) && shown.contains("    speed: 8.0\n"), "{shown}");

    peer.kill();
    let shown = printed(&["show", &id(own.id())]);
    assert!(shown.contains("total: Mutex, held by a thread that died ("), "{shown}");
    assert!(shown.contains(&format!("its writer died (pid {pid})\n")), "{shown}");
    assert!(shown.contains("    speed: 8.0\n"), "{shown}");
    let shown = json(&["show", &id(own.id()), "--json"]);
    assert_eq!(shown["total"]["holder"]["alive"], json!(false));
    assert_eq!(
        (&shown["last"]["writer"]["alive"], &shown["last"]["writer"]["pid"]),
        (&json!(false), &json!(pid))
    );
    let station = own.attach().unwrap();
    drop(station.total.lock().unwrap_err());
    let shown = printed(&["show", &id(own.id())]);
    assert!(shown.contains("total: Mutex, free, not repaired since a holder died or panicked\n"), "{shown}");
}

#[test]
fn long_arrays_are_folded_unless_all_is_asked_for() {
    let own = Own::<Station>::create();
    let station = own.attach().unwrap();
    let series = || printed(&["show", &id(own.id()), "series"]);
    assert_eq!(series(), "[0.0; 4096]\n");
    for i in 0..4096_u16 {
        station.series[usize::from(i)].set(i.into());
    }
    assert_eq!(
        series(),
        "[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, .. 4085 more .., 4093.0, 4094.0, 4095.0]\n"
    );
    (0..4096).for_each(|i| station.series[i].set(if (10..4000).contains(&i) { 1.0 } else { 2.0 }));
    assert_eq!(series(), "[2.0 (x 10), 1.0 (x 3990), 2.0 (x 96)]\n");

    let all = printed(&["show", "--all", &id(own.id()), "series"]);
    let numbers: Vec<f64> = all
        .lines()
        .filter_map(|line| line.trim().strip_prefix('['))
        .flat_map(|line| line.split(": ").nth(1).unwrap().split(", "))
        .map(|number| number.parse().unwrap())
        .collect();
    let expected: Vec<f64> = (0..4096).map(|i| station.series[i].get()).collect();
    assert_eq!(numbers, expected);
    let cells = printed(&["show", "--all", &id(own.id()), "cells"]);
    assert_eq!(cells.matches("mode: Off").count(), 6, "{cells}");
}

#[test]
fn a_segment_without_a_schema_is_shown_as_hexdump_shows_it() {
    let key = OwnKey::new();
    let raw = Raw::attach(raw_create(key.value(), 1000));
    raw.write(100, b"Gr\xc3\xbc\xc3\x9fe \x1b[31m");
    raw.write(300, &[7; 64]);
    raw.write(990, b"the end");
    let shown = printed(&["show", &format!("{:#x}", key.value())]);
    if have("hexdump") {
        let dir = TempDir::new();
        let file = dir.path().join("bytes");
        std::fs::write(&file, raw.read(0, 1000)).unwrap();
        let hexdump = Command::new("hexdump").arg("-C").arg(&file).output().expect("run hexdump");
        assert_eq!(shown, text(&hexdump.stdout));
    }
    let all = printed(&["show", "--all", &format!("{:#x}", key.value())]);
    assert_eq!(all.lines().count(), 1000_usize.div_ceil(16) + 1);
    let said = refused(&["show", "--json", &format!("{:#x}", key.value())], 1);
    assert!(said.contains("--like FILE"), "{said}");
}

#[test]
fn a_segment_of_a_c_program_is_shown_by_a_schema_if_it_is_large_enough() {
    let key = OwnKey::new();
    let program = Program::compile(
        r#"
        #include <stdint.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/shm.h>
        struct point { double x, y; uint16_t marks[3]; char label[10]; };
        int main(int argc, char **argv) {
            if (argc != 2) return 1;
            int id = shmget((key_t)atol(argv[1]), sizeof(struct point), IPC_CREAT | IPC_EXCL | 0600);
            struct point *point = shmat(id, NULL, 0);
            if (point == (void *)-1) return 2;
            point->x = 1.25; point->y = -1e300; point->marks[2] = 65535;
            strcpy(point->label, "peak");
            printf("%d\n", id);
            return 0;
        }"#,
    );
    let c: i32 = program.run(&[key.value()]).trim().parse().unwrap();
    let dir = TempDir::new();
    let schema =
        "struct Point size 32 align 8\n  x @0 f64\n  y @8 f64\n  marks @16 [3] u16\n  label @22 [10] u8\n";
    let file = dir.file("point.schema", schema);
    let like = file.to_str().unwrap();
    let shown = printed(&["show", &id(c), "--like", like]);
    let (_, fields) = shown.split_once('\n').unwrap();
    assert_eq!(fields, "x: 1.25\ny: -1e300\nmarks: [0, 0, 65535]\nlabel: \"peak\"\n");
    assert_eq!(json(&["show", "--json", "--like", like, &id(c), "label"]), json!("peak"));

    let larger = dir.file("larger.schema", "struct Point size 40 align 8\n  x @0 [5] f64\n");
    let said = refused(&["show", &id(c), "--like", larger.to_str().unwrap()], 1);
    assert!(said.contains("32") && said.contains("40"), "{said}");
    let broken = dir.file("broken.schema", "struct Point size 40 align 8\n  x @0 [5] f65\n");
    let said = refused(&["show", &id(c), "--like", broken.to_str().unwrap()], 1);
    assert!(said.contains("is not a schema: line 2 of the schema"), "{said}");
    let said = refused(&["show", &id(c), "--like", "/nonexistent"], 1);
    assert!(said.contains("cannot read /nonexistent: No such file"), "{said}");
}

#[test]
fn no_bytes_of_the_segment_or_its_seal_make_it_panic_or_reach_the_terminal() {
    let own = station();
    let raw = Raw::attach(own.id());
    let before = raw.read(0, raw.size());
    let values = size_of::<Station>();
    let mut random = Random(13);
    let kinds: [fn(&mut Random) -> u8; 3] =
        [Random::byte, |random| *random.pick(&[b" ", b"\n", b"9", b"@", b"["]).first().unwrap(), |_| 0x1b];
    for round in 0..120 {
        raw.write(0, &before);
        // Values, or the schema and the footer, of which the last bytes are the most sensitive.
        let (from, len) = match round % 4 {
            0 => (0, values),
            1 => (values, raw.size() - values),
            2 => (raw.footer(), raw.size() - raw.footer()),
            _ => (0, raw.size()),
        };
        for _ in 0..=random.below(40) {
            let byte = kinds[random.below(3)](&mut random);
            raw.write(from + random.below(len), &[byte]);
        }
        let named = id(own.id());
        for arguments in [
            &["show", &named][..],
            &["show", "--json", &named],
            &["save", &named],
            &["export", "prometheus", &named],
            &["set", &named, "small", "1"],
        ] {
            ended_well(&shm(arguments));
        }
    }
    raw.write(0, &before);
    raw.write(values, &vec![b'\x1b'; raw.footer() - values]);
    let said = refused(&["show", &id(own.id())], 1);
    assert!(said.contains("line 1 of the schema"), "{said}");
}

#[test]
fn a_segment_may_be_removed_while_it_is_shown() {
    const SIZE: usize = 1 << 20;
    let key = OwnKey::new();
    let removed = raw_create(key.value(), SIZE);
    let mut child = Command::new(SHM)
        .args(["show", "--all", &id(removed)])
        .stdout(Stdio::piped())
        .spawn()
        .expect("run shm");
    let mut stdout = child.stdout.take().unwrap();
    // It has more to say than a pipe holds, and so is attached still.
    let mut shown = vec![0; 1];
    stdout.read_exact(&mut shown).unwrap();
    assert_eq!(oracle::by_id(removed).unwrap().nattch, 1);
    drop(key);
    stdout.read_to_end(&mut shown).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(shown.iter().filter(|&&byte| byte == b'\n').count(), SIZE / 16 + 1);
    assert_eq!(oracle::by_id(removed), None);
    let said = refused(&["show", &id(removed)], 1);
    assert!(said.contains(&format!("the id {removed}")), "{said}");
}

#[test]
fn a_pipe_that_nobody_reads_ends_it_quietly() {
    let own = station();
    let mut child = Command::new(SHM)
        .args(["show", "--all", "--json", &id(own.id())])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("run shm");
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(141), String::new()));
}

#[test]
fn a_user_sees_what_the_mode_lets_that_user_read() {
    let key = OwnKey::new();
    let created = Station::options().key(key.key()).mode(0o604).create().unwrap();
    let own = OwnId::new(created.id());
    let dir = TempDir::new();
    let copy = dir.program(SHM);
    let as_nobody = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"]);
        command.arg(&copy).args(arguments).output().expect("run setpriv")
    };
    if !have("setpriv") || !as_nobody(&["list"]).status.success() {
        return;
    }
    let shown = as_nobody(&["show", &id(own.id()), "celsius"]);
    assert_eq!((text(&shown.stdout).as_str(), shown.status.code()), ("0.0\n", Some(0)), "{shown:?}");
    let set = as_nobody(&["set", &id(own.id()), "celsius", "1"]);
    assert_eq!(set.status.code(), Some(1));
    assert!(text(&set.stderr).contains("its mode is 0604"), "{set:?}");
    created
        .set_permissions(shm_runtime::Permissions { mode: 0o600, ..created.stat().unwrap().permissions })
        .unwrap();
    let shown = as_nobody(&["show", &id(own.id())]);
    assert_eq!(shown.status.code(), Some(1));
    assert!(text(&shown.stderr).contains("its mode is 0600"), "{shown:?}");
}

#[test]
fn as_many_fields_as_there_are_are_shown_and_restored_in_time_that_grows_as_they_do() {
    const COUNT: usize = 100_000;
    let key = OwnKey::new();
    let named = id(raw_create(key.value(), 8 * COUNT));
    let fields: String = (0..COUNT).map(|i| format!("  field_{i} @{} u64\n", 8 * i)).collect();
    let dir = TempDir::new();
    let schema = dir.file("many.schema", &format!("struct Many size {} align 8\n{fields}", 8 * COUNT));
    let like = ["--like", schema.to_str().unwrap(), &named];
    printed(&[&["set"], &like[..], &["field_99999", "7"]].concat());
    let start = Instant::now();
    let shown = printed(&[&["show"], &like[..]].concat());
    assert_eq!((shown.lines().count(), shown.lines().last()), (COUNT + 1, Some("field_99999: 7")));
    let saved = dir.file("many.json", &printed(&[&["save"], &like[..]].concat()));
    printed(&[&["set"], &like[..], &["field_99999", "8"]].concat());
    printed(&[&["restore"], &like[..], &[saved.to_str().unwrap()]].concat());
    assert_eq!(printed(&[&["show"], &like[..], &["field_99999"]].concat()), "7\n");
    // Where each field is looked for among all of them, it takes minutes.
    assert!(start.elapsed() < HANGS, "{:?}", start.elapsed());
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Log {
    title: Text<20>,
    empty: Text<8>,
    names: List<Text<6>, 4>,
    numbers: List<u16, 300>,
    winds: List<Wind, 3>,
    last: sync::SeqLock<Text<8>>,
    pair: Pair,
}

#[derive(Clone, Copy, shm_runtime::Shareable)]
#[repr(C)]
struct Pair(u8, f32);

#[test]
fn a_text_is_shown_as_text_and_a_list_as_what_it_has_and_both_are_set() {
    let own = Own::<Log>::create();
    let log = own.attach().unwrap();
    log.title.set_str("Föhn \u{1b}[31m").unwrap();
    log.names.set_from(&["Uri", "Ur", "Ur"].map(|name| Text::new(name).unwrap())).unwrap();
    log.numbers.set_from(&[7; 200]).unwrap();
    log.numbers.push(9).unwrap();
    log.winds.set_from(&[Wind { speed: 3.5, degrees: 90 }]).unwrap();
    log.last.writer().unwrap().write(&Text::new("21 °C").unwrap()).unwrap();
    let shown = printed(&["show", &id(own.id())]);
    let expected = r#"title: "Föhn \u{1b}[31m"
empty: ""
names: ["Uri", "Ur", "Ur"]
numbers: [7 (x 200), 9]
winds: List
  [0]: Wind
    speed: 3.5
    degrees: 90
last: SeqLock, 1 value published, no writer
  value: "21 °C"
pair: Pair
  0: 0
  1: 0.0
"#;
    assert_eq!(shown.split_once('\n').unwrap().1, expected);
    assert_eq!(printed(&["show", &id(own.id()), "names"]), "[\"Uri\", \"Ur\", \"Ur\"]\n");
    assert_eq!(printed(&["show", &id(own.id()), "title"]), "\"Föhn \\u{1b}[31m\"\n");
    assert_eq!(printed(&["show", &id(own.id()), "pair.1"]), "0.0\n");
    let shown = json(&["show", &id(own.id()), "--json"]);
    assert_eq!((&shown["title"], &shown["names"]), (&json!("Föhn \u{1b}[31m"), &json!(["Uri", "Ur", "Ur"])));
    assert_eq!(shown["winds"], json!([{ "speed": 3.5, "degrees": 90 }]));
    assert_eq!(shown["last"]["value"], "21 °C");

    shm(&["set", &id(own.id()), "title", "Altdorf"]);
    shm(&["set", &id(own.id()), "winds[0].degrees", "91"]);
    assert_eq!((log.title.get().to_string(), log.winds.get()[0].degrees), ("Altdorf".to_owned(), 91));
    let said = refused(&["set", &id(own.id()), "empty", "Gurtnellen"], 1);
    assert!(said.contains("a text of 10 bytes does not fit into 8"), "{said}");
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Streams {
    celsius: sync::Latest<f64>,
    prices: sync::Ring<u32, 4>,
    wire: sync::SpscQueue<u16, 4>,
    jobs: sync::Queue<u16, 2>,
    lines: sync::ByteRing<32>,
    orders: sync::ByteQueue<32>,
}

#[test]
fn rings_and_queues_are_shown_with_their_counts_their_values_and_those_that_have_their_ends() {
    let own = Own::<Streams>::create();
    let streams = own.attach().unwrap();
    let id = id(own.id());
    streams.celsius.writer().unwrap().write(&21.5).unwrap();
    let mut prices = streams.prices.writer().unwrap();
    prices.write_all(&[1, 2, 3]).unwrap();
    let mut receiver = streams.wire.receiver().unwrap();
    streams.wire.sender().unwrap().send_all(&[5, 6]).unwrap();
    assert_eq!(receiver.receive().unwrap(), 5);
    streams.jobs.send(&7).unwrap();
    let job = streams.jobs.receive().unwrap();
    streams.lines.writer().unwrap().write(b"abc").unwrap();
    streams.orders.sender().unwrap().send(b"xy").unwrap();

    let shown = printed(&["show", &id]);
    let program = std::fs::read_to_string("/proc/self/comm").unwrap();
    let me = format!("{} (pid {})", program.trim_end(), std::process::id());
    for line in [
        "celsius: Latest, 1 value published, no writer\n  value: Stamped\n    value: 21.5\n",
        &format!("prices: Ring, 3 values written, written by {me}\n  slots: [1, 2, 3, 0]\n"),
        &format!(
            "wire: SpscQueue, 2 values sent, 1 received, no sender, received by {me}\n  slots: [5, 6, 0, 0]\n"
        ),
        "jobs: Queue, 1 value accepted, 1 given, its lock is free\n  slots: [Slot; 2]\n",
        "lines: ByteRing, 1 message written, no writer\n",
        "orders: ByteQueue, 6 bytes sent, 0 received, no sender, no receiver\n",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    assert!(shown.contains("      value: 7\n") && !shown.contains("does not know"), "{shown}");

    let shown = json(&["show", &id, "--json"]);
    assert_eq!(
        (&shown["celsius"]["value"]["value"], &shown["celsius"]["version"]),
        (&json!(21.5), &json!(1))
    );
    assert_eq!((&shown["prices"]["written"], &shown["prices"]["slots"]), (&json!(3), &json!([1, 2, 3, 0])));
    assert_eq!(shown["wire"]["receiver"]["pid"], json!(std::process::id()));
    assert_eq!((&shown["wire"]["sent"], &shown["wire"]["received"]), (&json!(2), &json!(1)));
    assert_eq!((&shown["jobs"]["given"], &shown["jobs"]["slots"][0]["value"]), (&json!(1), &json!(7)));
    assert_eq!((&shown["lines"]["written"], &shown["orders"]["sent"]), (&json!(1), &json!(6)));
    assert_eq!(printed(&["show", &id, "celsius.value.value"]), "21.5\n");

    let metrics = printed(&["export", "prometheus", &id]);
    for sample in ["prices_written{", "wire_sent{", "wire_received{", "jobs_accepted{", "lines_written{"] {
        assert!(metrics.contains(&format!("shm_streams_{sample}")), "{sample}\n{metrics}");
    }
    let holders = printed(&["who", &id]);
    assert!(holders.contains("prices") && holders.contains("wire.receiver"), "{holders}");
    job.done().unwrap();
}

/// Each head, and values in the slots of one of them.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Heads {
    ring: sync::RingHead,
    wire: sync::SpscHead,
    lines: sync::ByteRingHead,
    orders: sync::ByteQueueHead,
    bytes: [u8],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Office {
    queue: sync::QueueHead,
    jobs: [sync::QueueSlot<u16>],
}

#[test]
fn heads_whose_slots_are_the_slice_at_the_end_are_shown_with_their_counts_and_those_that_have_their_ends() {
    let segment = Heads::options().len(16).create().unwrap().remove_on_drop();
    let heads = segment.attach().unwrap();
    let mut ring = heads.ring.writer(&heads.bytes).unwrap();
    ring.write_all(&[200, 201, 202]).unwrap();
    let mut receiver = heads.wire.receiver(&heads.bytes).unwrap();
    heads.wire.sender(&heads.bytes).unwrap().send_all(&[0, 1]).unwrap();
    receiver.receive().unwrap();
    heads.lines.writer(&heads.bytes).unwrap().write(b"ab").unwrap();
    heads.orders.sender(&heads.bytes).unwrap().send(b"ab").unwrap();

    let id = id(segment.id());
    let shown = printed(&["show", &id]);
    let program = std::fs::read_to_string("/proc/self/comm").unwrap();
    let me = format!("{} (pid {})", program.trim_end(), std::process::id());
    for line in [
        &format!("ring: RingHead, 3 values written, written by {me}\n"),
        &format!("wire: SpscHead, 2 values sent, 1 received, no sender, received by {me}\n"),
        "lines: ByteRingHead, 1 message written, no writer\n",
        "orders: ByteQueueHead, 6 bytes sent, 0 received, no sender, no receiver\nbytes: ",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    // Nothing is shown of the heads but these lines, and the slots once.
    assert_eq!(shown.lines().filter(|line| line.contains("Head,") || line.starts_with("bytes: ")).count(), 5);
    assert!(!shown.contains("does not know") && !shown.contains("count"), "{shown}");
    let shown = json(&["show", &id, "--json"]);
    assert_eq!((&shown["ring"]["written"], &shown["ring"]["slots"]), (&json!(3), &Value::Null));
    assert_eq!((&shown["wire"]["received"], &shown["orders"]["sent"]), (&json!(1), &json!(6)));
    assert_eq!((&shown["lines"]["written"], &shown["lines"]["bytes"]), (&json!(1), &Value::Null));
    let listed = printed(&["list"]);
    assert!(listed.lines().any(|line| line.contains("Heads") && line.contains(&segment.id().to_string())));
    let metrics = printed(&["export", "prometheus", &id]);
    for sample in ["ring_written{", "wire_sent{", "wire_received{", "lines_written{", "orders_sent{"] {
        assert!(metrics.contains(&format!("shm_heads_{sample}")), "{sample}\n{metrics}");
    }
    let holders = printed(&["who", &id]);
    assert!(holders.contains("ring") && holders.contains("wire.receiver"), "{holders}");
    // What is in a head is written by its protocol only.
    let said = refused(&["set", &id, "ring.head.count", "7"], 1);
    assert!(said.contains("part of a `RingHead`"), "{said}");
}

#[test]
fn the_slots_of_a_queue_head_are_shown_with_their_values() {
    let segment = Office::options().len(2).create().unwrap().remove_on_drop();
    let office = segment.attach().unwrap();
    let jobs = office.queue.over(&office.jobs);
    jobs.send(&700).unwrap();
    jobs.send(&701).unwrap();
    let job = jobs.receive().unwrap();
    let id = id(segment.id());
    let shown = printed(&["show", &id]);
    assert!(
        shown.contains("queue: QueueHead, 2 values accepted, 1 given, its lock is free\njobs: "),
        "{shown}"
    );
    for value in ["value: 700\n", "value: 701\n"] {
        assert!(shown.contains(value) && !shown.contains("does not know"), "{shown}");
    }
    let shown = json(&["show", &id, "--json"]);
    assert_eq!((&shown["queue"]["accepted"], &shown["queue"]["given"]), (&json!(2), &json!(1)));
    assert_eq!(shown["jobs"][1]["slot"]["value"], json!(701));
    job.done().unwrap();
}
