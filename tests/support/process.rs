//! What a process or a thread of it does at the moment.

use crate::{emulated, eventually, skip};

/// Waits until this thread sleeps in futex(2).
///
/// # Panics
///
/// If it does not.
#[track_caller]
pub fn asleep(tid: u32) {
    eventually(|| is_asleep(tid));
}

/// Whether this thread sleeps in futex(2), by /proc; where that does not tell the system call, whether it sleeps.
pub fn is_asleep(tid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{tid}/stat")).unwrap_or_default();
    let sleeps = stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" S"));
    let call = std::fs::read_to_string(format!("/proc/{tid}/syscall"));
    // Under an emulator the kernel sees the calls of its own processor, x86-64.
    let number = if emulated() { 202 } else { libc::SYS_futex }.to_string();
    sleeps && call.map_or(true, |call| call.split(' ').next() == Some(&number))
}

/// Runs `calls` in a child that is killed if they make a system call. The calls are made once before, for what is
/// asked of the kernel only once.
///
/// # Panics
///
/// If there was a system call.
pub fn without_system_calls(mut calls: impl FnMut()) {
    if emulated() {
        return skip("the emulator makes system calls of its own");
    }
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
        (true, 1) => skip("this machine does not allow SECCOMP_MODE_STRICT"),
        _ => panic!("there was a system call, or the calls failed: status {status:#x}"),
    }
}
