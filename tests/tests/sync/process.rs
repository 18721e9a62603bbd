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

/// Waits until this thread sleeps in futex(2).
pub(crate) fn asleep(tid: u32) {
    eventually(|| is_asleep(tid));
}

/// Whether this thread sleeps in futex(2), by /proc; where that does not tell the system call, whether it sleeps.
pub(crate) fn is_asleep(tid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{tid}/stat")).unwrap_or_default();
    let sleeps = stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" S"));
    let call = std::fs::read_to_string(format!("/proc/{tid}/syscall"));
    let number = libc::SYS_futex.to_string();
    sleeps && call.map_or(true, |call| call.split(' ').next() == Some(&number))
}

/// Runs `calls` in a child that is killed if they make a system call. The calls are made once before, for what is
/// asked of the kernel only once.
pub(crate) fn without_system_calls(mut calls: impl FnMut()) {
    // SAFETY: the child makes the calls of this function, and leaves by exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        calls();
        // SAFETY: takes numbers only. From here on the kernel allows read, write, exit and sigreturn.
        let refused = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT) };
        if refused == 0 {
            (0..1_000).for_each(|_| calls());
        }
        // SAFETY: ends the thread, which is the only one, without running anything that belongs to the parent.
        unsafe { libc::syscall(libc::SYS_exit, -refused) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    match (libc::WIFEXITED(status), libc::WEXITSTATUS(status)) {
        (true, 0) => {}
        (true, 1) => println!("skipped: this machine does not allow SECCOMP_MODE_STRICT"),
        _ => panic!("there was a system call, or the calls failed: status {status:#x}"),
    }
}
