//! What the tests of the seal share: raw System V calls, the kernel's own table, and peer processes.

// Each test uses a part of it.
#![allow(dead_code)]

use std::ffi::c_void;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use shm_runtime::Key;

/// Bytes of a seal's footer, and where its fields are in it.
pub(crate) const FOOTER: usize = 72;
pub(crate) const MAGIC: &[u8; 8] = b"SysVseal";
pub(crate) const READY: u32 = 2;

/// A name that no other test, and no other run of this one, uses. All are equally long.
pub(crate) fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let count = COUNT.fetch_add(1, Relaxed);
    format!("org.example.seal.{:07}.{now:020}.{count:04}", std::process::id())
}

/// The key of a name, as a number.
pub(crate) fn key_of(name: &str) -> i32 {
    Key::name(name.to_owned()).value().expect("a name has a key")
}

/// Whether a program is there; says so if it is not, for a test that is skipped.
pub(crate) fn have(program: &str) -> bool {
    let found =
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        println!("skipped: there is no `{program}` here");
    }
    found
}

/// A segment as the kernel's table shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: i32,
    pub(crate) id: i32,
    pub(crate) size: usize,
    pub(crate) attached: u64,
}

/// /proc/sysvipc/shm.
pub(crate) fn table() -> Vec<Row> {
    let table = fs::read_to_string("/proc/sysvipc/shm").expect("the kernel shows its segments");
    let row = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        Some(Row {
            key: columns.first()?.parse().ok()?,
            id: columns.get(1)?.parse().ok()?,
            size: columns.get(3)?.parse().ok()?,
            attached: columns.get(6)?.parse().ok()?,
        })
    };
    table.lines().skip(1).filter_map(row).collect()
}

/// The segments that have a key: one, or none.
pub(crate) fn with_key(key: i32) -> Vec<Row> {
    table().into_iter().filter(|row| row.key == key).collect()
}

pub(crate) fn with_id(id: i32) -> Option<Row> {
    table().into_iter().find(|row| row.id == id)
}

/// shmget(2), as a program makes it that knows nothing of seals.
pub(crate) fn raw_create(key: i32, size: usize) -> i32 {
    // SAFETY: takes numbers only.
    let id = unsafe { libc::shmget(key, size, libc::IPC_CREAT | libc::IPC_EXCL | 0o600) };
    assert!(id >= 0, "shmget: {}", std::io::Error::last_os_error());
    id
}

/// shmctl(2) with IPC_RMID; a segment that is gone is fine.
pub(crate) fn raw_remove(id: i32) {
    // SAFETY: IPC_RMID takes no argument.
    unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) };
}

/// Removes whatever has the key at the end, also of a test that failed.
pub(crate) struct Cleanup(i32);

impl Cleanup {
    pub(crate) fn name(name: &str) -> Self {
        Self(key_of(name))
    }

    pub(crate) fn key(key: i32) -> Self {
        Self(key)
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        for row in with_key(self.0) {
            raw_remove(row.id);
        }
    }
}

/// Removes a segment at the end.
pub(crate) struct CleanupId(pub(crate) i32);

impl Drop for CleanupId {
    fn drop(&mut self) {
        raw_remove(self.0);
    }
}

/// A mapping of all bytes of a segment, that asks nobody whether it may.
pub(crate) struct Raw {
    base: NonNull<AtomicU8>,
    size: usize,
}

impl Raw {
    pub(crate) fn attach(id: i32) -> Self {
        let size = with_id(id).expect("the segment is there").size;
        // SAFETY: without an address, the kernel maps where nothing else is.
        let base = unsafe { libc::shmat(id, std::ptr::null(), 0) };
        assert_ne!(base.addr(), usize::MAX, "{}", std::io::Error::last_os_error());
        let base = NonNull::new(base.cast()).expect("shmat fails with -1");
        Self { base, size }
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn bytes(&self) -> &[AtomicU8] {
        // SAFETY: `size` bytes are mapped until `self` is dropped, and atomics may change at any time.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.size) }
    }

    pub(crate) fn write(&self, at: usize, bytes: &[u8]) {
        for (to, byte) in self.bytes()[at..].iter().zip(bytes) {
            to.store(*byte, Relaxed);
        }
    }

    pub(crate) fn read(&self, at: usize, len: usize) -> Vec<u8> {
        self.bytes()[at..at + len].iter().map(|byte| byte.load(Relaxed)).collect()
    }

    /// The place of the footer.
    pub(crate) fn footer(&self) -> usize {
        self.size - FOOTER
    }

    pub(crate) fn state(&self) -> u32 {
        let bytes = self.read(self.footer(), 4);
        u32::from_le_bytes(bytes.try_into().expect("four bytes"))
    }

    pub(crate) fn set_state(&self, state: u32) {
        self.write(self.footer(), &state.to_le_bytes());
    }

    /// The word that says when the creator started.
    pub(crate) fn set_creator_started(&self, started: u64) {
        self.write(self.footer() + 40, &started.to_le_bytes());
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: it came from shmat, and what was borrowed from `self` is gone.
        unsafe { libc::shmdt(self.base.as_ptr().cast::<c_void>()) };
    }
}

/// The words of a footer, in order, as the format has them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Footer {
    pub(crate) state: u32,
    pub(crate) version: u32,
    pub(crate) fingerprint: u64,
    pub(crate) struct_size: u64,
    pub(crate) schema_len: u32,
    pub(crate) key_len: u32,
    pub(crate) creator_started: u64,
    pub(crate) creator_pid: u32,
}

impl Footer {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [self.state, self.version] {
            bytes.extend(word.to_le_bytes());
        }
        for word in [self.fingerprint, self.struct_size] {
            bytes.extend(word.to_le_bytes());
        }
        for word in [self.schema_len, self.key_len] {
            bytes.extend(word.to_le_bytes());
        }
        for word in [0, self.creator_started] {
            bytes.extend(u64::to_le_bytes(word));
        }
        for word in [self.creator_pid, 0] {
            bytes.extend(u32::to_le_bytes(word));
        }
        bytes.extend(1_700_000_000_000_000_000_u64.to_le_bytes());
        bytes.extend(MAGIC);
        assert_eq!(bytes.len(), FOOTER);
        bytes
    }
}

/// A process of `seal-peer`: takes a command a line, and answers each with a line.
pub(crate) struct Peer {
    child: Child,
    /// Until there are no more commands.
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Peer {
    pub(crate) fn start() -> Self {
        Self::of(&mut Command::new(env!("CARGO_BIN_EXE_seal-peer")))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the peer starts");
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, to, from }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn send(&mut self, command: &str) {
        // A peer that died is noticed when its answer does not come.
        let _ = writeln!(self.to.as_ref().expect("it was not ended"), "{command}");
    }

    /// The answer; `None` if the peer died.
    pub(crate) fn answer(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.from.read_line(&mut line) {
            Ok(1..) if line.ends_with('\n') => Some(line.trim_end().replace("\\n", "\n")),
            _ => None,
        }
    }

    /// The answer to a command that it survives.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.send(command);
        match self.answer() {
            Some(answer) => answer,
            None => panic!("`{command}` killed the peer: {:?}", self.child.wait()),
        }
    }

    /// No more commands: it ends by itself.
    pub(crate) fn end(mut self) {
        self.to = None;
        let _ = self.child.wait();
    }

    /// SIGKILL, and the end of it.
    pub(crate) fn kill(&mut self) {
        self.kill_unreaped();
        self.reap();
    }

    /// SIGKILL, and nobody asks how it ended: a zombie. Returns when it is one.
    pub(crate) fn kill_unreaped(&mut self) {
        let pid = libc::pid_t::try_from(self.pid()).expect("a pid");
        // SAFETY: takes numbers only; the child is ours, and not reaped yet.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        // Its end of the pipe is closed before it is a zombie; the state of all is.
        while self.answer().is_some() {}
        let id = libc::id_t::try_from(pid).expect("a pid");
        // SAFETY: all bytes zero make a `siginfo_t`.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: waits until it has ended, without reaping it, and writes one `siginfo_t`.
        unsafe { libc::waitid(libc::P_PID, id, &raw mut info, libc::WEXITED | libc::WNOWAIT) };
    }

    /// Reaps it, and says which signal ended it.
    pub(crate) fn reap(&mut self) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt as _;
        self.child.wait().expect("it was not reaped before").signal()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
