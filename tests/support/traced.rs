//! A process that is stopped at each of its system calls: ptrace(2).

use std::io::Read as _;
use std::mem::{MaybeUninit, size_of};
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdout, Command, Stdio};
use std::ptr::null_mut;

/// A process that stands still. Killed and waited for when this is dropped.
///
/// It obeys the thread that started it only.
#[derive(Debug)]
pub struct Traced {
    /// It is waited for by its id only: once it has ended, the id may be that of another process.
    pid: libc::pid_t,
    stdout: Option<ChildStdout>,
    /// As waitpid(2) said last.
    status: i32,
    ended: bool,
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// About to make this call.
    Entry(u64),
    /// The call has been made, and returned this.
    Exit(i64),
}

impl Stop {
    /// About to make the call of this number, as `libc` has it.
    ///
    /// # Panics
    ///
    /// If it is negative.
    pub fn entry(call: libc::c_long) -> Self {
        Self::Entry(u64::try_from(call).expect("a number of a call"))
    }
}

/// A program that was stopped at one of its system calls.
#[derive(Debug)]
pub struct Stopped {
    /// The program.
    pub traced: Traced,
    /// Whether it had ended before.
    pub ended: bool,
}

impl Stopped {
    /// Starts the program, and stops it at the beginning or the end of a system call: at this one, counted from the first that looks for
    /// a segment. `None` if this process may not trace, or there is no such call.
    ///
    /// # Panics
    ///
    /// As [`Traced::start`] and [`Traced::step`] do.
    pub fn at(point: usize, command: Command) -> Option<Self> {
        let mut traced = Traced::start(command)?;
        while traced.step()? != Stop::entry(libc::SYS_shmget) {}
        let ended = (0..point).any(|_| traced.step().is_none());
        Some(Self { traced, ended })
    }
}

impl Traced {
    /// Starts the program, and stops it at its first instruction. `None` if this process may not trace.
    ///
    /// # Panics
    ///
    /// If it does not stop.
    pub fn start(mut command: Command) -> Option<Self> {
        let trace_me = || {
            // SAFETY: takes numbers only.
            match unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, null_mut::<u8>(), null_mut::<u8>()) } {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        };
        // SAFETY: one system call, which the child may make between fork and exec.
        unsafe { command.pre_exec(trace_me) };
        let mut process = command.stdout(Stdio::piped()).spawn().ok()?;
        let pid = process.id().try_into().expect("a pid");
        let mut traced = Self { pid, stdout: process.stdout.take(), status: 0, ended: false };
        // It stops when it has become the program.
        traced.wait(0);
        assert!(libc::WIFSTOPPED(traced.status), "{:#x}", traced.status);
        let options = libc::PTRACE_O_EXITKILL | libc::PTRACE_O_TRACESYSGOOD;
        traced.ptrace(libc::PTRACE_SETOPTIONS, 0, usize::try_from(options).expect("two flags"));
        Some(traced)
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.pid.unsigned_abs()
    }

    fn ptrace(&self, request: libc::c_uint, address: usize, data: usize) {
        // SAFETY: the requests of this file take numbers, or an address with room for what they write.
        let done = unsafe { libc::ptrace(request, self.pid, address, data) };
        assert_ne!(done, -1, "ptrace {request:#x}: {}", std::io::Error::last_os_error());
    }

    /// Waits for its next stop or its end; with WNOHANG, only if that has been.
    fn wait(&mut self, flags: i32) {
        let mut status = 0;
        // SAFETY: a child that was not waited for to its end, and room for its status.
        if !self.ended && unsafe { libc::waitpid(self.pid, &raw mut status, flags | libc::__WALL) } > 0 {
            self.status = status;
            self.ended = libc::WIFEXITED(status) || libc::WIFSIGNALED(status);
        }
    }

    /// Lets it run to the beginning or the end of its next system call; `None` if it has ended.
    ///
    /// # Panics
    ///
    /// If the kernel says what ptrace(2) does not know of.
    pub fn step(&mut self) -> Option<Stop> {
        while !self.ended {
            self.ptrace(libc::PTRACE_SYSCALL, 0, 0);
            self.wait(0);
            if !self.ended && libc::WSTOPSIG(self.status) == libc::SIGTRAP | 0x80 {
                return Some(self.stop());
            }
        }
        None
    }

    fn stop(&self) -> Stop {
        let mut info = MaybeUninit::<libc::ptrace_syscall_info>::zeroed();
        self.ptrace(
            libc::PTRACE_GET_SYSCALL_INFO,
            size_of::<libc::ptrace_syscall_info>(),
            info.as_mut_ptr().expose_provenance(),
        );
        // SAFETY: integers, which were zero and of which the call has written some.
        let info = unsafe { info.assume_init() };
        match info.op {
            // SAFETY: what the kernel wrote for this kind.
            libc::PTRACE_SYSCALL_INFO_ENTRY => Stop::Entry(unsafe { info.u.entry.nr }),
            // SAFETY: as above.
            libc::PTRACE_SYSCALL_INFO_EXIT => Stop::Exit(unsafe { info.u.exit.sval }),
            other => panic!("a stop of kind {other}"),
        }
    }

    /// Lets it run until it is about to make the call of this number.
    ///
    /// # Panics
    ///
    /// If it ends without that.
    pub fn run_to(&mut self, call: libc::c_long) {
        while self.step().expect("it makes the call") != Stop::entry(call) {}
    }

    /// Lets it run until the call of this number has been made, and returned something but an error.
    ///
    /// # Panics
    ///
    /// If it ends without that.
    pub fn run_to_the_end_of(&mut self, call: libc::c_long) -> i64 {
        loop {
            self.run_to(call);
            if let Some(Stop::Exit(value @ 0..)) = self.step() {
                return value;
            }
        }
    }

    /// Lets it go on, and does not stop it again.
    pub fn go_on(&mut self) {
        self.ptrace(libc::PTRACE_DETACH, 0, 0);
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.wait(libc::WNOHANG);
        self.ended
    }

    /// Waits until it has ended, and returns how, as waitpid(2) says it.
    pub fn ends(&mut self) -> i32 {
        while !self.ended {
            self.wait(0);
        }
        self.status
    }

    /// Lets it go, and returns what it says until it ends.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn finish(mut self) -> String {
        self.go_on();
        let mut said = String::new();
        self.stdout.take().expect("piped").read_to_string(&mut said).expect("text");
        assert_eq!(self.ends(), 0, "how it ended");
        said
    }

    /// Kills it where it stands, and waits until it is gone.
    pub fn kill(&mut self) {
        if !self.ended {
            // SAFETY: takes numbers, the id of a child that was not waited for to its end.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
            self.ends();
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.kill();
    }
}
