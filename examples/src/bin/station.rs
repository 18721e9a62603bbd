//! The weather station: creates the segment, or continues with the one that is there, and writes live values.
//!
//! ```text
//! cargo run --bin station [READINGS]
//! ```
//!
//! It runs until the segment is removed, or Ctrl-C, or that many readings. The segment outlives it: the last values
//! stay, `display` shows them, and a station that is started again counts on.

#![forbid(unsafe_code)]

use std::error::Error;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::thread;
use std::time::Duration;

use shm_examples::{Sky, Wind, argument, describe};

fn main() -> Result<(), Box<dyn Error>> {
    let readings = argument(u64::MAX)?;

    // The closure runs for a new segment only; what it leaves out is zero. A second station beside this one would open
    // the segment too, and both would write.
    let segment = shm_examples::station().open_or_create_with(|new| {
        new.name.set_str("Zugspitze").expect("the name fits into the array");
    })?;
    let station = segment.attach()?;
    println!("station: {} {}", station.name.to_string_lossy(), describe(&segment)?);
    println!("station: continues after {} readings", station.readings.load(Relaxed));

    for _ in 0..readings {
        if segment.stat()?.removed {
            println!("station: the segment was removed, so this is the end");
            return Ok(());
        }
        let n = station.readings.load(Relaxed).wrapping_add(1);
        let (celsius, wind, sky) = measure(n);
        station.celsius.set(celsius + station.correction.get());
        station.wind.set(wind);
        station.sky.set(sky);
        // Last, and with Release: who loads this count with Acquire sees the values written before it.
        station.readings.store(n, Release);
        println!("station: wrote reading {n}");
        thread::sleep(Duration::from_millis(250));
    }
    println!("station: stops; the segment stays until `cargo run --bin remove`");
    Ok(())
}

/// The sensors, made up.
fn measure(n: u64) -> (f64, Wind, Sky) {
    let step = u16::try_from(n % 40).unwrap_or(0);
    let wave = (f64::from(step) / 40.0 * std::f64::consts::TAU).sin();
    let wind = Wind { speed: 4.0 - 2.0 * wave, degrees: 9 * step };
    let sky = match step {
        0..20 => Sky::Clear,
        20..30 => Sky::Cloudy,
        _ => Sky::Rain,
    };
    (20.0 + 3.0 * wave, wind, sky)
}
