//! C programs, compiled by the test that runs them.

use std::path::PathBuf;
use std::process::Command;

use crate::child::Child;
use crate::temp::TempDir;

/// A compiled C program.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    _dir: TempDir,
}

impl Program {
    /// Compiles `source` with `cc`, warnings being errors.
    ///
    /// # Panics
    ///
    /// If it does not compile; with what `cc` says.
    pub fn compile(source: &str) -> Self {
        let dir = TempDir::new();
        let (file, path) = (dir.file("program.c", source), dir.path().join("program"));
        let output = Command::new("cc")
            .args(["-Wall", "-Wextra", "-Werror", "-std=c11", "-D_GNU_SOURCE", "-o"])
            .args([&path, &file])
            .output()
            .expect("run cc");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{source}");
        Self { path, _dir: dir }
    }

    /// Runs it to its end, and returns what it printed.
    ///
    /// # Panics
    ///
    /// If it fails; with what it printed.
    pub fn run<S: ToString>(&self, args: &[S]) -> String {
        let args = args.iter().map(ToString::to_string);
        let output = Command::new(&self.path).args(args).output().expect("run a C program");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Starts it, to talk with it line by line.
    pub fn start<S: ToString>(&self, args: &[S]) -> Child {
        let mut command = Command::new(&self.path);
        command.args(args.iter().map(ToString::to_string));
        Child::start(&mut command)
    }
}
