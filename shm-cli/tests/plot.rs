//! `shm plot` draws what `shm record` wrote.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use shm_runtime::SharedSegment;
use shm_tests::have;
use shm_tests::key::OwnKey;
use shm_tests::temp::TempDir;

const SHM: &str = env!("CARGO_BIN_EXE_shm");

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "StationOfPlot")]
struct Station {
    celsius: f64,
    name: [u8; 16],
}

/// What `shm plot -` makes of this.
fn plot(input: &[u8], arguments: &[&str]) -> Output {
    let mut command = Command::new(SHM);
    command.args(["plot", "-"]).args(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may refuse to read all.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[track_caller]
fn drawn(input: &str, arguments: &[&str]) -> String {
    let output = plot(input.as_bytes(), arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// A ramp, and its opposite with a gap.
fn ramps() -> String {
    let mut csv = "time,up,down,word,flag\n".to_owned();
    for i in 0..50 {
        let down = if i == 25 { String::new() } else { (100 - i).to_string() };
        csv += &format!("{}.5,{i},{down},w{i},{}\n", 1_700_000_000 + i, i >= 10);
    }
    csv
}

#[test]
fn an_svg_has_a_line_for_each_field_with_its_numbers_at_their_places() {
    if !have("python3") {
        return;
    }
    let svg = drawn(&ramps(), &["--svg"]);
    let directory = TempDir::new();
    let file = directory.file("plot.svg", &svg);
    // Python's parser of XML is the judge; it prints the names, and of each line its pieces with their points.
    let script = "import re, sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot(); ns = '{http://www.w3.org/2000/svg}'
print([text.text for text in root.iter(ns + 'text') if text.get('class') == 'name'])
for path in root.iter(ns + 'path'):
    pieces = [piece for piece in path.get('d').split('M') if piece]
    points = [[tuple(map(float, point.split())) for point in piece.replace('h0', '').split('L')] for piece in pieces]
    ys = [y for piece in points for _, y in piece]; xs = [x for piece in points for x, _ in piece]
    print(len(pieces), len(ys), ys == sorted(ys), ys == sorted(ys, reverse=True), xs == sorted(xs), min(xs), max(xs))";
    let output = Command::new("python3").args(["-c", script]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    // Up is towards 0 in SVG.
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "['up', 'down', 'flag']",
            "1 50 False True True 80.0 840.0",
            "2 49 True False True 80.0 840.0",
            "1 50 False True True 80.0 840.0"
        ]
    );
}

#[test]
fn in_the_terminal_it_is_lines_of_dots_below_each_name() {
    let picture = drawn(&ramps(), &["up"]);
    let lines: Vec<&str> = picture.lines().collect();
    assert_eq!(lines[0], "up");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{picture}");
    // The largest number at the top, the smallest and the times at the foot.
    assert!(lines[1].starts_with("49"), "{picture}");
    assert!(lines.last().unwrap().contains("0 s") && lines.last().unwrap().ends_with("49 s"), "{picture}");
    let dots = |line: &str| line.chars().position(|char| ('\u{2801}'..='\u{28ff}').contains(&char));
    let (top, middle) = (dots(lines[1]).expect("dots"), dots(lines[4]).expect("dots"));
    assert!(top > middle, "it rises:\n{picture}");
    assert!(!picture.contains('\x1b'), "a pipe gets no colours");
}

#[test]
fn what_was_recorded_is_drawn_alike_from_both_formats() {
    let own = OwnKey::new();
    let station = Station::options().key(own.key()).create().unwrap().attach().unwrap();
    station.celsius.set(21.5);
    let id = format!("id:{}", station.segment().id());
    for format in ["csv", "jsonl"] {
        let output = Command::new(SHM)
            .args(["record", &id, "celsius", "name", "--samples", "5", "--rate", "500", "--format", format])
            .output()
            .unwrap();
        let output = plot(&output.stdout, &[]);
        assert_eq!(text(&output.stderr), "shm: name has no numbers, and is left out\n");
        assert!(text(&output.stdout).starts_with("celsius\n"), "{}", text(&output.stdout));
    }
    let json: String = (0..50)
        .map(|i| format!("{{\"time\":{}.5,\"up\":{i},\"down\":{}}}\n", 1_700_000_000 + i, 100 - i))
        .collect();
    assert_eq!(drawn(&json, &["up", "--svg"]), drawn(&ramps(), &["up", "--svg"]));
}

#[test]
fn it_is_written_to_a_file_or_says_why_not() {
    let directory = TempDir::new();
    let (from, to) = (directory.file("samples.csv", &ramps()), directory.path().join("plot.svg"));
    let run =
        |to: &str| Command::new(SHM).arg("plot").arg(&from).args(["--svg", "--output", to]).output().unwrap();
    assert!(run(to.to_str().unwrap()).status.success());
    assert_eq!(std::fs::read_to_string(&to).unwrap(), drawn(&ramps(), &["--svg"]));
    for to in ["/no/such/directory/file", "/dev/full"] {
        let output = run(to);
        assert_eq!(output.status.code(), Some(1), "{to}");
        assert!(text(&output.stderr).contains("cannot write "), "{}", text(&output.stderr));
    }
    let output = Command::new(SHM).args(["plot", "/no/such/file"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("shm: cannot read /no/such/file: "));
}

#[test]
fn what_is_no_recording_is_refused_and_what_is_hostile_does_not_reach_the_terminal() {
    for (input, words) in [
        (&b""[..], "it is empty"),
        (b"\n\n", "it is empty"),
        (b"time,a\n", "there are no samples in it"),
        (b"time,a\n1,x\n", "there are no numbers in it"),
        (b"{\"time\":1}\n[]\n", "line 2"),
        (b"\xff\xfe\x00\x1b\n", "there are no samples in it"),
    ] {
        let output = plot(input, &[]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{input:?}: {said}");
        assert!(said.contains(words), "{input:?}: {said}");
    }
    assert!(text(&plot(ramps().as_bytes(), &["x"]).stderr).contains("there is no field \"x\""));
    let hostile = "time,\"<a>&\x1b[2J\u{202e}\"\n1,1\n2,1e308\n3,-1e308\n4,inf\n5,5e-324\n";
    for arguments in [&[][..], &["--svg"]] {
        let picture = drawn(hostile, arguments);
        assert!(!picture.contains(['\x1b', '\u{202e}']), "{picture}");
        assert!(!picture.contains("<a>") || arguments.is_empty(), "{picture}");
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
    }
}
