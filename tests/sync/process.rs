//! The peer process of the tests of `sync`.

#![allow(dead_code)] // each test uses a part of it

use std::process::{Child, Command};

use shm_runtime::Segment;

use crate::common::{Board, eventually};

/// A process, killed and waited for at the end.
pub(crate) struct Peer(pub(crate) Child);

impl Peer {
    /// Runs the peer in this role.
    pub(crate) fn new(segment: &Segment<Board>, role: &str, argument: u64) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sync-peer"));
        command.args([segment.id().to_string(), role.to_owned(), argument.to_string()]);
        Self(command.spawn().unwrap())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// kill -9, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits until it ends by itself, well.
    pub(crate) fn ends(mut self) {
        let status = self.0.wait().unwrap();
        assert!(status.success(), "the peer failed: {status}");
    }

    /// Waits until it ends by kill -9.
    pub(crate) fn ends_killed(mut self) {
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(self.0.wait().unwrap().signal(), Some(9));
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until this thread sleeps, by /proc: `S` in a system call, and not on its way to one.
pub(crate) fn asleep(tid: u32) {
    eventually(|| {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{tid}/{file}")).unwrap_or_default();
        let stat = read("stat");
        let state = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.split_whitespace().next())
            .unwrap_or("");
        // 202 is futex(2).
        state == "S" && read("syscall").starts_with("202 ")
    });
}
