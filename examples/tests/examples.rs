//! Every example program run as its user runs it: real processes, their output read line by line, and a look at
//! the kernel's table for what they leave behind.

#![allow(clippy::incompatible_msrv, reason = "the programs are compiled by the oldest Rust, and this is not")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use shm_examples::Station;
use shm_runtime::{ErrorKind, Key, SharedSegment};

#[test]
fn quickstart_shows_every_reading_loses_no_count_and_leaves_nothing() {
    let mut quickstart = Program::start(env!("CARGO_BIN_EXE_quickstart"), &[], "");
    let (output, status) = quickstart.rest();
    assert!(status.success(), "{output}");
    for line in [
        "creates a segment for a struct of 48 bytes, by the name org.example.quickstart.",
        "has it attached: key 0x",
        "    opened it too: key 0x",
        "wrote reading 10 of 10",
        "    sees reading 10: 22.4 °C, wind 3.25 m/s from 224°",
        "counter: 200000, by two processes that counted 100000 each",
        "the segment is gone",
    ] {
        assert!(output.contains(line), "{line:?} is missing in\n{output}");
    }
    quickstart.left_nothing();
}

#[test]
fn two_quickstarts_run_side_by_side() {
    let mut both = [(); 2].map(|()| Program::start(env!("CARGO_BIN_EXE_quickstart"), &[], ""));
    for quickstart in &mut both {
        let (output, status) = quickstart.rest();
        assert!(status.success(), "{output}");
        quickstart.left_nothing();
    }
}

#[test]
fn a_quickstart_killed_half_way_leaves_nothing() {
    let mut quickstart = Program::start(env!("CARGO_BIN_EXE_quickstart"), &[], "");
    quickstart.until("wrote reading 2");
    assert_eq!(quickstart.segments().len(), 1, "this looks at the segment of a quickstart that runs");
    quickstart.child.kill().unwrap();
    // The output ends when the second process has noticed, and ended too.
    let (output, status) = quickstart.rest();
    assert!(!status.success(), "{output}");
    quickstart.left_nothing();
}

#[test]
fn station_display_calibrate_and_remove_share_one_segment() {
    let name = &StationName::new("family");
    let mut station = Program::start(env!("CARGO_BIN_EXE_station"), &[], &name.0);
    station.until("continues after 0 readings");
    station.until("wrote reading 1");

    let (output, status) = Program::start(env!("CARGO_BIN_EXE_display"), &["3"], &name.0).rest();
    assert!(status.success(), "{output}");
    assert!(output.starts_with("display: Zugspitze key 0x"), "{output}");
    assert_eq!(output.matches("°C (corrected by +0.0), wind ").count(), 3, "{output}");

    let (output, status) = Program::start(env!("CARGO_BIN_EXE_calibrate"), &["-1.5"], &name.0).rest();
    assert!(status.success(), "{output}");
    assert!(output.contains("Zugspitze is now corrected by -1.5 °C"), "{output}");

    let mut display = Program::start(env!("CARGO_BIN_EXE_display"), &[], &name.0);
    display.until("(corrected by -1.5)");
    let (output, status) = Program::start(env!("CARGO_BIN_EXE_remove"), &[], &name.0).rest();
    assert!(status.success(), "{output}");
    assert!(output.starts_with("remove: removed key 0x") && output.ends_with(", 2 attached\n"), "{output}");

    for mut attached in [station, display] {
        let (output, status) = attached.rest();
        assert!(status.success(), "{output}");
        assert!(output.ends_with("the segment was removed, so this is the end\n"), "{output}");
        attached.left_nothing();
    }
}

#[test]
fn a_station_started_again_counts_on() {
    let name = &StationName::new("again");
    let mut first = Program::start(env!("CARGO_BIN_EXE_station"), &[], &name.0);
    first.until("wrote reading 2");
    first.child.kill().unwrap();
    first.rest();

    let (output, status) = Program::start(env!("CARGO_BIN_EXE_station"), &["1"], &name.0).rest();
    assert!(status.success(), "{output}");
    let last: u64 = output
        .lines()
        .find_map(|line| {
            line.strip_prefix("station: continues after ")?.strip_suffix(" readings")?.parse().ok()
        })
        .unwrap();
    // More than two, if the kill took its time.
    assert!(last >= 2, "{output}");
    assert!(output.contains(&format!("wrote reading {}\n", last + 1)), "{output}");

    let (output, status) = Program::start(env!("CARGO_BIN_EXE_display"), &["1"], &name.0).rest();
    assert!(status.success(), "{output}");
    assert!(output.contains(&format!("display: reading {}: ", last + 1)), "{output}");
    assert!(Program::start(env!("CARGO_BIN_EXE_remove"), &[], &name.0).rest().1.success());
    first.left_nothing();
}

#[test]
fn without_a_station_the_others_say_what_is_missing() {
    let name = &StationName::new("nobody");
    for program in
        [env!("CARGO_BIN_EXE_display"), env!("CARGO_BIN_EXE_calibrate"), env!("CARGO_BIN_EXE_remove")]
    {
        let mut program = Program::start(program, &[], &name.0);
        let (output, status) = program.rest();
        assert_eq!(status.code(), Some(1), "{output}");
        for part in ["cannot open Station (key 0x", &name.0, "no segment has this key. Create it first"] {
            assert!(output.contains(part), "{part:?} is missing in\n{output}");
        }
    }
}

#[test]
fn an_argument_that_is_no_number_is_named() {
    for program in
        [env!("CARGO_BIN_EXE_station"), env!("CARGO_BIN_EXE_display"), env!("CARGO_BIN_EXE_calibrate")]
    {
        let mut program = Program::start(program, &["many"], "");
        let (output, status) = program.rest();
        assert_eq!(status.code(), Some(1), "{output}");
        assert!(output.contains("the argument `many` is no number here"), "{output}");
        program.left_nothing();
    }
}

#[test]
fn a_child_process_adds_up_what_is_in_a_private_segment() {
    let mut parent = Program::start(env!("CARGO_BIN_EXE_private_child"), &[], "");
    let (output, status) = parent.rest();
    assert!(status.success(), "{output}");
    assert!(output.contains("child: added up"), "{output}");
    assert!(output.ends_with("parent: the child's sum is 500500\n"), "{output}");
    parent.left_nothing();
}

#[test]
fn a_c_program_reads_and_writes_the_same_struct() {
    let output = with_c(env!("CARGO_BIN_EXE_c_peer"));
    let Some(output) = output else { return };
    assert!(
        output.contains("C: Zugspitze, reading 1: 21.5 degrees, wind 3.2 m/s from 270 degrees"),
        "{output}"
    );
    assert!(output.ends_with("Rust: reading 2: -5.5 degrees, Rain\n"), "{output}");
}

#[test]
fn a_segment_that_a_c_program_creates_is_joined() {
    let output = with_c(env!("CARGO_BIN_EXE_c_server"));
    let Some(output) = output else { return };
    assert!(output.contains("16 bytes, mode 0600"), "{output}");
    assert!(
        output.ends_with("Rust: counted to 105\nC: the count is 105\nC: removed the segment\n"),
        "{output}"
    );
    // The C program made it, so look for its id.
    let id = output.split("created shmid ").nth(1).unwrap().split(',').next().unwrap();
    let table = fs::read_to_string("/proc/sysvipc/shm").unwrap();
    assert!(table.lines().all(|line| line.split_whitespace().nth(1) != Some(id)), "{table}");
}

#[test]
fn a_log_of_a_length_that_a_c_program_chooses_is_written_on() {
    let Some(output) = with_c(env!("CARGO_BIN_EXE_c_logger")) else { return };
    assert!(output.contains("Rust: opened a log of 4 records"), "{output}");
    assert!(
        output.ends_with("C: 1: 21.5\nC: 2: 23.0\nC: 3: 24.5\nC: 4: 26.0\nC: removed the log\n"),
        "{output}"
    );
}

#[test]
fn no_count_is_lost_while_processes_are_killed_inside_their_critical_sections() {
    let output = alone(env!("CARGO_BIN_EXE_counter"));
    assert!(output.contains("the holder of the mutex died; finishing its count"), "{output}");
    assert!(
        output.ends_with("under the mutex: 80001, under the semaphore: 80001, expected: 80001\n"),
        "{output}"
    );
}

#[test]
fn the_camera_is_replaced_and_no_viewer_sees_a_torn_frame() {
    let output = alone(env!("CARGO_BIN_EXE_camera"));
    assert!(output.contains("killed the camera after frame "), "{output}");
    assert_eq!(output.matches(", 0 of them torn").count(), 3, "{output}");
}

#[test]
fn the_work_queue_answers_every_job() {
    let output = alone(env!("CARGO_BIN_EXE_work_queue"));
    // As many primes as there are below 480,000.
    assert!(output.contains("producer: 40005 primes below 480000"), "{output}");
    assert_eq!(output.matches(": done").count(), 3, "{output}");
}

#[test]
fn the_flight_recorder_has_the_last_entries_of_a_program_that_crashed() {
    let output = alone(env!("CARGO_BIN_EXE_flight_recorder"));
    assert!(output.contains("the program has ended: signal: 6 (SIGABRT)"), "{output}");
    assert!(output.contains("it has recorded 100000 entries; the last 15 are:"), "{output}");
    let steps: Vec<&str> = output.lines().filter(|line| line.starts_with("step ")).collect();
    assert_eq!(steps.first(), Some(&"step 99985: Level, 10000.0 m"));
    assert_eq!(steps.last(), Some(&"step 99999: Descend, -2500.0 m"));
}

#[test]
fn the_last_lines_of_a_service_that_crashed_are_read_and_the_next_one_goes_on_with_what_was_asked() {
    let output = alone(env!("CARGO_BIN_EXE_service_log"));
    let (crashed, next) =
        output.split_once("client: the service has ended: exit status: 0\n").expect(&output);
    assert!(crashed.contains("client: the service has ended: signal: 6 (SIGABRT)"), "{output}");
    assert!(crashed.ends_with("    6: it is 210\n    7: is asked for the sum of 4 5 six\n"), "{output}");
    assert!(
        next.ends_with(
            "    8: a service starts\n    9: is asked for the sum of 7 8\n    10: it is 15\n    11: that was the last request\n"
        ),
        "{output}"
    );
}

#[test]
fn the_job_server_has_an_answer_to_every_job_although_its_workers_are_killed() {
    let output = alone(env!("CARGO_BIN_EXE_job_server"));
    assert_eq!(output.matches(" at work\n").count(), 3, "{output}");
    assert!(output.contains("server: every job has its answer"), "{output}");
    // As many primes as there are below 80,000.
    assert!(output.ends_with("server: 7837 primes below 80000\n"), "{output}");
}

#[test]
fn a_worker_that_is_told_to_end_finishes_its_job_and_loses_none() {
    let output = alone(env!("CARGO_BIN_EXE_worker"));
    assert_eq!(output.matches(": ends\n").count(), 2, "{output}");
    // The first one worked when the signal came; the second one, which had done all, waited, or was about to.
    let numbers = |line: &str| -> Vec<u32> {
        line.split(|character: char| !character.is_ascii_digit())
            .filter_map(|word| word.parse().ok())
            .collect()
    };
    let line = output.lines().find(|line| line.contains("jobs are done and")).expect("it says so");
    let [done, left, all] = numbers(line)[..] else { panic!("{line}") };
    assert!(done >= 3 && left > 0 && done + left == all, "{line}");
    assert!(output.ends_with("every job was done once: true\n"), "{output}");
}

#[test]
fn texts_of_any_length_arrive_whole() {
    let output = alone(env!("CARGO_BIN_EXE_texts"));
    assert_eq!(
        output,
        "sender: the next text is \"two words\"\nworker: 9 bytes, 2 words\nworker: 0 bytes, 0 words\nworker: 20 \
         bytes, 3 words\nworker: 2100 bytes, 500 words\nsender: 0 texts are left\n"
    );
}

#[test]
fn a_service_is_upgraded_while_its_reader_runs_and_no_request_is_lost() {
    let mut program = Program::start(env!("CARGO_BIN_EXE_upgrade"), &[], "");
    // Removed by this test, if it fails before the program does.
    let name = StationName(format!("org.example.upgrade.{}", program.child.id()));
    let (output, status) = program.rest();
    assert!(status.success(), "{output}");
    let left = Station::options().key(Key::name(name.0.clone())).open();
    assert!(matches!(left.unwrap_err().kind(), ErrorKind::NotFound));
    let taken_over = output.lines().find_map(|line| line.strip_prefix("service 2: takes over after "));
    let requests: u64 = taken_over.and_then(|rest| rest.split(' ').next()?.parse().ok()).expect("a number");
    assert!(requests >= 50, "{output}");
    assert!(output.contains("reader: there is a new segment, shmid "), "{output}");
    assert!(output.ends_with("reader: version 2 goes on from what version 1 counted\n"), "{output}");
}

/// The output of a program that starts its own children, ends well and leaves nothing.
fn alone(path: &str) -> String {
    let mut program = Program::start(path, &[], "");
    let (output, status) = program.rest();
    assert!(status.success(), "{output}");
    program.left_nothing();
    output
}

/// The output of a program that needs a C compiler; `None`, with a message, where there is none.
fn with_c(path: &str) -> Option<String> {
    let mut program = Program::start(path, &[], "");
    let (output, status) = program.rest();
    assert!(status.success(), "{output}");
    program.left_nothing();
    if Command::new("cc").arg("--version").output().is_err() {
        assert!(output.contains("there is no C compiler here"), "{output}");
        skip("there is no C compiler (`cc`)");
        return None;
    }
    Some(output)
}

#[test]
fn the_index_names_every_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let index = fs::read_to_string(folder.join("README.md")).unwrap();
    let mut programs = 0;
    for entry in fs::read_dir(folder.join("src/bin")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(index.contains(&format!("(src/bin/{name})")), "{name} is not in the index");
        programs += 1;
    }
    assert_eq!(index.matches("(src/bin/").count(), programs, "the index names a program that is not there");
}

/// Prints past the test harness, which shows the output of failed tests only.
fn skip(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped in part: {why}");
}

/// A name for a station of this test only. Removes what is left under it.
struct StationName(String);

impl StationName {
    fn new(test: &str) -> Self {
        Self(format!("org.example.test.{test}.{}", process::id()))
    }
}

impl Drop for StationName {
    fn drop(&mut self) {
        // Where the test went well, there is none.
        let _ = Station::options().key(Key::name(self.0.clone())).remove();
    }
}

/// A running program, its output and errors in one pipe. Killed when dropped.
struct Program {
    child: Child,
    output: BufReader<std::io::PipeReader>,
}

impl Program {
    fn start(path: &str, args: &[&str], station: &str) -> Self {
        let (output, input) = std::io::pipe().unwrap();
        let mut command = Command::new(path);
        command
            .args(args)
            .env("STATION", station)
            .stdin(Stdio::null())
            .stdout(input.try_clone().unwrap())
            .stderr(input);
        // `command` keeps the pipe's other end open, so it ends here.
        let child = command.spawn().unwrap();
        Self { child, output: BufReader::new(output) }
    }

    /// Reads until a line contains `text`.
    fn until(&mut self, text: &str) {
        let mut before = String::new();
        loop {
            let start = before.len();
            let read = self.output.read_line(&mut before).unwrap();
            assert!(read > 0, "the program ended before {text:?}:\n{before}");
            if before[start..].contains(text) {
                return;
            }
        }
    }

    /// Reads to the end, and waits for it.
    fn rest(&mut self) -> (String, ExitStatus) {
        let mut output = String::new();
        self.output.read_to_string(&mut output).unwrap();
        (output, self.child.wait().unwrap())
    }

    /// The lines of the kernel's table with segments that the program created.
    fn segments(&self) -> Vec<String> {
        let pid = self.child.id().to_string();
        fs::read_to_string("/proc/sysvipc/shm")
            .unwrap()
            .lines()
            // key shmid perms size cpid ...
            .filter(|line| line.split_whitespace().nth(4) == Some(&pid))
            .map(str::to_owned)
            .collect()
    }

    /// To be called when the program has ended. The kernel may take a moment to take down what it had mapped.
    fn left_nothing(&self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while !self.segments().is_empty() {
            assert!(Instant::now() < deadline, "left behind: {:?}", self.segments());
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
