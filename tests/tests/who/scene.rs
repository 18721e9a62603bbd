//! A scene: steps of `who-peer`, one after another, as different users and in different namespaces. All in an IPC namespace
//! of its own, which goes with it, and with everything that was left in it; its first id of each kind is 0.

#![allow(dead_code, reason = "each test that has this module uses a part of it")]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use shm_tests::skip;
use shm_tests::temp::TempDir;

/// What a step said: the value, or the error's kind and text.
pub(crate) type Said = Result<String, (String, String)>;

pub(crate) struct Scene {
    program: PathBuf,
    dir: TempDir,
    script: String,
}

/// Runs a program as this user, without any capability.
pub(crate) fn as_user(uid: u32) -> String {
    format!("setpriv --reuid={uid} --regid={uid} --clear-groups --bounding-set=-all --inh-caps=-all")
}

impl Scene {
    /// None, and a word about it, if one of these cannot be done here.
    pub(crate) fn new(needs: &[&str]) -> Option<Self> {
        for need in ["unshare --ipc", &as_user(1000)].iter().chain(needs) {
            let mut words = need.split(' ');
            let mut command = Command::new(words.next().expect("a program"));
            command.args(words).arg("true").stdout(Stdio::null()).stderr(Stdio::null());
            if !command.status().is_ok_and(|status| status.success()) {
                skip(&format!("`{need}` does not work here"));
                return None;
            }
        }
        let dir = TempDir::new();
        let program = dir.program(env!("CARGO_BIN_EXE_who-peer"));
        Some(Self { program, dir, script: String::new() })
    }

    /// A new file in the scene's directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.file(name, "")
    }

    /// One more step: what to run the program with, and what it does.
    pub(crate) fn step(&mut self, before: &str, words: &str) -> &mut Self {
        self.script += &format!("{before} {} {words} || echo died\n", self.program.display());
        self
    }

    /// One more line of the shell's.
    pub(crate) fn shell(&mut self, line: &str) -> &mut Self {
        self.script += line;
        self.script += "\n";
        self
    }

    /// What each step said.
    pub(crate) fn run(&mut self) -> Vec<Said> {
        let script = std::mem::take(&mut self.script);
        // Core files of those that abort are nobody's.
        let script = format!("ulimit -c 0\n{script}");
        let output = Command::new("unshare").args(["--ipc", "sh", "-c", &script]).output().expect("it ran");
        let text = String::from_utf8(output.stdout).expect("text");
        let mut said = Vec::new();
        // An error may have several lines.
        for line in text.lines() {
            match line.split('\t').collect::<Vec<_>>()[..] {
                ["ok", value] => said.push(Ok(value.to_owned())),
                ["err", kind, text] => said.push(Err((kind.to_owned(), text.to_owned()))),
                _ if line == "died" => said.push(Ok(line.to_owned())),
                _ => match said.last_mut() {
                    Some(Err((_, text))) => *text += &format!("\n{line}"),
                    _ => panic!("{line:?} in {text}\n{}", String::from_utf8_lossy(&output.stderr)),
                },
            }
        }
        said
    }
}

/// The names of the errors' kinds, and the values.
pub(crate) fn kinds(said: &[Said]) -> Vec<&str> {
    said.iter().map(|said| said.as_ref().map_or_else(|(kind, _)| kind.as_str(), String::as_str)).collect()
}
