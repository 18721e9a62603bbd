//! The same struct in a C program: compiles `c/station.c`, and lets it read and write a segment made here.
//!
//! ```text
//! cargo run --bin c_peer
//! ```

#![forbid(unsafe_code)]

use std::error::Error;
use std::path::PathBuf;
use std::process::{self, Command};
use std::sync::atomic::Ordering::{Acquire, Release};
use std::{env, fs, io};

use shm_examples::{Station, Wind, describe};
use shm_runtime::{Key, SharedSegment};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/c/station.c");

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Folder::create()?;
    let program = folder.0.join("station");
    println!("Rust: compiles {SOURCE}");
    match Command::new("cc")
        .args(["-std=c11", "-Wall", "-o"])
        .arg(&program)
        .arg(SOURCE)
        .status()
    {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("the C compiler failed: {status}").into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            println!("Rust: there is no C compiler here (`cc`), so there is no C program to work with");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    }

    let key = Key::name(format!("org.example.c-peer.{}", process::id()));
    let segment = Station::options().key(key).create()?.remove_on_drop();
    let station = segment.attach()?;
    station.name.set_str("Zugspitze")?;
    station.celsius.set(21.5);
    station.wind.set(Wind {
        speed: 3.25,
        degrees: 270,
    });
    station.readings.store(1, Release);
    println!("Rust: wrote reading 1: {}", describe(&segment)?);

    let status = Command::new(&program)
        .arg(format!("{:#x}", segment.key()))
        .status()?;
    if !status.success() {
        return Err(format!("the C program failed: {status}").into());
    }
    let readings = station.readings.load(Acquire);
    println!(
        "Rust: reading {readings}: {:.1} degrees, {:?}",
        station.celsius.get(),
        station.sky.try_get()?
    );
    Ok(())
}

/// A folder for the compiled program, deleted when dropped.
struct Folder(PathBuf);

impl Folder {
    fn create() -> io::Result<Self> {
        let path = env::temp_dir().join(format!("shm-example-{}", process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
