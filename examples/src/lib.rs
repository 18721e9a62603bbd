//! What the example programs share: the struct in the segment, and which segment it is.
//!
//! The programs are in `src/bin`, one idea each; `README.md` says which teaches what.

#![forbid(unsafe_code)]

mod c;

use std::str::FromStr;
use std::sync::atomic::AtomicU64;
use std::{env, fmt};

pub use c::CProgram;
use shm_runtime::{Error, Key, Options, Segment, Shareable, SharedSegment};

/// A weather station: what is in the segment, and what `c/station.c` declares as `struct station`.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(name = "org.example.weather", mode = 0o660, size = 80)]
pub struct Station {
    /// How many readings were taken. It counts up after the values below were written.
    pub readings: AtomicU64,
    /// The temperature in degrees Celsius, corrected.
    pub celsius: f64,
    /// The wind.
    pub wind: Wind,
    /// The station's name, NUL-terminated.
    pub name: [u8; 32],
    /// Degrees to add to what the thermometer says: written by `calibrate`, read by `station`.
    pub correction: f64,
    /// What the sky looks like.
    pub sky: Sky,
}

/// The wind: a part of a segment, which derives `Shareable`.
#[derive(Clone, Copy, Debug, Shareable)]
#[repr(C)]
pub struct Wind {
    /// Metres a second.
    pub speed: f64,
    /// Where it comes from: 0 is north, 90 is east.
    pub degrees: u16,
}

/// The sky. Another process may write any byte here, so an enum is read with `try_get`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Shareable)]
#[repr(u8)]
pub enum Sky {
    /// No clouds. The value of a new segment, which is all zeros.
    Clear,
    /// Clouds.
    Cloudy,
    /// Rain.
    Rain,
}

/// The station that the programs work with: `org.example.weather`, or what the environment variable `STATION`
/// names, so that several stations can run beside each other.
pub fn station() -> Options<Station> {
    let mut options = Station::options();
    if let Ok(name) = env::var("STATION") {
        options.key(Key::name(name));
    }
    options
}

/// The number that was given to the program, or `default` where none was.
///
/// # Errors
///
/// If what was given is no such number.
pub fn argument<T: FromStr<Err: fmt::Display>>(default: T) -> Result<T, String> {
    match env::args().nth(1) {
        Some(text) => {
            text.parse().map_err(|error| format!("the argument `{text}` is no number here: {error}"))
        }
        None => Ok(default),
    }
}

/// A segment in words: key, shmid, size, who made it, how many are attached.
///
/// # Errors
///
/// If the segment was removed, or may not be read.
pub fn describe<T: SharedSegment>(segment: &Segment<T>) -> Result<impl fmt::Display, Error> {
    let stat = segment.stat()?;
    Ok(format!(
        "key {:#010x}, shmid {}, {} bytes, mode {:04o}, created by pid {}, {} attached",
        segment.key(),
        segment.id(),
        stat.size,
        stat.permissions.mode,
        stat.creator_pid,
        stat.attached
    ))
}
