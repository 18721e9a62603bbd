//! Other processes, told what to do line by line, so that nobody has to sleep.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::temp::TempDir;
use crate::{hygiene, skip};

/// Longer than any machine takes to answer a line; whoever takes longer hangs.
const HANGS: Duration = Duration::from_secs(60);

/// A user and a group other than root, that own nothing.
pub const NOBODY: u32 = 65534;

/// A process, killed when this is dropped.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    _dir: Option<TempDir>,
}

/// What the peer said instead of `ok`.
#[derive(Debug)]
pub struct Failure {
    /// `ErrorKind`, as its `Debug` prints it.
    pub kind: String,
    /// The error, as its `Display` prints it.
    pub text: String,
}

impl Child {
    pub(crate) fn start(command: &mut Command) -> Self {
        hygiene::watch();
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        hygiene::watch_child(process.id());
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().expect("stdout is piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { process, stdin, lines, _dir: None }
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends a line, and does not wait for an answer.
    ///
    /// # Panics
    ///
    /// If the process does not listen any more.
    pub fn send(&mut self, line: impl Display) {
        let stdin = self.stdin.as_mut().expect("stdin was not closed");
        writeln!(stdin, "{line}").expect("the child listens");
    }

    /// The next line from the process.
    ///
    /// # Panics
    ///
    /// If it ended instead, or hangs.
    pub fn line(&mut self) -> String {
        self.next_line().expect("the child answers")
    }

    fn next_line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(HANGS) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the child hangs"),
        }
    }

    /// Sends a line to the peer and waits for its answer.
    ///
    /// # Errors
    ///
    /// What the peer reports as an error of the library's.
    ///
    /// # Panics
    ///
    /// If it ended instead, hangs, or did not understand.
    pub fn ask(&mut self, line: impl Display) -> Result<String, Failure> {
        self.send(line);
        let answer = self.line();
        match answer.split('\t').collect::<Vec<_>>()[..] {
            ["ok", value] => Ok(value.to_owned()),
            ["err", kind, text] => Err(Failure { kind: kind.to_owned(), text: text.to_owned() }),
            _ => panic!("the peer says {answer:?}"),
        }
    }

    /// As [`ask`](Self::ask), where the answer is a number.
    ///
    /// # Panics
    ///
    /// As `ask` does, and if the answer is an error or no number.
    pub fn number(&mut self, line: impl Display) -> i32 {
        let answer = self.ask(&line).unwrap_or_else(|error| panic!("{line}: {error:?}"));
        answer.parse().expect("a number")
    }

    /// As [`ask`](Self::ask), where an error is expected.
    ///
    /// # Panics
    ///
    /// As `ask` does, and if there is none.
    pub fn failure(&mut self, line: impl Display) -> Failure {
        match self.ask(&line) {
            Ok(answer) => panic!("{line} succeeds: {answer}"),
            Err(failure) => failure,
        }
    }

    /// Kills it (SIGKILL), and waits until it is gone.
    ///
    /// # Panics
    ///
    /// If the system refuses.
    pub fn kill(mut self) {
        self.process.kill().expect("kill a child");
        self.process.wait().expect("wait for a child");
    }

    /// Closes its input, and waits until it ends.
    ///
    /// # Panics
    ///
    /// If it hangs.
    pub fn finish(mut self) -> ExitStatus {
        self.stdin = None;
        // Its output ends when it does.
        while self.next_line().is_some() {}
        self.process.wait().expect("wait for a child")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How to start the program `peer`, which does with a struct what it is told: see its source.
#[derive(Debug)]
pub struct Peer {
    before: Vec<OsString>,
    program: OsString,
    dir: Option<TempDir>,
}

impl Peer {
    /// The program at this path: use [`peer!`](crate::peer).
    pub fn new(program: &str) -> Self {
        Self { before: Vec::new(), program: program.into(), dir: None }
    }

    /// Starts it with [`Board`](crate::structs::Board).
    pub fn start(self) -> Child {
        self.start_with("board")
    }

    /// Starts it with [`Bare`](crate::structs::Bare).
    pub fn start_bare(self) -> Child {
        self.start_with("bare")
    }

    /// Starts it with another first argument.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_with(self, argument: &str) -> Child {
        let mut words = self.before.iter().chain([&self.program]);
        let mut command = Command::new(words.next().expect("a program"));
        let mut child = Child::start(command.args(words).arg(argument));
        child._dir = self.dir;
        assert_eq!(child.line(), "ready", "{command:?}");
        child
    }

    fn after<const N: usize>(mut self, words: [&str; N]) -> Self {
        self.before.extend(words.map(OsString::from));
        self
    }

    /// To be run by these words, `unshare` and its options for instance. None, and a word about it, if they do not run here.
    pub fn by(mut self, words: &[&str]) -> Option<Self> {
        if !words.is_empty() && !works(words, Path::new("true")) {
            skip(&format!("`{}` is not allowed here", words.join(" ")));
            return None;
        }
        self.before.extend(words.iter().map(OsString::from));
        Some(self)
    }

    /// To be run with this limit of locked memory (RLIMIT_MEMLOCK), in bytes. Before `as_nobody`.
    pub fn memlock(self, bytes: usize) -> Self {
        self.after(["prlimit", &format!("--memlock={bytes}:{bytes}")])
    }

    /// To be run as another user without any capabilities. None, and a word about it, if this process cannot.
    ///
    /// # Panics
    ///
    /// If the program cannot be copied to where that user can run it.
    pub fn as_nobody(mut self) -> Option<Self> {
        let dir = TempDir::new();
        let copy = dir.program(&self.program);
        let switch = [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--bounding-set=-all",
            "--inh-caps=-all",
        ];
        let reach = [&switch[..], &["test", "-x"]].concat();
        if !works(&reach, &copy) {
            skip("running a process as another user takes root, setpriv, and a TMPDIR that is open to all");
            return None;
        }
        (self.program, self.dir) = (copy.into(), Some(dir));
        Some(self.after(switch))
    }

    /// To be run in an IPC namespace of its own, which has no segments and these limits (`kernel.*` of sysctl).
    /// None, and a word about it, if this process cannot.
    pub fn in_namespace(self, limits: &[(&str, u64)]) -> Option<Self> {
        let mut script: String = limits
            .iter()
            .map(|(name, value)| format!("echo {value} > /proc/sys/kernel/{name} && "))
            .collect();
        script += "exec \"$@\"";
        let words = ["unshare", "--ipc", "sh", "-c", &script, "sh"];
        if !works(&words, Path::new("true")) {
            skip("making an IPC namespace with limits of its own takes root and unshare");
            return None;
        }
        Some(self.after(words))
    }
}

/// Whether the command succeeds.
fn works(words: &[&str], argument: &Path) -> bool {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(argument);
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
