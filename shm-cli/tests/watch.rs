//! `shm watch` shows live values on a real terminal, and leaves it as it was.

mod pty;

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shm_runtime::sync::{Mutex, SeqLock};
use shm_runtime::{Segment, Shareable, SharedSegment};
use shm_tests::eventually;
use shm_tests::key::OwnKey;

use crate::pty::Pty;

const SHM: &str = env!("CARGO_BIN_EXE_shm");

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "StationOfWatch")]
struct Station {
    readings: u64,
    celsius: f64,
    wind: Wind,
    name: [u8; 64],
    sky: Sky,
    total: Mutex<u64>,
    published: SeqLock<Wind>,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Wind {
    speed: f32,
    degrees: u16,
}

#[derive(Clone, Copy, Shareable)]
#[repr(u8)]
#[allow(dead_code, reason = "written as a number")]
enum Sky {
    Clear,
    Cloudy,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "WideOfWatch")]
struct Wide {
    series: [f64; 10_000],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "HugeOfWatch")]
struct Huge {
    series: [u64; 200_000],
    last: u64,
}

fn id<T: Shareable>(segment: &Segment<T>) -> String {
    format!("id:{}", segment.id())
}

fn signal(pty: &Pty, signal: Signal) {
    kill(Pid::from_raw(pty.pid().try_into().unwrap()), signal).expect("it lives");
}

#[test]
fn live_values_are_shown_and_what_changes_stands_out() {
    let own = OwnKey::new();
    let station = Station::options().key(own.key()).create().unwrap().attach().unwrap();
    station.name.set_str("Zugspitze").unwrap();
    station.wind.degrees.set(270);
    station.celsius.set(-0.25);
    station.published.writer().unwrap().write(&Wind { speed: 7.5, degrees: 90 }).unwrap();
    let mut pty = Pty::start(SHM, &["watch", &id(station.segment()), "--rate", "20"], (24, 80));
    pty.shows("quit");
    for (path, words) in [
        ("readings", &["u64", "0"][..]),
        ("celsius", &["f64", "-0.25"]),
        ("wind.degrees", &["u16", "270"]),
        ("name", &["\"Zugspitze\""]),
        ("sky", &["Sky", "Clear"]),
        ("total ", &["Mutex", "free"]),
        ("total.value", &["u64", "0"]),
        ("published ", &["SeqLock", "1 published, no writer"]),
        ("published.value.speed", &["f32", "7.5"]),
        ("published.value.degrees", &["u16", "90"]),
    ] {
        let line = pty.line(path);
        assert!(line.starts_with(path) && words.iter().all(|word| line.contains(word)), "{line:?}");
    }
    let heading = pty.line("StationOfWatch");
    assert!(
        heading.contains(&format!(
            "id {}  key {:#010x}  2 attached  ready",
            station.segment().id(),
            own.value()
        )),
        "{heading}"
    );
    let row = |pty: &Pty, path: &str| {
        pty.screen().contents().lines().position(|line| line.starts_with(path)).unwrap()
    };
    let is_bold = |pty: &Pty, path: &str| {
        let (row, column) = (row(pty, path), pty.line(path).find(['0', '1', '2', '3']).unwrap());
        pty.screen().cell(row.try_into().unwrap(), column.try_into().unwrap()).unwrap().bold()
    };
    assert!(!is_bold(&pty, "readings"));
    let lock = station.total.lock().unwrap();
    for reading in 1..=300 {
        station.readings.set(reading);
        let shown = format!(" {reading} ");
        pty.until(|screen| {
            screen.contents().lines().any(|line| line.starts_with("readings") && line.contains(&shown))
        });
        if reading > 2 && pty.line("readings").contains(['█']) {
            break;
        }
    }
    assert!(is_bold(&pty, "readings"), "it has changed");
    assert!(!is_bold(&pty, "wind.degrees"), "it has not");
    assert!(pty.line("readings").contains('+'), "{}", pty.line("readings"));
    let holder = format!("(pid {}, thread ", std::process::id());
    pty.shows(&holder);
    drop(lock);
    station.published.writer().unwrap().write(&Wind { speed: 9.25, degrees: 91 }).unwrap();
    pty.shows("9.25");
    pty.shows("2 published");
    pty.keys("q");
    assert_eq!(pty.ends().code(), Some(0));
}

#[test]
fn ten_thousand_fields_are_scrolled_filtered_and_sorted() {
    let own = OwnKey::new();
    let wide = Wide::options().key(own.key()).create().unwrap().attach().unwrap();
    let mut pty = Pty::start(SHM, &["watch", &id(wide.segment()), "--rate", "20"], (24, 80));
    pty.shows("1-21 of 10000 ");
    pty.keys("\x1b[6~");
    pty.shows("22-42 of 10000 ");
    pty.keys("\x1b[F");
    pty.shows("9980-10000 of 10000 ");
    assert!(pty.line("series[9999]").contains("0.0"));
    pty.keys("\x1b[A\x1b[A");
    pty.shows("9978-9998 of 10000 ");
    pty.keys("\x1b[H\x1b[B");
    pty.shows("2-22 of 10000 ");
    pty.keys("/777");
    pty.shows("filter: 777_");
    pty.keys("\r");
    pty.shows("1-19 of 19 (10000 in all)");
    assert!(
        pty.screen().contents().contains("series[7779]") && !pty.screen().contents().contains("series[0]")
    );
    pty.keys("\x1b");
    pty.shows("of 10000 ");
    // By what changed last, it is on top.
    pty.keys("ss");
    pty.shows("sort: changed");
    wide.series[4321].set(1.0);
    pty.until(|screen| screen.contents().lines().nth(2).is_some_and(|line| line.starts_with("series[4321]")));
    // And it stays, while nothing is read.
    pty.keys(" ");
    pty.shows("paused");
    wide.series[99].set(1.0);
    pty.keys("s");
    pty.shows("sort: rate");
    assert!(!pty.screen().contents().contains("series[99]"));
    pty.keys(" ");
    pty.until(|screen| screen.contents().lines().nth(2).is_some_and(|line| line.starts_with("series[99]")));
    pty.keys("q");
    assert_eq!(pty.ends().code(), Some(0));
}

#[test]
fn of_more_fields_than_can_be_watched_the_first_are_and_it_says_so() {
    let own = OwnKey::new();
    let huge = Huge::options().key(own.key()).create().unwrap();
    let mut pty = Pty::start(SHM, &["watch", &id(&huge)], (24, 100));
    pty.shows("1-21 of 100000 (of more than 100000: name a PATH)");
    pty.keys("q");
    assert_eq!(pty.ends().code(), Some(0));
    let mut pty = Pty::start(SHM, &["watch", &id(&huge), "last"], (24, 100));
    pty.shows("1-1 of 1 ");
    let output = Command::new(SHM).args(["record", &id(&huge), "series"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("more than 100000 values"), "{said}");
}

#[test]
fn only_the_parts_that_are_named_are_shown() {
    let own = OwnKey::new();
    let station = Station::options().key(own.key()).create().unwrap().attach().unwrap();
    let id = id(station.segment());
    let mut pty =
        Pty::start(SHM, &["watch", &id, "wind", "published.value.degrees", "total.value"], (10, 60));
    pty.shows("1-4 of 4");
    for path in ["wind.speed", "wind.degrees", "published.value.degrees", "total.value"] {
        assert!(pty.line(path).starts_with(path));
    }
    let mut pty = Pty::start(SHM, &["watch", &id, "wind.sped"], (10, 60));
    assert_eq!(pty.ends().code(), Some(1));
    assert!(
        pty.screen().contents().starts_with("shm: `wind` (Wind) has no field `sped`"),
        "{}",
        pty.screen().contents()
    );
}

#[test]
fn a_segment_that_is_removed_and_replaced_is_shown_on_and_it_says_so() {
    let own = OwnKey::new();
    let station = Station::options().key(own.key()).create().unwrap().attach().unwrap();
    let mut pty = Pty::start(SHM, &["watch", &id(station.segment()), "--rate", "20"], (24, 80));
    pty.shows("2 attached");
    station.segment().remove().unwrap();
    pty.shows("removed: this is what is still mapped here");
    station.readings.set(4711);
    pty.shows("4711");
    let other = Station::options().key(own.key()).create().unwrap();
    pty.shows(&format!("removed, and replaced: `shm watch {}` shows", id(&other)));
    drop(station);
    pty.keys("q");
    assert_eq!(pty.ends().code(), Some(0));
}

#[test]
fn the_terminal_is_as_before_however_it_ends() {
    let own = OwnKey::new();
    let station = Station::options().key(own.key()).create().unwrap().attach().unwrap();
    for (end, status) in [
        (None, 0),
        (Some(Signal::SIGINT), 128 + 2),
        (Some(Signal::SIGTERM), 128 + 15),
        (Some(Signal::SIGHUP), 128 + 1),
    ] {
        let mut pty = Pty::start(SHM, &["watch", &id(station.segment())], (24, 80));
        pty.shows("quit");
        let during = pty.settings();
        assert!(pty.screen().alternate_screen() && pty.screen().hide_cursor());
        match end {
            // Ctrl-C, which is a key here.
            None => pty.keys("\x03"),
            Some(end) => signal(&pty, end),
        }
        assert_eq!(pty.ends().code(), Some(status), "{end:?}");
        assert!(!pty.screen().alternate_screen() && !pty.screen().hide_cursor(), "{end:?}");
        assert_eq!(pty.screen().contents(), "", "nothing is left of it: {end:?}");
        // What a new one is set to.
        let before = Pty::start("true", &[], (24, 80)).settings();
        assert_ne!(during, before);
        assert_eq!(pty.settings(), before, "{end:?}");
    }
}

#[test]
fn it_ends_with_its_terminal() {
    let own = OwnKey::new();
    let station = Station::options().key(own.key()).create().unwrap().attach().unwrap();
    // `script` holds the terminal, and takes it away when it is killed.
    let command = format!("{SHM} watch {}", id(station.segment()));
    let mut script = Pty::start("script", &["--quiet", "--command", &command, "/dev/null"], (24, 80));
    script.shows("2 attached");
    signal(&script, Signal::SIGKILL);
    // Its attachment goes with it.
    eventually(|| station.segment().stat().unwrap().attached == 1);
}

#[test]
fn it_ends_when_it_is_told_to_though_the_terminal_takes_no_more() {
    let own = OwnKey::new();
    let wide = Wide::options().key(own.key()).create().unwrap().attach().unwrap();
    let pair =
        nix::pty::openpty(&nix::pty::Winsize { ws_row: 60, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 }, None)
            .unwrap();
    let end = || pair.slave.try_clone().unwrap();
    let mut command = Command::new("setsid");
    command
        .args(["--ctty", SHM, "watch", &id(wide.segment()), "--rate", "1000"])
        .env("TERM", "xterm-256color");
    let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    let before = nix::sys::termios::tcgetattr(&pair.slave).unwrap();
    // What it writes is not read, until there is no room for more.
    let mut count = 0.0;
    let mut written = (0, Instant::now());
    while written.1.elapsed() < Duration::from_millis(500) {
        count += 0.1;
        wide.series.iter().for_each(|value| value.set(count));
        let io = fs::read_to_string(format!("/proc/{}/io", child.id())).unwrap();
        let so_far = io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap().parse().unwrap();
        if so_far != written.0 {
            written = (so_far, Instant::now());
        }
        assert!(so_far < 10_000_000, "the terminal takes everything");
    }
    assert_ne!(nix::sys::termios::tcgetattr(&pair.slave).unwrap(), before);
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let ended = std::cell::Cell::new(None);
    eventually(|| {
        ended.set(child.try_wait().unwrap());
        ended.get().is_some()
    });
    assert_eq!(ended.get().unwrap().code(), Some(128 + 15));
    assert_eq!(nix::sys::termios::tcgetattr(&pair.slave).unwrap(), before);
}

#[test]
fn a_terminal_that_is_too_small_is_told_and_drawn_on_when_it_grows() {
    let own = OwnKey::new();
    let station = Station::options().key(own.key()).create().unwrap().attach().unwrap();
    let mut pty = Pty::start(SHM, &["watch", &id(station.segment())], (4, 30));
    pty.shows("too small: 30x4, it takes 40x5");
    pty.resize(24, 80);
    pty.shows("readings");
    for (rows, columns) in [(1, 1), (2, 300), (200, 40), (5, 40), (60, 250)] {
        pty.resize(rows, columns);
    }
    pty.shows("published.value.degrees");
    pty.keys("q");
    assert_eq!(pty.ends().code(), Some(0));
}

#[test]
fn without_a_terminal_it_names_what_does_without() {
    let output = Command::new(SHM).args(["watch", "id:0"]).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout), (Some(1), vec![]));
    assert!(said.contains("`shm show`") && said.contains("`shm record`"), "{said}");
}

#[test]
fn what_is_in_memory_never_controls_the_terminal() {
    let own = OwnKey::new();
    let station = Station::options().key(own.key()).create().unwrap().attach().unwrap();
    station.name.set_str("\x1b]0;owned\x07\u{9b}2J\r\n\u{202e}x").unwrap();
    let mut pty = Pty::start(SHM, &["watch", &id(station.segment())], (24, 120));
    pty.shows("owned");
    let written = String::from_utf8_lossy(&pty.written).into_owned();
    for control in ["]0;owned\x07", "\u{9b}", "\x07", "\u{202e}"] {
        assert!(!written.contains(control), "{control:?}");
    }
    assert!(pty.line("name").contains("\\u{1b}]0;owned\\u{7}\\u{9b}2J"), "{}", pty.line("name"));
}

/// Seconds of a core that the process has had.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, after) = stat.rsplit_once(") ").unwrap();
    let ticks = |field: usize| after.split(' ').nth(field - 3).unwrap().parse::<f64>().unwrap();
    // utime and stime, in hundredths.
    (ticks(14) + ticks(15)) / 100.0
}

#[test]
fn ten_thousand_changing_fields_at_ten_hertz_take_little_time_and_few_bytes() {
    let own = OwnKey::new();
    let wide = Wide::options().key(own.key()).create().unwrap().attach().unwrap();
    let mut pty = Pty::start(SHM, &["watch", &id(wide.segment()), "--rate", "10"], (24, 80));
    pty.shows("1-21 of 10000 ");
    let measure = |pty: &mut Pty, change: &mut dyn FnMut(f64)| {
        let (start, cpu) = (Instant::now(), cpu_seconds(pty.pid()));
        let written = pty.written.len();
        let mut count = 0.0;
        while start.elapsed() < Duration::from_secs(3) {
            count += 1.0;
            change(count);
            pty.watch_for(Duration::from_millis(50));
        }
        let seconds = start.elapsed().as_secs_f64();
        let share = (cpu_seconds(pty.pid()) - cpu) / seconds;
        let bytes = f64::from(u32::try_from(pty.written.len() - written).unwrap()) / seconds / 10.0;
        println!("{:.1} % of a core, {bytes:.0} bytes a frame", 100.0 * share);
        (share, bytes)
    };
    let (share, bytes) = measure(&mut pty, &mut |_| {});
    assert!(share < 0.1 && bytes < 50.0, "nothing changes");
    let (share, bytes) = measure(&mut pty, &mut |count| wide.series[3].set(count));
    assert!(share < 0.1 && bytes < 400.0, "one changes");
    let (share, bytes) = measure(&mut pty, &mut |count| {
        wide.series.iter().for_each(|value| value.set(count * 1.25));
    });
    assert!(share < 0.1 && bytes < 4000.0, "all change");
}
