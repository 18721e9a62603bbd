//! `shm record` writes samples at a rate, so that other programs read them, and a killed recorder has lost little.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use shm_runtime::sync::{self, Mutex, SeqLock};
use shm_runtime::{Attached, Shareable, SharedSegment, TailedSegment, Text};
use shm_tests::key::OwnKey;
use shm_tests::temp::TempDir;
use shm_tests::{eventually, have};

const SHM: &str = env!("CARGO_BIN_EXE_shm");

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "StationOfRecord")]
struct Station {
    readings: u64,
    depth: i8,
    celsius: f64,
    factor: f32,
    on: bool,
    letter: char,
    sky: Sky,
    name: [u8; 32],
    bytes: [u8; 4],
    series: [i16; 3],
    total: Mutex<u64>,
    pair: SeqLock<Pair>,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Bare {
    a: u32,
    b: i32,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Pair {
    a: u64,
    b: u64,
}

#[derive(Clone, Copy, Shareable)]
#[repr(u8)]
#[allow(dead_code, reason = "written as a number")]
enum Sky {
    Clear,
    Cloudy,
}

fn station(own: &OwnKey) -> (Attached<Station>, String) {
    let station = Station::options().key(own.key()).create().unwrap().attach().unwrap();
    let name = format!("id:{}", station.segment().id());
    (station, name)
}

fn record(arguments: &[&str]) -> Output {
    Command::new(SHM).arg("record").args(arguments).output().expect("run shm")
}

fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new(SHM);
    command.arg("record").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("run shm")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[track_caller]
fn printed(arguments: &[&str]) -> String {
    let output = record(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).expect("it lives");
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[test]
fn samples_are_taken_at_the_rate_and_their_times_do_not_drift() {
    let own = OwnKey::new();
    let (_station, id) = station(&own);
    let output = record(&[&id, "celsius", "--rate", "200", "--samples", "200"]);
    let csv = text(&output.stdout);
    let mut csv_lines = csv.lines();
    assert_eq!(csv_lines.next(), Some("time,celsius"));
    let times: Vec<f64> = csv_lines.map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!(times.len(), 200);
    assert!(times.is_sorted());
    let said = text(&output.stderr);
    let missed: f64 =
        said.strip_prefix("shm: ").map_or(0.0, |said| said.split(' ').next().unwrap().parse().unwrap());
    let took = times[199] - times[0];
    assert!((took - (199.0 + missed) / 200.0).abs() < 0.05, "{took} s, {missed} missed");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((0.0..30.0).contains(&(now - times[199])), "it is the time of day");
    // For a time: as many deadlines.
    let csv = printed(&[&id, "celsius", "--rate", "100", "--for", "300ms"]);
    assert!((2..=31).contains(&csv.lines().count()), "{csv}");
}

#[test]
fn every_kind_of_value_is_read_back_by_pythons_csv_and_json() {
    let own = OwnKey::new();
    let (station, id) = station(&own);
    if !have("python3") {
        return;
    }
    station.readings.set(u64::MAX);
    station.depth.set(-128);
    station.celsius.set(0.1);
    station.factor.set(0.1);
    station.on.set(true);
    station.letter.set('ß');
    station.sky.set(Sky::Cloudy);
    station.name.set_str("a,\"b\"").unwrap();
    station.bytes.set([1, 2, 3, 255]);
    station.series.set([1, -2, 3]);
    station.pair.writer().unwrap().write(&Pair { a: 7, b: 8 }).unwrap();
    let all = [
        "readings", "depth", "celsius", "factor", "on", "letter", "sky", "name", "bytes", "series", "total",
        "pair",
    ];
    let arguments = |format| [&[&*id][..], &all, &["--format", format, "--samples", "1"]].concat();
    let names = [
        "time",
        "readings",
        "depth",
        "celsius",
        "factor",
        "on",
        "letter",
        "sky",
        "name",
        "bytes",
        "series[0]",
        "series[1]",
        "series[2]",
        "total",
        "total.value",
        "pair",
        "pair.value.a",
        "pair.value.b",
    ];
    let values = [
        "18446744073709551615",
        "-128",
        "0.1",
        "0.1",
        "true",
        "ß",
        "Cloudy",
        "a,\"b\"",
        "01 02 03 ff",
        "1",
        "-2",
        "3",
        "free",
        "0",
        "1",
        "7",
        "8",
    ];
    let python = |program: &str, input: &str| -> Value {
        let directory = TempDir::new();
        let file = directory.file("samples", input);
        let output = Command::new("python3").args(["-c", program]).arg(file).output().unwrap();
        serde_json::from_str(&text(&output.stdout)).expect("JSON")
    };
    let csv = printed(&arguments("csv"));
    let read = python("import csv, json, sys; print(json.dumps(list(csv.reader(open(sys.argv[1])))))", &csv);
    let row = |at: usize| -> Vec<&str> {
        read[at].as_array().unwrap().iter().map(|cell| cell.as_str().unwrap()).collect()
    };
    assert_eq!(row(0), names);
    assert_eq!(row(1)[1..], values);

    let json = printed(&arguments("jsonl"));
    assert_eq!(json.lines().count(), 1);
    let read = python(
        "import json, sys; print(json.dumps([[k, v if type(v) is str else json.dumps(v)] for k, v in json.load(open(sys.argv[1])).items()]))",
        &json,
    );
    let pairs: Vec<(String, String)> = serde_json::from_value(read).unwrap();
    let expected: HashMap<&str, &str> = names[1..].iter().copied().zip(values).collect();
    assert_eq!(pairs.len(), names.len());
    for (name, value) in pairs.iter().filter(|(name, _)| name != "time") {
        assert_eq!(value, expected[name.as_str()], "{name}");
    }
}

#[test]
fn the_value_of_a_seqlock_is_of_one_moment_in_every_sample() {
    let own = OwnKey::new();
    let (station, id) = station(&own);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = station.pair.writer().unwrap();
            let mut count = 0;
            while !done.load(Relaxed) {
                count += 1;
                writer.write(&Pair { a: count, b: count }).unwrap();
                std::thread::sleep(Duration::from_micros(20));
            }
        });
        let csv = record(&[&id, "pair.value.b", "pair.value.a", "--rate", "1000", "--samples", "300"]);
        let wholes = record(&[&id, "pair", "--rate", "1000", "--samples", "300"]);
        done.store(true, Relaxed);
        for line in text(&wholes.stdout).lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            assert_eq!(cells[2], cells[3], "{line}");
        }
        // Named one by one, too: they are of one lock.
        for line in text(&csv.stdout).lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            assert_eq!(cells[1], cells[2], "{line}");
        }
    });
}

#[test]
fn a_killed_recorder_has_written_all_but_the_last_moment() {
    let own = OwnKey::new();
    let (_station, id) = station(&own);
    let directory = TempDir::new();
    let file = directory.path().join("samples.csv");
    for rate in ["5", "1000"] {
        let _ = fs::remove_file(&file);
        let mut recorder = start(&[&id, "celsius", "--rate", rate, "--output", file.to_str().unwrap()]);
        // They are there while it goes on.
        eventually(|| lines(&file) > 4);
        recorder.kill().unwrap();
        recorder.wait().unwrap();
        let plotted = Command::new(SHM).arg("plot").arg(&file).output().unwrap();
        assert!(plotted.status.success(), "{}", text(&plotted.stderr));
    }
}

#[test]
fn it_ends_well_when_it_is_told_to() {
    let own = OwnKey::new();
    let (_station, id) = station(&own);
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let mut recorder = start(&[&id, "celsius", "--format", "jsonl", "--rate", "20"]);
        let mut first = String::new();
        let mut out = BufReader::new(recorder.stdout.take().unwrap());
        out.read_line(&mut first).unwrap();
        send(&recorder, signal);
        let rest: Vec<String> = out.lines().map(Result::unwrap).collect();
        assert_eq!(recorder.wait().unwrap().code(), Some(0));
        for line in std::iter::once(&first).chain(&rest) {
            assert_eq!(serde_json::from_str::<Value>(line).unwrap()["celsius"], 0.0);
        }
    }
}

#[test]
fn it_ends_when_it_is_told_to_though_its_reader_takes_no_more() {
    let own = OwnKey::new();
    let (_station, id) = station(&own);
    let recorder = start(&[&id, "celsius", "--rate", "10000"]);
    // What fits into the pipe, and is not read.
    let written = || {
        let io = fs::read_to_string(format!("/proc/{}/io", recorder.id())).unwrap();
        io.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse::<u64>().ok()).unwrap()
    };
    let mut last = (0, Instant::now());
    eventually(|| {
        if written() != last.0 {
            last = (written(), Instant::now());
        }
        last.0 > 30_000 && last.1.elapsed() > Duration::from_millis(500)
    });
    send(&recorder, Signal::SIGTERM);
    let mut recorder = recorder;
    let mut ended = None;
    eventually(|| {
        ended = recorder.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(1));
    let said = text(&recorder.wait_with_output().unwrap().stderr);
    assert!(said.contains("it was ended while its output took no more"), "{said}");
}

#[test]
fn samples_whose_time_passed_are_counted() {
    let own = OwnKey::new();
    let (_station, id) = station(&own);
    let mut recorder = start(&[&id, "celsius", "--rate", "100"]);
    let mut out = BufReader::new(recorder.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    send(&recorder, Signal::SIGSTOP);
    // As long as forty samples take.
    std::thread::sleep(Duration::from_millis(400));
    send(&recorder, Signal::SIGCONT);
    send(&recorder, Signal::SIGTERM);
    let taken = out.lines().count();
    let said = text(&recorder.wait_with_output().unwrap().stderr);
    let numbers: Vec<usize> = said.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [missing, all] = numbers[..] else { panic!("{said}") };
    assert!(missing >= 35 && all == missing + taken, "{taken} taken: {said}");
}

#[test]
fn a_segment_that_is_removed_is_recorded_on_and_it_says_so() {
    let own = OwnKey::new();
    let (station, id) = station(&own);
    let mut recorder = start(&[&id, "readings", "--rate", "50"]);
    let mut out = BufReader::new(recorder.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    station.segment().remove().unwrap();
    let mut said = String::new();
    BufReader::new(recorder.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("the segment was removed"), "{said}");
    station.readings.set(4711);
    let mut lines = out.lines().map(Result::unwrap);
    assert!(lines.any(|line| line.ends_with(",4711")));
    send(&recorder, Signal::SIGTERM);
    lines.for_each(drop);
    assert_eq!(recorder.wait().unwrap().code(), Some(0));
}

#[test]
fn a_closed_pipe_ends_it_quietly_and_a_full_disk_does_not() {
    let own = OwnKey::new();
    let (_station, id) = station(&own);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(SHM).args(["record", &id, "celsius"]).stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(141), String::new()));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = Command::new(SHM).args(["record", &id, "celsius"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let output = record(&[&id, "celsius", "-o", "/no/such/directory/file"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("shm: cannot write /no/such/directory/file: "));
}

#[test]
fn what_is_in_memory_stays_in_its_line() {
    let own = OwnKey::new();
    let (station, id) = station(&own);
    station.name.set_str("\x1b[2J\n1,2\r\u{202e}").unwrap();
    station.letter.set('\u{7}');
    for format in ["csv", "jsonl"] {
        let written = printed(&[&id, "name", "letter", "--format", format, "--samples", "2"]);
        assert_eq!(written.lines().count(), if format == "csv" { 3 } else { 2 }, "{written:?}");
        let is_plain = |char: char| char == '\n' || !(char.is_control() || char == '\u{202e}');
        assert!(written.chars().all(is_plain), "{written:?}");
    }
}

#[test]
fn a_segment_without_a_seal_is_read_by_a_schema_that_is_given() {
    let own = OwnKey::new();
    let bare = Bare::options().key(own.key()).create().unwrap().attach().unwrap();
    bare.b.set(-3);
    let id = format!("id:{}", bare.segment().id());
    let output = record(&[&id, "b", "--samples", "1"]);
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("--like FILE"), "{said}");
    let directory = TempDir::new();
    let file = directory.file("bare.schema", "struct Bare size 8 align 4\n  a @0 u32\n  b @4 i32\n");
    let csv = printed(&[&id, "b", "--samples", "1", "--like", file.to_str().unwrap()]);
    assert!(csv.starts_with("time,b\n") && csv.ends_with(",-3\n"), "{csv}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let own = OwnKey::new();
    let (_station, id) = station(&own);
    for (arguments, status, words) in [
        (&["celsius", "--rate", "0"][..], 2, "is not a rate"),
        (&["celsius", "--rate=-1"], 2, "is not a rate"),
        (&["celsius", "--rate", "nan"], 2, "is not a rate"),
        (&["celsius", "--rate", "1e9"], 2, "is not a rate"),
        (&["celsius", "--for", "10x"], 2, "is not a duration"),
        (&["celsius", "--for=-1s"], 2, "is not a duration"),
        (&["celsius", "--for", "1e300h"], 2, "is not a duration"),
        (&["celsius", "--for", "1s", "--samples", "3"], 2, "cannot be used with"),
        (&[], 2, "required"),
        (&["celsus"], 1, "has no field `celsus`"),
        (&["series[3]"], 1, "has 3 elements"),
        (&["pair.value.c"], 1, "has no field `c`"),
        (&["pair.value."], 1, "is not a path"),
        (&["celsius", "celsius"], 1, "chosen twice"),
    ] {
        let output =
            record(&[&[&*id], arguments, &["--samples", "1"][..if status == 1 { 2 } else { 0 }]].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn a_text_is_recorded_as_text_in_a_lock_too() {
    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(private, type_name = "Named")]
    struct Named {
        name: Text<20>,
        headline: SeqLock<Text<12>>,
        empty: Text<4>,
    }
    let own = OwnKey::new();
    let named = Named::options().key(own.key()).create().unwrap().attach().unwrap();
    named.name.set_str("Z\u{fc}rich").unwrap();
    named.headline.writer().unwrap().write(&Text::new("F\u{f6}hn").unwrap()).unwrap();
    let id = format!("id:{}", named.segment().id());
    let csv = printed(&[&id, "name", "headline", "empty", "--rate", "100", "--samples", "1"]);
    let mut lines = csv.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let row: HashMap<String, String> = lines.next().unwrap().into_iter().zip(lines.next().unwrap()).collect();
    assert_eq!(row["name"], "Z\u{fc}rich", "{csv}");
    assert_eq!(row["headline.value"], "F\u{f6}hn", "{csv}");
    assert_eq!(row["empty"], "", "{csv}");
    assert!(!row.keys().any(|name| name.contains("len") || name.contains("bytes")), "{csv}");
}

#[test]
fn the_counts_of_rings_and_queues_are_recorded_and_of_heads_too() {
    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(private)]
    struct Streams {
        prices: sync::Ring<u32, 4>,
        wire: sync::SpscQueue<u16, 4>,
        orders: sync::ByteQueue<32>,
        ring: sync::RingHead,
        queue: sync::ByteQueueHead,
        bytes: [u8],
    }
    let segment = Streams::options().len(32).create().unwrap().remove_on_drop();
    let streams = segment.attach().unwrap();
    streams.prices.writer().unwrap().write_all(&[1, 2, 3]).unwrap();
    streams.wire.sender().unwrap().send_all(&[5, 6]).unwrap();
    streams.wire.receiver().unwrap().receive().unwrap();
    streams.orders.sender().unwrap().send(b"xy").unwrap();
    streams.ring.writer(&streams.bytes).unwrap().write(&1).unwrap();
    streams.queue.sender(&streams.bytes).unwrap().send(b"abc").unwrap();
    let id = format!("id:{}", segment.id());
    let csv = printed(&[&id, "prices", "wire", "orders", "ring", "queue", "--rate", "100", "--samples", "1"]);
    let mut lines = csv.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let row: HashMap<String, String> = lines.next().unwrap().into_iter().zip(lines.next().unwrap()).collect();
    for (path, value) in [
        ("prices.head.count", "3"),
        ("prices.slots[2]", "3"),
        ("wire.ends.sender.count", "2"),
        ("wire.ends.receiver.count", "1"),
        ("wire.slots[1]", "6"),
        ("orders.ends.sender.count", "6"),
        ("ring.head.count", "1"),
        ("queue.ends.sender.count", "7"),
        ("queue.ends.receiver.count", "0"),
    ] {
        assert_eq!(row.get(path).map(String::as_str), Some(value), "{path}\n{csv}");
    }
    // Of the words of the roles, nothing.
    assert!(!csv.contains("role") && !csv.contains("bell"), "{csv}");
}
