//! The same struct in a C program: `c/station.c` opens a segment made here, reads it, and writes to it.
//!
//! ```text
//! cargo run --bin c_peer
//! ```

#![forbid(unsafe_code)]

use std::error::Error;
use std::process;
use std::sync::atomic::Ordering::{Acquire, Release};

use shm_examples::{CProgram, Station, Wind, describe};
use shm_runtime::{Key, SharedSegment};

fn main() -> Result<(), Box<dyn Error>> {
    let Some(program) = CProgram::compile("station")? else {
        return Ok(());
    };
    let key = Key::name(format!("org.example.c-peer.{}", process::id()));
    let segment = Station::options().key(key).create()?.remove_on_drop();
    let station = segment.attach()?;
    station.name.set_str("Zugspitze")?;
    station.celsius.set(21.5);
    station.wind.set(Wind { speed: 3.25, degrees: 270 });
    station.readings.store(1, Release);
    println!("Rust: wrote reading 1: {}", describe(&segment)?);

    // The key is all that the C program needs to be told. For an ftok key, it would call ftok(3) itself.
    let status = program.command().arg(format!("{:#x}", segment.key())).status()?;
    if !status.success() {
        return Err(format!("the C program failed: {status}").into());
    }
    let readings = station.readings.load(Acquire);
    println!("Rust: reading {readings}: {:.1} degrees, {:?}", station.celsius.get(), station.sky.try_get()?);
    Ok(())
}
