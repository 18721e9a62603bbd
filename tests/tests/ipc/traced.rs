//! A process that is stopped at each of its system calls: ptrace(2).

use std::fmt::Display;
use std::io::Read as _;
use std::mem::{MaybeUninit, size_of};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::ptr::null_mut;

/// A process that stands still. Killed when this is dropped.
///
/// It obeys the thread that started it only.
pub(crate) struct Traced {
    process: Child,
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// About to make this call.
    Entry(u64),
    /// The call has been made, and returned this.
    Exit(i64),
}

impl Traced {
    /// Starts the program, and stops it at its first instruction. `None` if this process may not trace.
    pub(crate) fn start(program: &str, arguments: &[&dyn Display]) -> Option<Self> {
        let mut command = Command::new(program);
        command.args(arguments.iter().map(ToString::to_string)).stdout(Stdio::piped());
        // SAFETY: one system call, which the child may make between fork and exec.
        unsafe {
            command.pre_exec(|| {
                match libc::ptrace(libc::PTRACE_TRACEME, 0, null_mut::<u8>(), null_mut::<u8>()) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
        let mut traced = Self { process: command.spawn().ok()? };
        traced.wait()?;
        let options = libc::PTRACE_O_EXITKILL | libc::PTRACE_O_TRACESYSGOOD;
        traced.ptrace(libc::PTRACE_SETOPTIONS, 0, usize::try_from(options).expect("two flags"));
        Some(traced)
    }

    fn pid(&self) -> i32 {
        self.process.id().try_into().expect("a pid")
    }

    fn ptrace(&self, request: libc::c_uint, address: usize, data: usize) -> i64 {
        // SAFETY: the requests of this file take numbers, or an address with room for what they write.
        let done = unsafe { libc::ptrace(request, self.pid(), address, data) };
        assert_ne!(done, -1, "ptrace {request:#x}: {}", std::io::Error::last_os_error());
        done
    }

    /// Waits until it stops; `None` if it has ended.
    fn wait(&mut self) -> Option<i32> {
        let mut status = 0;
        // SAFETY: a child of this process, and room for its status.
        let waited = unsafe { libc::waitpid(self.pid(), &raw mut status, libc::__WALL) };
        assert_eq!(waited, self.pid());
        libc::WIFSTOPPED(status).then(|| libc::WSTOPSIG(status))
    }

    /// Lets it run to the beginning or the end of its next system call; `None` if it has ended.
    pub(crate) fn step(&mut self) -> Option<Stop> {
        self.ptrace(libc::PTRACE_SYSCALL, 0, 0);
        while self.wait()? != libc::SIGTRAP | 0x80 {
            self.ptrace(libc::PTRACE_SYSCALL, 0, 0);
        }
        let mut info = MaybeUninit::<libc::ptrace_syscall_info>::zeroed();
        self.ptrace(
            libc::PTRACE_GET_SYSCALL_INFO,
            size_of::<libc::ptrace_syscall_info>(),
            info.as_mut_ptr().expose_provenance(),
        );
        // SAFETY: integers, which were zero and of which the call has written some.
        let info = unsafe { info.assume_init() };
        Some(match info.op {
            // SAFETY: what the kernel wrote for this kind.
            libc::PTRACE_SYSCALL_INFO_ENTRY => Stop::Entry(unsafe { info.u.entry.nr }),
            // SAFETY: as above.
            libc::PTRACE_SYSCALL_INFO_EXIT => Stop::Exit(unsafe { info.u.exit.sval }),
            other => panic!("a stop of kind {other}"),
        })
    }

    /// Lets it run until the call of this number has been made, and returned something but an error.
    pub(crate) fn run_to_the_end_of(&mut self, call: libc::c_long) -> i64 {
        let call = u64::try_from(call).expect("a number of a call");
        loop {
            let entered = self.step().expect("it makes the call") == Stop::Entry(call);
            if let (true, Some(Stop::Exit(value @ 0..))) = (entered, self.step()) {
                return value;
            }
        }
    }

    /// Lets it go, and returns what it says until it ends.
    pub(crate) fn finish(mut self) -> String {
        self.ptrace(libc::PTRACE_DETACH, 0, 0);
        let mut said = String::new();
        self.process.stdout.take().expect("piped").read_to_string(&mut said).expect("text");
        assert!(self.process.wait().expect("a child").success());
        said
    }

    /// Kills it where it stands, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("a child");
        self.process.wait().expect("a child");
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
