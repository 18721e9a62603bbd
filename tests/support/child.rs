//! Other processes, told what to do line by line, so that no test has to sleep.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use shm_runtime::{Segment, Shareable};

use crate::structs::sync;
use crate::temp::TempDir;
use crate::{HANGS, hygiene, skip};

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
    /// The name of the `ErrorKind`.
    pub kind: String,
    /// The `ErrorKind` and what it holds, as its `Debug` prints it.
    pub debug: String,
    /// The error, as its `Display` prints it.
    pub text: String,
}

impl Child {
    /// Starts any program, to talk with it line by line.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start(command: &mut Command) -> Self {
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
        stdin.write_all(format!("{line}\n").as_bytes()).expect("the child listens");
    }

    /// The next line from the process.
    ///
    /// # Panics
    ///
    /// If it ended instead, or hangs.
    pub fn line(&mut self) -> String {
        self.next_line().expect("the child answers")
    }

    /// The next line from the process; `None` if it ended instead.
    ///
    /// # Panics
    ///
    /// If it hangs.
    pub fn next_line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(HANGS) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the child hangs"),
        }
    }

    /// Whether it says nothing for this long.
    pub fn is_silent(&self, time: Duration) -> bool {
        matches!(self.lines.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }

    /// The peer's answer to a line that was sent; `None` if it ended instead.
    ///
    /// # Panics
    ///
    /// If it hangs, or did not understand.
    pub fn answer_or_end(&mut self) -> Option<Result<String, Failure>> {
        self.next_line().map(|line| understood(&line))
    }

    /// The peer's answer to a line that was sent.
    ///
    /// # Errors
    ///
    /// What the peer reports as an error of the library's.
    ///
    /// # Panics
    ///
    /// If it ended instead, hangs, or did not understand.
    pub fn answer(&mut self) -> Result<String, Failure> {
        understood(&self.line())
    }

    /// Sends a line to the peer and waits for its answer, which is not an error.
    ///
    /// # Panics
    ///
    /// If it is one, and as [`answer`](Self::answer) does.
    pub fn ask(&mut self, line: impl Display) -> String {
        self.send(&line);
        self.answer().unwrap_or_else(|failure| panic!("{line}: {failure:?}"))
    }

    /// As [`ask`](Self::ask), where the answer is a number.
    ///
    /// # Panics
    ///
    /// As `ask` does, and if the answer is not a number.
    pub fn number(&mut self, line: impl Display) -> i32 {
        self.ask(line).parse().expect("a number")
    }

    /// As [`ask`](Self::ask), where an error is expected.
    ///
    /// # Panics
    ///
    /// As `ask` does, and if there is none.
    pub fn failure(&mut self, line: impl Display) -> Failure {
        self.send(&line);
        match self.answer() {
            Ok(answer) => panic!("{line} succeeds: {answer}"),
            Err(failure) => failure,
        }
    }

    fn signal(&self, signal: libc::c_int) {
        let pid = libc::pid_t::try_from(self.pid()).expect("a pid");
        // SAFETY: takes numbers only.
        let sent = unsafe { libc::kill(pid, signal) };
        assert_eq!(sent, 0, "kill: {}", std::io::Error::last_os_error());
    }

    /// Sends it SIGUSR1. Not after it was waited for.
    ///
    /// # Panics
    ///
    /// If the system refuses.
    pub fn interrupt(&self) {
        self.signal(libc::SIGUSR1);
    }

    /// Kills it (SIGKILL), and waits until it is gone.
    ///
    /// # Panics
    ///
    /// If the system refuses.
    pub fn kill(&mut self) {
        self.process.kill().expect("kill a child");
        self.process.wait().expect("wait for a child");
    }

    /// Kills it (SIGKILL), and does not ask how it ended. Returns when it is a zombie. Not after it was waited for.
    ///
    /// # Panics
    ///
    /// If the system refuses.
    pub fn kill_unreaped(&mut self) {
        self.signal(libc::SIGKILL);
        let id = libc::id_t::from(self.pid());
        // SAFETY: all bytes zero make a `siginfo_t`.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: waits until it has ended, without reaping it, and writes one `siginfo_t`.
        let waited = unsafe { libc::waitid(libc::P_PID, id, &raw mut info, libc::WEXITED | libc::WNOWAIT) };
        assert_eq!(waited, 0, "waitid: {}", std::io::Error::last_os_error());
    }

    /// Waits until it has ended, and says which signal ended it.
    ///
    /// # Panics
    ///
    /// If the system refuses.
    pub fn reap(&mut self) -> Option<i32> {
        self.process.wait().expect("wait for a child").signal()
    }

    /// Whether it has not ended.
    ///
    /// # Panics
    ///
    /// If the system refuses.
    pub fn is_running(&mut self) -> bool {
        self.process.try_wait().expect("look at a child").is_none()
    }

    /// Waits until it ends by itself, well.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn ends(mut self) {
        let status = self.process.wait().expect("wait for a child");
        assert!(status.success(), "the peer failed: {status}");
    }

    /// Waits until it ends by SIGKILL.
    ///
    /// # Panics
    ///
    /// If it ends otherwise.
    pub fn ends_killed(mut self) {
        assert_eq!(self.reap(), Some(libc::SIGKILL));
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

/// What an answering line says.
fn understood(line: &str) -> Result<String, Failure> {
    let text = |part: &str| part.replace("\\n", "\n");
    match line.split('\t').collect::<Vec<_>>()[..] {
        ["ok", value] => Ok(text(value)),
        ["err", kind, debug, error] => {
            Err(Failure { kind: kind.to_owned(), debug: text(debug), text: text(error) })
        }
        _ => panic!("the peer says {line:?}"),
    }
}

/// How to start the program `peer`, which does in one domain what it is told: see its source.
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

    /// Starts it, to be told what to do with sealed segments.
    pub fn seal(self) -> Child {
        self.start_with("seal")
    }

    /// Starts it, to be told what to do with semaphores and queues.
    pub fn ipc(self) -> Child {
        self.start_with("ipc")
    }

    /// Starts it, to have guards and to fork.
    pub fn guards(self) -> Child {
        self.start_with("guards")
    }

    /// Starts it in this role, one of the domain `sync`.
    pub fn sync(self, board: &Segment<sync::Board>, role: &str, argument: u64) -> Child {
        let mut child = Child::start(&mut self.sync_command(board, role, argument));
        child._dir = self.dir;
        child
    }

    /// Starts it in this role, one of the domain `rings`.
    pub fn rings<T: Shareable>(self, segment: &Segment<T>, role: &str) -> Child {
        self.rings_of(segment.id(), role)
    }

    /// The same, of a segment whose role takes its key, or by its id.
    pub fn rings_of(self, number: i32, role: &str) -> Child {
        let mut child = Child::start(&mut self.command(&["rings", role, &number.to_string()]));
        child._dir = self.dir;
        child
    }

    /// How to start it in this role.
    pub fn sync_command(&self, board: &Segment<sync::Board>, role: &str, argument: u64) -> Command {
        self.command(&["sync", role, &board.id().to_string(), &argument.to_string()])
    }

    /// How to start it with these arguments: a domain, and a command if it is to do only that.
    ///
    /// # Panics
    ///
    /// Never.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut words = self.before.iter().chain([&self.program]);
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).args(arguments);
        command
    }

    /// Starts it in this domain.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_with(self, domain: &str) -> Child {
        self.try_start_with(domain).expect("the peer starts")
    }

    /// Starts it in this domain; `None` if it ends at once, as the program that runs it refuses to.
    ///
    /// # Panics
    ///
    /// If there is no such program.
    pub fn try_start_with(self, domain: &str) -> Option<Child> {
        let mut command = self.command(&[domain]);
        let mut child = Child::start(&mut command);
        child._dir = self.dir;
        let line = child.next_line()?;
        assert_eq!(line, "ready", "{command:?}");
        Some(child)
    }

    /// To be run by another program, with these arguments before it.
    pub fn under<S: Into<OsString>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.before.extend(words.into_iter().map(Into::into));
        self
    }

    /// To be run by these words, `unshare` and its options for instance. None, and a word about it, if they do not run here.
    pub fn by(self, words: &[&str]) -> Option<Self> {
        if !words.is_empty() && !works(words, Path::new("true")) {
            skip(&format!("`{}` is not allowed here", words.join(" ")));
            return None;
        }
        Some(self.under(words))
    }

    /// To be run with this limit of locked memory (RLIMIT_MEMLOCK), in bytes. Before `as_nobody`.
    pub fn memlock(self, bytes: usize) -> Self {
        self.under(["prlimit".to_owned(), format!("--memlock={bytes}:{bytes}")])
    }

    /// To be run as another user without any capabilities. None, and a word about it, if this process cannot.
    ///
    /// # Panics
    ///
    /// If the program cannot be copied to where that user can run it.
    pub fn as_nobody(self) -> Option<Self> {
        self.as_user(NOBODY)
    }

    /// To be run as the user and the group of this number, without any capabilities. None, and a word about it, if this
    /// process cannot.
    ///
    /// # Panics
    ///
    /// If the program cannot be copied to where that user can run it.
    pub fn as_user(mut self, id: u32) -> Option<Self> {
        let dir = TempDir::new();
        let copy = dir.program(&self.program);
        let (user, group) = (format!("--reuid={id}"), format!("--regid={id}"));
        let switch = ["setpriv", &user, &group, "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"];
        let reach = [&switch[..], &["test", "-x"]].concat();
        if !works(&reach, &copy) {
            skip("running a process as another user takes root, setpriv, and a TMPDIR that is open to all");
            return None;
        }
        (self.program, self.dir) = (copy.into(), Some(dir));
        Some(self.under(switch))
    }

    /// To be run in an IPC namespace of its own, which has no objects and these limits (`kernel.*` of sysctl).
    /// None, and a word about it, if this process cannot.
    pub fn in_namespace<V: Display>(self, limits: &[(&str, V)]) -> Option<Self> {
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
        Some(self.under(words))
    }
}

/// Whether the command succeeds.
fn works(words: &[&str], argument: &Path) -> bool {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(argument);
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
