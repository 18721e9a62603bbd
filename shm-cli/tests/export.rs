//! `shm export prometheus`: the numbers, as Prometheus reads them, on stdout and by HTTP.

mod support;

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use shm_runtime::{Shareable, SharedSegment};
use shm_tests::child::Child;
use shm_tests::key::{Own, OwnKey};
use shm_tests::{HANGS, eventually, oracle, skip};

use self::support::{Cell, Mode, SHM, Station, Wind, id, printed, refused, shm, text};

/// Fields whose names are not those of metrics, or are the same as those of others.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct HTTPGauge2 {
    größe: u32,
    wind: Inner,
    wind_speed: u32,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Inner {
    speed: u32,
}

fn station() -> Own<Station> {
    let own = Own::<Station>::create();
    let station = own.attach().unwrap();
    station.readings.store(u64::MAX, Relaxed);
    station.celsius.set(-21.5);
    station.wind.set(Wind { speed: 3.2, degrees: 270 });
    station.series[1].set(f64::INFINITY);
    station.series[2].set(f64::NEG_INFINITY);
    station.series[3].set(f64::NAN);
    station.series[4].set(1e300);
    station.name.set_str("Zugspitze").unwrap();
    station.mode.set(Mode::Manual);
    station.on.set(true);
    station.cells[5].set(Cell { mode: Mode::Auto, grid: [[1, 2], [3, -4]] });
    station.total.lock().unwrap().set(12);
    station.last.writer().unwrap().write(&Wind { speed: 0.5, degrees: 9 }).unwrap();
    station.changed.notify_all();
    own
}

/// Samples by name and labels; each name has been introduced by `# HELP` and `# TYPE`, and comes once.
fn samples(metrics: &str) -> HashMap<String, f64> {
    let (mut samples, mut families, mut lines) = (HashMap::new(), Vec::new(), metrics.lines().peekable());
    while let Some(help) = lines.next() {
        let name = help.strip_prefix("# HELP ").expect(help).split(' ').next().unwrap();
        let mut chars = name.chars();
        assert!(chars.next().unwrap().is_ascii_alphabetic(), "{name}");
        assert!(chars.all(|char| char.is_ascii_alphanumeric() || char == '_'), "{name}");
        let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
        assert!(matches!(kind, "gauge" | "counter"), "{kind}");
        assert!(!families.contains(&name), "{name} comes twice");
        families.push(name);
        while let Some(sample) = lines.next_if(|line| !line.starts_with('#')) {
            let (series, value) = sample.rsplit_once(' ').unwrap();
            assert!(series.starts_with(&format!("{name}{{")), "{sample}");
            let before = samples.insert(series.to_owned(), value.parse().expect(sample));
            assert_eq!(before, None, "{series} comes twice");
        }
    }
    samples
}

#[test]
fn each_number_is_a_metric_with_its_segment_and_its_indices() {
    let own = station();
    let segment = id(own.id());
    let metrics = printed(&["export", "prometheus", &segment]);
    let samples = samples(&metrics);
    let of = |name: &str, more: &str| samples[&format!("shm_station_{name}{{segment=\"{segment}\"{more}}}")];
    assert_eq!((of("readings", ""), of("celsius", "")), (1.844_674_407_370_955_2e19, -21.5));
    assert_eq!((of("wind_speed", ""), of("wind_degrees", "")), (3.2, 270.0));
    assert_eq!((of("mode", ""), of("on", ""), of("small", "")), (7.0, 1.0, 0.0));
    assert_eq!(of("series", ",index=\"1\""), f64::INFINITY);
    assert_eq!(of("series", ",index=\"2\""), f64::NEG_INFINITY);
    assert!(of("series", ",index=\"3\"").is_nan());
    assert_eq!((of("series", ",index=\"4\""), of("series", ",index=\"4095\"")), (1e300, 0.0));
    assert_eq!(of("cells_grid", ",index=\"5\",index_2=\"1\",index_3=\"1\""), -4.0);
    assert_eq!(of("cells_mode", ",index=\"5\""), 1.0);
    assert_eq!((of("total_value", ""), of("total_held", "")), (12.0, 0.0));
    assert_eq!(
        (of("last_value_degrees", ""), of("last_version", ""), of("changed_count", "")),
        (9.0, 1.0, 1.0)
    );
    assert_eq!(samples[&format!("shm_up{{segment=\"{segment}\"}}")], 1.0);
    assert!(!metrics.contains("_name") && !metrics.contains("_letter"), "text is not a number");
    assert!(metrics.contains("# HELP shm_station_mode Station.mode, Mode, Off = 0, Auto = 1, Manual = 7\n"));
    assert!(
        metrics.contains("# TYPE shm_station_celsius gauge\n# ")
            || metrics.contains("shm_station_celsius gauge\n")
    );
    assert!(metrics.contains("# TYPE shm_station_changed_count counter\n"));
    // Locked, and asked for by path.
    let station = own.attach().unwrap();
    let _guard = station.total.lock().unwrap();
    let held = printed(&["export", "prometheus", &segment, "-p", "total", "-p", "cells[5].grid[1]"]);
    assert!(held.contains(&format!("shm_station_total_held{{segment=\"{segment}\"}} 1\n")), "{held}");
    assert!(
        held.contains(&format!(
            "shm_station_cells_grid{{segment=\"{segment}\",index=\"5\",index_2=\"1\",index_3=\"0\"}} 3\n"
        )),
        "{held}"
    );
    assert!(!held.contains("celsius"), "{held}");
    let overlapping =
        ["-p", "total.value", "-p", "total", "-p", "series[1]", "-p", "series[01]", "-p", "total"];
    let overlapping =
        self::samples(&printed(&[&["export", "prometheus", &segment], &overlapping[..]].concat()));
    assert_eq!(overlapping.len(), 4, "{overlapping:?}");
}

#[test]
fn names_that_metrics_cannot_have_are_changed_and_two_of_the_same_are_told_apart() {
    let key = OwnKey::name("org.example.\"quoted\\name\"");
    let name = "name:org.example.\"quoted\\name\"";
    let gauge = HTTPGauge2::options()
        .key(shm_runtime::Key::name("org.example.\"quoted\\name\""))
        .create()
        .unwrap()
        .attach()
        .unwrap();
    assert_eq!(gauge.segment().stat().unwrap().key, key.value());
    gauge.größe.set(1);
    gauge.wind.speed.set(2);
    gauge.wind_speed.set(3);
    let metrics = printed(&["export", "prometheus", name]);
    let samples = samples(&metrics);
    let label = r#"segment="name:org.example.\"quoted\\name\"""#;
    assert_eq!(samples[&format!("shm_httpgauge2_gr__e{{{label}}}")], 1.0);
    assert_eq!(samples[&format!("shm_httpgauge2_wind_speed{{{label}}}")], 2.0);
    assert_eq!(
        samples[&format!("shm_httpgauge2_wind_speed{{{label},field=\"HTTPGauge2.wind_speed\"}}")],
        3.0
    );
}

#[test]
fn the_parser_of_prometheus_reads_it() {
    let python = |script: &str| {
        Command::new("python3").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
    };
    let mut import = Command::new("python3");
    let import = import.args(["-c", "import prometheus_client.parser"]).stderr(Stdio::null());
    if !import.status().is_ok_and(|status| status.success()) {
        skip("python3 has no prometheus_client here");
        return;
    }
    let own = station();
    let metrics = printed(&["export", "prometheus", &id(own.id())]);
    let script = "import sys\n\
        from prometheus_client.parser import text_string_to_metric_families as parse\n\
        for family in parse(sys.stdin.read()):\n    for sample in family.samples: print(sample.name, sample.labels.get('index', '-'), sample.value)";
    let mut child = python(script).unwrap();
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let read = text(&output.stdout);
    assert_eq!(read.lines().count(), samples(&metrics).len());
    for line in ["shm_station_celsius - -21.5", "shm_station_series 1 inf", "shm_station_series 4 1e+300"] {
        assert!(read.lines().any(|read| read == line), "{line}");
    }
}

#[test]
fn a_segment_that_is_not_there_is_down_and_the_others_are_exported() {
    let (own, removed) = (station(), station());
    let gone = removed.id();
    drop(removed);
    let output = shm(&["export", "prometheus", &id(gone), &id(own.id()), &id(own.id())]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&format!("the id {gone}")), "{output:?}");
    let samples = samples(&text(&output.stdout));
    assert_eq!(samples[&format!("shm_up{{segment=\"{}\"}}", id(gone))], 0.0);
    assert_eq!(samples[&format!("shm_station_celsius{{segment=\"{}\"}}", id(own.id()))], -21.5);
    refused(&["export", "prometheus"], 2);
}

/// A server, and where it listens.
fn serve(names: &[&str]) -> (Child, String) {
    let mut command = Command::new(SHM);
    command.args(["export", "prometheus", "--listen", "127.0.0.1:0"]).args(names).stderr(Stdio::null());
    let mut server = Child::start(&mut command);
    let line = server.line();
    let address = line.strip_prefix("http://").and_then(|line| line.strip_suffix("/metrics"));
    (server, address.expect(&line).to_owned())
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(HANGS)).unwrap();
    stream
}

/// The whole answer to these bytes.
fn ask(address: &str, request: &str) -> String {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_is_served_live_at_a_port_of_this_machine() {
    let own = station();
    let (_server, address) = serve(&[&id(own.id())]);
    let get = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let answer = ask(&address, &get);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    let celsius = format!("shm_station_celsius{{segment=\"{}\"}}", id(own.id()));
    assert_eq!(samples(body)[&celsius], -21.5);
    own.attach().unwrap().celsius.set(4.0);
    assert_eq!(samples(ask(&address, &get).split_once("\r\n\r\n").unwrap().1)[&celsius], 4.0);
    // Each that was served has detached.
    eventually(|| oracle::by_id(own.id()).is_some_and(|row| row.nattch == 0));

    let answer = ask(&address, "HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert!(ask(&address, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(ask(&address, "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    let rebound = ask(&address, "GET /metrics HTTP/1.1\r\nHost: example.org\r\n\r\n");
    assert!(rebound.starts_with("HTTP/1.1 403 "), "{rebound}");
    assert!(ask(&address, "\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(ask(&address, &"x".repeat(8 << 10)).starts_with("HTTP/1.1 431 "));
    let gone = id(own.id());
    drop(own);
    let answer = ask(&address, &get);
    assert!(answer.contains(&format!("shm_up{{segment=\"{gone}\"}} 0\n")), "{answer}");
}

#[test]
fn clients_that_say_and_read_nothing_keep_no_other_out() {
    let own = station();
    let (_server, address) = serve(&[&id(own.id())]);
    let get = "GET /metrics HTTP/1.1\r\n\r\n";
    let start = Instant::now();
    // Some say nothing, some begin to, and some do not read the answer, which is longer than sockets hold of it.
    let slow: Vec<TcpStream> = (0..300)
        .map(|i| {
            let mut stream = connect(&address);
            let said = [&b""[..], b"GET /metr", get.as_bytes()][i % 3];
            // It may have been ended for those that came after it.
            let _ = stream.write_all(said);
            stream
        })
        .collect();
    let answer = ask(&address, get);
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\n"), "{answer}");
    assert!(start.elapsed() < Duration::from_secs(9), "it waited until the slow ones were timed out");
    // The first of those that said nothing has been ended.
    assert!(matches!((&slow[0]).read(&mut [0]), Ok(0) | Err(_)));
}

#[test]
fn an_address_that_others_reach_is_refused() {
    for address in ["0.0.0.0:9464", "[::]:9464", "192.0.2.1:9464"] {
        let said = refused(&["export", "prometheus", "--listen", address, "Station"], 2);
        assert!(said.contains("is not an address of this machine only"), "{said}");
    }
    for address in ["9464", "localhost", "127.0.0.1", "127.0.0.1:99999"] {
        refused(&["export", "prometheus", "--listen", address, "Station"], 2);
    }
    let own = station();
    let (_server, address) = serve(&[&id(own.id())]);
    let said = refused(&["export", "prometheus", "--listen", &address, "Station"], 1);
    assert!(said.contains(&format!("cannot listen at {address}: Address already in use")), "{said}");
}
