//! Where the files are that a run makes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;

/// A folder of its own, and names of its own in `/dev/shm`; both go when the run ends, see `supervise`.
pub struct Scratch {
    path: PathBuf,
    run: u32,
}

const MEMORY_FILES: &str = "/dev/shm";

impl Scratch {
    /// That of the run whose supervisor has this pid.
    pub fn of(run: u32) -> Self {
        Self { path: std::env::temp_dir().join(format!("shm-peers.{run}")), run }
    }

    /// That of a new run. Those of runs whose supervisor was killed are removed.
    pub fn create(run: u32) -> Result<Self> {
        for entry in fs::read_dir(std::env::temp_dir())?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let run = name.strip_prefix("shm-peers.").and_then(|run| run.parse::<u32>().ok());
            if let Some(run) = run
                && !Path::new(&format!("/proc/{run}")).exists()
            {
                Self::of(run).clean();
            }
        }
        let scratch = Self::of(run);
        fs::create_dir(&scratch.path)?;
        Ok(scratch)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What all names begin with that are not in the folder.
    pub fn prefix(&self) -> String {
        format!("shm_peers_{}_", self.run)
    }

    /// The path of a file in memory.
    pub fn memory_file(&self, name: &str) -> String {
        format!("{MEMORY_FILES}/{}{name}", self.prefix())
    }

    /// Removes all of it.
    pub fn clean(&self) {
        // All of this may be gone already, and there is nobody to tell.
        let _ = fs::remove_dir_all(&self.path);
        for entry in fs::read_dir(MEMORY_FILES).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&self.prefix()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}
