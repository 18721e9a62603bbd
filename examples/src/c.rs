//! Compiles the C programs.

use std::error::Error;
use std::path::PathBuf;
use std::process::{self, Command};
use std::{env, fs, io};

/// A compiled program of the folder `c`, deleted when dropped.
pub struct CProgram {
    folder: PathBuf,
}

impl CProgram {
    /// Compiles `c/{name}.c`. Where there is no C compiler, prints so, and gives `None`.
    ///
    /// # Errors
    ///
    /// If it does not compile.
    pub fn compile(name: &str) -> Result<Option<Self>, Box<dyn Error>> {
        let source = format!("{}/c/{name}.c", env!("CARGO_MANIFEST_DIR"));
        let folder = env::temp_dir().join(format!("shm-example-{name}-{}", process::id()));
        fs::create_dir(&folder)?;
        let program = Self { folder };
        println!("Rust: compiles {source}");
        let status = Command::new("cc")
            .args(["-std=c11", "-Wall", "-o"])
            .args([program.path(), source.into()])
            .status();
        match status {
            Ok(status) if status.success() => Ok(Some(program)),
            Ok(status) => Err(format!("the C compiler failed: {status}").into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                println!("Rust: there is no C compiler here (`cc`), so there is no C program to work with");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The program, to be started.
    pub fn command(&self) -> Command {
        Command::new(self.path())
    }

    fn path(&self) -> PathBuf {
        self.folder.join("program")
    }
}

impl Drop for CProgram {
    fn drop(&mut self) {
        // A drop has nobody to tell; what stays is in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
