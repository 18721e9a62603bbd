//! Every call into libc, but for the peers that are calls into libc themselves.

use std::fs;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// What a call that returns -1 on failure returned.
pub fn checked(returned: libc::c_int) -> io::Result<libc::c_int> {
    if returned == -1 { Err(io::Error::last_os_error()) } else { Ok(returned) }
}

/// The processors that this process may run on.
pub fn processors() -> Vec<usize> {
    // SAFETY: a set of bits, for all of which zero is a value.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the set has the size that is given with it.
    let got = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    let is_in = |cpu: &usize| {
        // SAFETY: only looks into the set, at an index below its size.
        unsafe { libc::CPU_ISSET(*cpu, &set) }
    };
    (0..usize::try_from(libc::CPU_SETSIZE).unwrap_or(0)).filter(|cpu| got == 0 && is_in(cpu)).collect()
}

/// Keeps this thread on one processor: sched_setaffinity(2).
pub fn pin(cpu: usize) -> io::Result<()> {
    // SAFETY: a set of bits, for all of which zero is a value.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the index came out of a set of this size.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: the set has the size that is given with it.
    checked(unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) }).map(drop)
}

/// Undoes `pin`, for children that compile.
pub fn unpin(cpus: &[usize]) -> io::Result<()> {
    // SAFETY: a set of bits, for all of which zero is a value.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    for &cpu in cpus {
        // SAFETY: the index came out of a set of this size.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: the set has the size that is given with it.
    checked(unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) }).map(drop)
}

/// Has the kernel kill this process when its parent dies, whatever the parent dies of.
pub fn die_with_parent() -> io::Result<()> {
    // SAFETY: takes numbers only.
    checked(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
    Ok(())
}

/// Makes this process the leader of a new session and process group: setsid(2).
pub fn own_session() -> io::Result<()> {
    // SAFETY: takes nothing.
    checked(unsafe { libc::setsid() }).map(drop)
}

/// Goes before what else the machine does, as far as that is allowed: for this process and its children.
pub fn hurry() {
    const NICE: libc::c_int = -19;
    // SAFETY: takes numbers only.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
    // Where the kernel shares out between sessions first, this is what counts. It may have no such file.
    let _ = fs::write("/proc/self/autogroup", NICE.to_string());
}

/// Gives this process System V objects and message queues of its own, which go when it and its children end.
pub fn own_ipc_namespace() -> io::Result<()> {
    // SAFETY: takes numbers only.
    checked(unsafe { libc::unshare(libc::CLONE_NEWIPC) }).map(drop)
}

/// Leaves the file open across exec(3).
pub fn inherit(fd: &impl AsFd) -> io::Result<i32> {
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: takes numbers only.
    checked(unsafe { libc::fcntl(fd, libc::F_SETFD, 0) })?;
    Ok(fd)
}

/// futex(2) with FUTEX_WAIT, between processes: sleeps while the word is `value`.
pub fn futex_wait(word: &AtomicU32, value: u32) {
    // SAFETY: the word outlives the call, which only compares it; no time-out is given.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            value,
            std::ptr::null::<libc::timespec>(),
        )
    };
}

/// futex(2) with FUTEX_WAKE, between processes.
pub fn futex_wake_one(word: &AtomicU32) {
    // SAFETY: the kernel takes the address as the futex's name, and does not access the word.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1) };
}

/// futex(2) with FUTEX_WAKE_OP, between processes: adds one, and wakes one.
pub fn futex_add_one_and_wake_one(word: &AtomicU32) {
    // One more is woken if the word was u32::MAX.
    let add_one = libc::FUTEX_OP(libc::FUTEX_OP_ADD, 1, libc::FUTEX_OP_CMP_EQ, -1);
    let (word, op) = (word.as_ptr(), libc::FUTEX_WAKE_OP);
    // SAFETY: the word outlives the call, which adds to it as an atomic does.
    unsafe { libc::syscall(libc::SYS_futex, word, op, 1, 0_usize, word, add_one) };
}

/// The signals that the supervisor waits for, no longer delivered otherwise.
pub struct Signals(libc::sigset_t);

impl Signals {
    /// Blocks SIGCHLD, SIGINT and SIGTERM.
    pub fn block() -> Self {
        // SAFETY: a set of bits, for all of which zero is a value.
        let mut set: libc::sigset_t = unsafe { mem::zeroed() };
        for signal in [libc::SIGCHLD, libc::SIGINT, libc::SIGTERM] {
            // SAFETY: an initialised set, and a signal's number.
            unsafe { libc::sigaddset(&raw mut set, signal) };
        }
        // SAFETY: blocks signals in this, the only thread.
        unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        Self(set)
    }

    /// The next of them; `None` if none came in time.
    pub fn wait(&self, timeout: Duration) -> Option<i32> {
        let timeout = libc::timespec {
            tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // SAFETY: both are read during the call; nothing is returned but the signal's number.
        let signal =
            unsafe { libc::sigtimedwait(&raw const self.0, std::ptr::null_mut(), &raw const timeout) };
        checked(signal).ok()
    }

    /// Delivers them again: a blocked signal stays blocked across exec(3).
    pub fn unblock(&self) -> io::Result<()> {
        // SAFETY: as in `block`.
        checked(unsafe { libc::sigprocmask(libc::SIG_UNBLOCK, &raw const self.0, std::ptr::null_mut()) })
            .map(drop)
    }
}

/// Stops a child of this process, and waits until it has stopped.
pub fn stop(child: u32) -> io::Result<()> {
    let pid = i32::try_from(child).map_err(io::Error::other)?;
    // SAFETY: takes numbers only.
    checked(unsafe { libc::kill(pid, libc::SIGSTOP) })?;
    // SAFETY: no status is written.
    checked(unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::WUNTRACED) }).map(drop)
}

/// Lets a child go on that was stopped.
pub fn go_on(child: u32) -> io::Result<()> {
    let pid = i32::try_from(child).map_err(io::Error::other)?;
    // SAFETY: takes numbers only.
    checked(unsafe { libc::kill(pid, libc::SIGCONT) }).map(drop)
}

/// Kills a process group that this process made.
pub fn kill_group(leader: u32) {
    if let Ok(group @ 2..) = i32::try_from(leader) {
        // SAFETY: takes numbers only.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
}

/// The kernel's figure in `/proc/sys`, or another file that holds one number.
pub fn number_in(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// clock_gettime(2) with CLOCK_MONOTONIC.
pub fn monotonic() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the time there.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}
