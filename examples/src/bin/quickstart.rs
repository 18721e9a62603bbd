//! The whole of it: one process creates a segment and writes live values, a second one shows them as they change,
//! and both count in one atomic.
//!
//! ```text
//! cargo run --bin quickstart
//! ```

#![forbid(unsafe_code)]

use std::error::Error;
use std::process::{self, Command};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;
use std::{env, thread};

use shm_examples::{Wind, describe};
use shm_runtime::{ErrorKind, Key, SharedSegment};

/// What the two processes share.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(name = "org.example.quickstart")]
struct Station {
    celsius: f64,
    wind: Wind,
    /// How many readings were written: it counts up last, so it says that the values are there.
    readings: AtomicU64,
    /// Both processes count here.
    counter: AtomicU64,
    /// The second process is attached.
    joined: AtomicBool,
}

const READINGS: u64 = 10;
/// How far each process counts at each reading.
const COUNTS: u64 = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        None => write(),
        Some(name) => show(name),
    }
}

/// Prints a line with this process's id before it.
macro_rules! say {
    ($($arg:tt)*) => { println!("[{}] {}", process::id(), format_args!($($arg)*)) };
}

/// The first process.
fn write() -> Result<(), Box<dyn Error>> {
    // A name for this run alone, so that two can run side by side.
    let name = format!("org.example.quickstart.{}", process::id());
    say!("creates a segment for a struct of {} bytes, by the name {name}", size_of::<Station>());
    let key = Key::name(name.clone());
    // The guard removes the segment, however this function ends.
    let segment = Station::options().key(key).create()?.remove_on_drop();
    let station = segment.attach()?;
    say!("has it attached: {}", describe(&segment)?);

    say!("starts a second process, which knows the name and the struct");
    let mut second = Command::new(env::current_exe()?).arg(&name).spawn()?;
    while !station.joined.load(Acquire) {
        if let Some(status) = second.try_wait()? {
            return Err(format!("the second process ended before it joined: {status}").into());
        }
        thread::sleep(Duration::from_millis(1));
    }

    // What is removed stays for those who are attached, and goes with the last of them. Two processes that have
    // found each other can remove it right away: then nothing is left even if both are killed.
    segment.remove()?;
    say!("removes the segment: no third process finds it, and it goes when these two are done");

    for (n, tenths) in (1..=READINGS).zip(215_u16..) {
        station.celsius.set(f64::from(tenths) / 10.0);
        station.wind.set(Wind { speed: 3.25, degrees: tenths });
        // Release, and Acquire on the other side: who sees this count sees the values written before it.
        station.readings.store(n, Release);
        say!("wrote reading {n} of {READINGS}");
        for _ in 0..COUNTS {
            station.counter.fetch_add(1, Relaxed);
        }
        thread::sleep(Duration::from_millis(200));
    }

    let status = second.wait()?;
    if !status.success() {
        return Err(format!("the second process failed: {status}").into());
    }
    let (counted, expected) = (station.counter.load(Relaxed), 2 * READINGS * COUNTS);
    say!("counter: {counted}, by two processes that counted {} each", READINGS * COUNTS);
    if counted != expected {
        return Err(format!("{expected} were expected").into());
    }
    station.detach()?;
    match segment.stat() {
        Err(error) if matches!(error.kind(), ErrorKind::Removed) => {
            say!("detached, as the last one: the segment is gone");
            Ok(())
        }
        stat => Err(format!("the segment should be gone: {stat:?}").into()),
    }
}

/// The second process.
fn show(name: String) -> Result<(), Box<dyn Error>> {
    let segment = Station::options().key(Key::name(name)).open()?;
    let station = segment.attach()?;
    say!("    opened it too: {}", describe(&segment)?);
    station.joined.store(true, Release);

    let mut seen = 0;
    while seen < READINGS {
        let readings = station.readings.load(Acquire);
        if readings == seen {
            // The first process stays attached until this one has ended, unless it failed.
            if segment.stat()?.attached < 2 {
                return Err("the first process is gone".into());
            }
            thread::sleep(Duration::from_millis(5));
            continue;
        }
        let (celsius, wind) = (station.celsius.get(), station.wind.get());
        say!("    sees reading {readings}: {celsius:.1} °C, wind {} m/s from {}°", wind.speed, wind.degrees);
        // Once for each reading, also for those that it was too slow to show.
        for _ in seen..readings {
            for _ in 0..COUNTS {
                station.counter.fetch_add(1, Relaxed);
            }
        }
        seen = readings;
    }
    Ok(())
}
