//! Writes back to the station: corrects its thermometer by some degrees.
//!
//! ```text
//! cargo run --bin calibrate [DEGREES]
//! ```

#![forbid(unsafe_code)]

use std::error::Error;

use shm_examples::argument;

fn main() -> Result<(), Box<dyn Error>> {
    let degrees = argument(0.5)?;
    let station = shm_examples::station().open()?.attach()?;
    // Two steps, a read and a write: of two who calibrate at once, one may go unheard. An integer would have
    // `atomic().fetch_add` for this.
    station.correction.update(|before| before + degrees);
    println!(
        "calibrate: {} is now corrected by {:+.1} °C, from its next reading on",
        station.name.to_string_lossy(),
        station.correction.get()
    );
    Ok(())
}
