//! The second process: this program again, in another role, on another processor.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Result, sys};

/// A child that does as it is told, a line at a time. It ends when this is dropped, and with this process.
pub struct Peer {
    child: Child,
    /// Taken to close it, which is what ends the child.
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts `role` with its arguments.
    pub fn start(role: &str, name: &str, arguments: &[String]) -> Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args([role, name])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let to = child.stdin.take();
        let from = child.stdout.take().ok_or("a child without standard output")?;
        Ok(Self { child, to, from: BufReader::new(from) })
    }

    /// Sends a line.
    pub fn tell(&mut self, line: impl std::fmt::Display) -> Result<()> {
        let to = self.to.as_mut().ok_or("the child was ended")?;
        writeln!(to, "{line}")?;
        Ok(to.flush()?)
    }

    /// The next line that the child says.
    pub fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            return Err(format!("a child process ended too early: {:?}", self.child.wait()?).into());
        }
        Ok(line.trim().to_owned())
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// By SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill()?)
    }

    /// Until it has ended.
    pub fn wait(&mut self) -> Result<()> {
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It leaves its loop at the end of its input; unless it hangs, because something went wrong here.
        drop(self.to.take());
        let deadline = Instant::now() + Duration::from_secs(1);
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(1));
        }
        // Both fail if it has ended, which is all that they are for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's side: does `work` for each line, until there are no more.
pub fn obey(mut work: impl FnMut(&str) -> Result<()>) -> Result<()> {
    for line in std::io::stdin().lines() {
        work(&line?)?;
    }
    Ok(())
}

/// The child's side: sends a line.
pub fn say(line: impl std::fmt::Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// On which processors the two processes run.
#[derive(Clone, Copy)]
pub struct Places {
    pub parent: usize,
    pub child: usize,
}

/// The environment variable that carries them: whoever is pinned sees one processor only.
const PLACES: &str = "SHM_PEERS_PROCESSORS";

impl Places {
    /// The first two processors, for the environment of those who get pinned; nothing if there is one.
    pub fn for_environment() -> (&'static str, String) {
        let processors: Vec<_> = sys::processors().iter().take(2).map(usize::to_string).collect();
        (PLACES, processors.join(","))
    }

    /// As the supervisor chose them.
    pub fn get() -> Option<Self> {
        let places = env::var(PLACES).ok()?;
        let (parent, child) = places.split_once(',')?;
        Some(Self { parent: parent.parse().ok()?, child: child.parse().ok()? })
    }
}
