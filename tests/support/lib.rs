//! What the tests share: keys of their own, guards, oracles, other processes, and the structs they share with those.

pub mod c;
pub mod child;
pub mod hygiene;
pub mod key;
pub mod killed;
pub mod oracle;
pub mod process;
pub mod seal;
pub mod seccomp;
pub mod structs;
pub mod temp;
// The libc crate has no PTRACE_GET_SYSCALL_INFO for musl.
#[cfg(target_env = "gnu")]
pub mod traced;
pub mod upgrade;

use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Longer than any machine takes for what a test waits for: what takes longer hangs.
pub const HANGS: Duration = Duration::from_secs(60);

/// The program of the other process, to be run as it is or changed first: a [`child::Peer`].
#[macro_export]
macro_rules! peer {
    () => {
        $crate::child::Peer::new(env!("CARGO_BIN_EXE_peer"))
    };
}

/// Says, past the capture of the test harness, that a test is skipped because the machine lacks something.
pub fn skip(why: &str) {
    use std::io::Write;
    let thread = std::thread::current();
    // Not `eprintln!`, which the harness shows for failed tests only.
    let _ = writeln!(std::io::stderr(), "skipped {}: {why}", thread.name().unwrap_or("a test"));
}

/// Whether a program is there; says so if it is not, for a test that is skipped.
pub fn have(program: &str) -> bool {
    let mut command = Command::new(program);
    let quiet = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    let found = quiet.status().is_ok();
    if !found {
        skip(&format!("there is no `{program}` here"));
    }
    found
}

/// Whether this process is run by an emulator of another processor, qemu-user: the kernel's own processor, which it shows
/// in /proc, is then not the one that the program is for.
pub fn emulated() -> bool {
    static EMULATED: LazyLock<bool> = LazyLock::new(|| {
        // Since Linux 6.1, older than which no emulator is here: it takes Linux 6.7, see `.ci/aarch64`.
        let machine = std::fs::read_to_string("/proc/sys/kernel/arch").unwrap_or_default();
        !machine.is_empty() && machine.trim() != std::env::consts::ARCH
    });
    *EMULATED
}

/// Waits until this is so.
///
/// # Panics
///
/// If it never is.
#[track_caller]
pub fn eventually(mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < HANGS, "this takes too long");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// The name of the error's kind, without what it holds; `none` if there is no error.
pub fn kind<R>(result: Result<R, shm_runtime::Error>) -> String {
    match result {
        Ok(_) => "none".to_owned(),
        Err(error) => format!("{:?}", error.kind()).split([' ', '{']).next().unwrap_or_default().to_owned(),
    }
}

/// A range of addresses that nothing else gets: attaching to it replaces as much of it as the segment has.
///
/// # Panics
///
/// If there is no room for it.
pub fn reserve(size: usize) -> usize {
    let (prot, flags) = (libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping where the kernel has room for one.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), size, prot, flags, -1, 0) };
    assert_ne!(address, libc::MAP_FAILED);
    address.expose_provenance()
}
