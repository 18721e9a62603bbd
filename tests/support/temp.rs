//! Directories for the time of a test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A directory that every user may look into, removed when this is dropped.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// A new one, empty.
    ///
    /// # Panics
    ///
    /// If it cannot be made.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("shm-tests-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        // Left by a killed process that had this id.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("make a temporary directory");
        let this = Self(path);
        fs::set_permissions(&this.0, fs::Permissions::from_mode(0o755)).expect("open it to every user");
        this
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A new file in it, as [`fs::write`] makes it.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("write a temporary file");
        path
    }

    /// A copy in it of a program, for users who may not be able to reach the build's directory. All may run it.
    ///
    /// # Panics
    ///
    /// If it cannot be copied.
    pub fn program(&self, program: impl AsRef<Path>) -> PathBuf {
        let copy = self.0.join("program");
        // Not by this process: a child that another thread starts meanwhile would hold the copy open, and no process
        // can execute a file that is open to be written.
        let mut install = Command::new("install");
        let copied = install.args(["-m", "755"]).args([program.as_ref(), &copy]).status();
        assert!(copied.expect("run install").success(), "copy a program");
        copy
    }
}

impl Default for TempDir {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
