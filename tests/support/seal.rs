//! A seal as its format says it is, and segments as programs without this library make them: by raw System V calls.

#![allow(missing_docs, clippy::missing_panics_doc, reason = "the names say it, and a test fails by a panic")]

use std::ffi::c_void;
use std::fs;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use shm_runtime::Key;

use crate::oracle;

/// Bytes of a seal's footer, and where its fields are in it.
pub const FOOTER: usize = 112;
/// When the segment was sealed.
pub const SEALED_AT: usize = 88;
/// The version of that format.
pub const VERSION: u32 = 3;
pub const MAGIC: &[u8; 8] = b"SysVseal";
pub const READY: u32 = 2;

/// A name that no other test, and no other run of this one, uses. All are equally long.
pub fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let count = COUNT.fetch_add(1, Relaxed);
    format!("org.example.seal.{:07}.{now:020}.{count:04}", std::process::id())
}

/// The key of a name, as a number.
pub fn key_of(name: &str) -> i32 {
    Key::name(name.to_owned()).value().expect("a name has a key")
}

/// shmget(2), as a program makes it that knows nothing of seals.
pub fn raw_create(key: i32, size: usize) -> i32 {
    // SAFETY: takes numbers only.
    let id = unsafe { libc::shmget(key, size, libc::IPC_CREAT | libc::IPC_EXCL | 0o600) };
    assert!(id >= 0, "shmget: {}", std::io::Error::last_os_error());
    id
}

/// A mapping of all bytes of a segment, which asks no one whether it may.
pub struct Raw {
    base: NonNull<AtomicU8>,
    size: usize,
}

impl Raw {
    pub fn attach(id: i32) -> Self {
        let size = oracle::by_id(id).expect("the segment is there").size;
        // SAFETY: without an address, the kernel maps where nothing else is.
        let base = unsafe { libc::shmat(id, std::ptr::null(), 0) };
        assert_ne!(base.addr(), usize::MAX, "{}", std::io::Error::last_os_error());
        let base = NonNull::new(base.cast()).expect("shmat fails with -1");
        Self { base, size }
    }

    pub fn size(&self) -> usize {
        self.size
    }

    pub fn bytes(&self) -> &[AtomicU8] {
        // SAFETY: `size` bytes are mapped until `self` is dropped, and atomics may change at any time.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.size) }
    }

    pub fn write(&self, at: usize, bytes: &[u8]) {
        for (to, byte) in self.bytes()[at..].iter().zip(bytes) {
            to.store(*byte, Relaxed);
        }
    }

    pub fn read(&self, at: usize, len: usize) -> Vec<u8> {
        self.bytes()[at..at + len].iter().map(|byte| byte.load(Relaxed)).collect()
    }

    /// The place of the footer.
    pub fn footer(&self) -> usize {
        self.size - FOOTER
    }

    pub fn state(&self) -> u32 {
        let bytes = self.read(self.footer(), 4);
        u32::from_le_bytes(bytes.try_into().expect("four bytes"))
    }

    pub fn set_state(&self, state: u32) {
        self.write(self.footer(), &state.to_le_bytes());
    }

    /// The words that tell the creator from other processes with its pid: when it started, and its inode on pidfs.
    pub fn set_creator(&self, started: u64, inode: u64) {
        self.write(self.footer() + 40, &started.to_le_bytes());
        self.write(self.footer() + 56, &inode.to_le_bytes());
    }

    /// The state of a claim to reclaim the segment, and the words that say which process makes it.
    pub fn set_claim(&self, claimant: Claimant, was_ready: bool) {
        let number = 7;
        let words = [claimant.mark, claimant.place, claimant.pid.into()];
        for (i, word) in words.into_iter().enumerate() {
            self.write(self.footer() + 64 + 8 * i, &(word << 22 | number).to_le_bytes());
        }
        self.set_state(7 << 4 | if was_ready { 5 } else { 4 });
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: it came from shmat, and what was borrowed from `self` is gone.
        unsafe { libc::shmdt(self.base.as_ptr().cast::<c_void>()) };
    }
}

/// What a claim says of its process.
#[derive(Clone, Copy, Debug)]
pub struct Claimant {
    pub pid: u32,
    /// Its start, in ticks since boot, or its inode on pidfs.
    pub mark: u64,
    /// Its pid namespace, and above it whether the mark is an inode.
    pub place: u64,
}

impl Claimant {
    /// A process of this test's pid namespace, by when it started.
    pub fn of(pid: u32) -> Self {
        // Of its first thread, which started with it: what is said of the process itself is made up by qemu-user.
        let stat = fs::read_to_string(format!("/proc/{pid}/task/{pid}/stat")).expect("it lives");
        let started = stat[stat.rfind(')').expect("a name")..].split_whitespace().nth(20).expect("a start");
        Self { pid, mark: started.parse().expect("a number"), place: pid_namespace().into() }
    }
}

/// The inode of this process's pid namespace.
pub fn pid_namespace() -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    let inode = fs::metadata("/proc/self/ns/pid").expect("there is /proc").ino();
    u32::try_from(inode).expect("32 bits")
}

/// The words of a footer, in order, as the format has them.
#[derive(Clone, Copy, Debug)]
pub struct Footer {
    pub state: u32,
    pub version: u32,
    pub fingerprint: u64,
    pub struct_size: u64,
    pub schema_len: u32,
    pub key_len: u32,
    pub creator_started: u64,
    pub creator_pid: u32,
    /// Elements of the slice at the end.
    pub tail_len: u64,
}

impl Footer {
    pub fn bytes(&self) -> Vec<u8> {
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
        bytes.extend([0; 4 * 8]);
        bytes.extend(1_700_000_000_000_000_000_u64.to_le_bytes());
        bytes.extend(self.tail_len.to_le_bytes());
        bytes.extend(MAGIC);
        assert_eq!(bytes.len(), FOOTER);
        bytes
    }
}
