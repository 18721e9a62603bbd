//! What the tests of semaphores and queues need: other processes, keys of their own, and what the kernel says.

#![allow(dead_code, unreachable_pub, reason = "each program that has this module uses a part of it")]

use std::fmt::Display;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use shm_runtime::{Error, Key};
use shm_tests::temp::TempDir;

pub mod types;

/// Longer than anything takes here; whoever takes longer hangs.
const HANGS: Duration = Duration::from_secs(60);

/// A user and a group other than root.
pub const NOBODY: u32 = 65534;

/// A key of this test's own. Dropped, also by a panic, it removes the semaphore set and the queue that have it.
pub struct OwnKey(i32);

impl OwnKey {
    pub fn new() -> Self {
        static COUNT: AtomicU8 = AtomicU8::new(0);
        loop {
            let [low, high, ..] = std::process::id().to_le_bytes();
            let key = i32::from_le_bytes([COUNT.fetch_add(1, Relaxed), low, high, 0x5b]);
            if Row::by_key("sem", key).is_none() && Row::by_key("msg", key).is_none() {
                return Self(key);
            }
        }
    }

    pub fn key(&self) -> Key {
        Key::fixed(self.0)
    }

    pub fn value(&self) -> i32 {
        self.0
    }
}

impl Drop for OwnKey {
    fn drop(&mut self) {
        for (table, flag) in [("sem", "-s"), ("msg", "-q")] {
            if let Some(row) = Row::by_key(table, self.0) {
                let _ = Command::new("ipcrm").args([flag, &row.id().to_string()]).status();
            }
        }
    }
}

/// A line of a table in /proc/sysvipc.
#[derive(Debug)]
pub struct Row(Vec<String>);

impl Row {
    fn all(table: &str) -> impl Iterator<Item = Self> {
        let table = fs::read_to_string(format!("/proc/sysvipc/{table}")).expect("the kernel's table");
        let rows: Vec<Self> = table
            .lines()
            .skip(1)
            .map(|line| Self(line.split_whitespace().map(str::to_owned).collect()))
            .collect();
        rows.into_iter()
    }

    pub fn by_key(table: &str, key: i32) -> Option<Self> {
        Self::all(table).find(|row| row.column(0) == i64::from(key))
    }

    pub fn by_id(table: &str, id: i32) -> Option<Self> {
        Self::all(table).find(|row| row.column(1) == i64::from(id))
    }

    pub fn id(&self) -> i32 {
        self.column(1).try_into().expect("an id")
    }

    pub fn column(&self, column: usize) -> i64 {
        self.0[column].parse().expect("a number")
    }

    pub fn mode(&self) -> u32 {
        u32::from_str_radix(&self.0[2], 8).expect("an octal mode")
    }
}

/// A process, killed when this is dropped.
pub struct Child {
    process: std::process::Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Child {
    pub fn start(command: &mut Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a child");
        let (stdin, stdout) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { process, stdin, lines }
    }

    /// The peer, a program of this library.
    pub fn peer() -> Self {
        Self::ready(Command::new(env!("CARGO_BIN_EXE_ipc_peer")))
    }

    fn ready(mut command: Command) -> Self {
        let mut child = Self::start(&mut command);
        assert_eq!(child.line(), "ready", "{command:?}");
        child
    }

    /// The peer in an IPC namespace of its own, with these limits (`kernel.*` of sysctl). None, and a word about it, if
    /// this process may not.
    pub fn in_namespace(limits: &[(&str, &str)]) -> Option<Self> {
        let set = limits.iter().map(|(name, value)| format!("echo {value} > /proc/sys/kernel/{name} && "));
        let script = set.collect::<String>() + "exec \"$@\"";
        let words = ["--ipc", "sh", "-c", &script, "sh"];
        let mut probe = Command::new("unshare");
        let works = probe.args(words).arg("true").stderr(Stdio::null()).status();
        if !works.is_ok_and(|status| status.success()) {
            eprintln!("skipped: an IPC namespace with limits of its own takes root and unshare");
            return None;
        }
        let mut command = Command::new("unshare");
        command.args(words).arg(env!("CARGO_BIN_EXE_ipc_peer"));
        Some(Self::ready(command))
    }

    /// The peer as another user, without capabilities. None, and a word about it, if this process may not.
    pub fn as_nobody() -> Option<Self> {
        let dir = TempDir::new();
        let copy = dir.program(env!("CARGO_BIN_EXE_ipc_peer"));
        let switch =
            ["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"];
        let mut probe = Command::new("setpriv");
        let works = probe
            .args(switch)
            .arg(&copy)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !works.is_ok_and(|status| status.success()) {
            eprintln!("skipped: running a process as another user takes root and setpriv");
            return None;
        }
        let mut command = Command::new("setpriv");
        command.args(switch).arg(&copy);
        Some(Self::ready(command))
    }

    pub fn send(&mut self, line: impl Display) {
        writeln!(self.stdin, "{line}").expect("the child listens");
    }

    pub fn line(&mut self) -> String {
        self.lines.recv_timeout(HANGS).expect("the child answers")
    }

    /// The answer to a command that was sent, as `answer` gives it; `None` if the process was killed instead.
    pub fn answer_or_death(&mut self) -> Option<Result<String, (String, String)>> {
        match self.lines.recv_timeout(HANGS) {
            Ok(line) => Some(Self::understand(&line)),
            Err(RecvTimeoutError::Timeout) => panic!("the child hangs"),
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.process.wait().expect("a child");
                assert_eq!(status.signal(), Some(9), "{status}");
                None
            }
        }
    }

    /// Whether it says nothing for this long.
    pub fn is_silent(&self, time: Duration) -> bool {
        matches!(self.lines.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }

    /// The answer to a command that was sent: `Ok(VALUE)` or `Err((KIND, TEXT))`.
    pub fn answer(&mut self) -> Result<String, (String, String)> {
        Self::understand(&self.line())
    }

    fn understand(line: &str) -> Result<String, (String, String)> {
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["ok", value] => Ok(value.to_owned()),
            ["err", kind, text] => Err((kind.to_owned(), text.to_owned())),
            _ => panic!("the child says {line:?}"),
        }
    }

    /// Sends a command that works, and returns its value.
    pub fn ask(&mut self, line: impl Display) -> String {
        self.send(&line);
        self.answer().unwrap_or_else(|(_, text)| panic!("{line}: {text}"))
    }

    /// Sends a command that fails.
    pub fn failure(&mut self, line: impl Display) -> (String, String) {
        self.send(&line);
        self.answer().expect_err(&format!("{line} must not work"))
    }

    /// Sends it SIGUSR1.
    pub fn interrupt(&self) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-USR1", &pid]).status();
        assert!(sent.expect("kill").success());
    }

    /// Kills it (SIGKILL), and waits until it is gone.
    pub fn kill(mut self) {
        self.process.kill().expect("kill a child");
        self.process.wait().expect("wait for a child");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A C program, compiled with warnings being errors.
pub struct Program(TempDir);

impl Program {
    pub fn compile(source: &str) -> Self {
        let dir = TempDir::new();
        let source = dir.file("program.c", source);
        let output = Command::new("cc")
            .args(["-Wall", "-Wextra", "-Werror", "-std=c11", "-D_GNU_SOURCE", "-o"])
            .args([dir.path().join("program"), source])
            .output()
            .expect("run cc");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self(dir)
    }

    pub fn start(&self, argument: impl Display) -> Child {
        Child::start(Command::new(self.0.path().join("program")).arg(argument.to_string()))
    }
}

/// Waits until something is so.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < HANGS, "{what} never happens");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The name of the error's kind.
pub fn kind<R>(result: Result<R, Error>) -> String {
    match result {
        Ok(_) => "none".to_owned(),
        Err(error) => format!("{:?}", error.kind()).split([' ', '{']).next().unwrap_or_default().to_owned(),
    }
}
