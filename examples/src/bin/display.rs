//! Shows the station's values as they change. It attaches read-only: it could not write if it wanted to.
//!
//! ```text
//! cargo run --bin display [READINGS]
//! ```
//!
//! It runs until the segment is removed, or Ctrl-C, or that many readings.

#![forbid(unsafe_code)]

use std::error::Error;
use std::sync::atomic::Ordering::Acquire;
use std::thread;
use std::time::Duration;

use shm_examples::{argument, describe};

fn main() -> Result<(), Box<dyn Error>> {
    let mut to_show = argument(u64::MAX)?;
    // Without a station this ends here, and the error says what is missing.
    let segment = shm_examples::station().open()?;
    let station = segment.attach_read_only()?;
    println!("display: {} {}", station.name.to_string_lossy(), describe(&segment)?);

    // What does not compile: `station.celsius.set(0.0)`. "this attachment is read-only".
    let mut shown = None;
    while to_show > 0 {
        let readings = station.readings.load(Acquire);
        if shown == Some(readings) {
            if segment.stat()?.removed {
                println!("display: the segment was removed, so this is the end");
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
            continue;
        }
        // The station may write the next reading meanwhile: each value is whole, but they may be of two readings.
        let (celsius, wind) = (station.celsius.get(), station.wind.get());
        // A byte that is none of the enum's values is an error that says so, and nothing worse.
        let sky = match station.sky.try_get() {
            Ok(sky) => format!("{sky:?}"),
            Err(invalid) => invalid.to_string(),
        };
        println!(
            "display: reading {readings}: {celsius:.1} °C (corrected by {:+.1}), wind {:.1} m/s from {}°, {sky}",
            station.correction.get(),
            wind.speed,
            wind.degrees,
        );
        shown = Some(readings);
        to_show -= 1;
    }
    Ok(())
}
