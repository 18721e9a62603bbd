//! A flight recorder: a program writes what it does to a ring in a segment, and crashes. The segment outlives it, and with it
//! the last things it did.
//!
//! ```text
//! cargo run --bin flight_recorder
//! ```

#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::process::{self, Command};

use shm_runtime::{Attached, Segment, Shareable, SharedSegment, sync};

/// What happened in one step of the flight.
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Entry {
    step: u32,
    event: Event,
    /// Metres.
    altitude: f32,
}

#[derive(Clone, Copy, Debug, Shareable)]
#[repr(u8)]
enum Event {
    Climb = 0,
    Level = 1,
    Descend = 2,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Recorder {
    /// The last 15 entries can be read: one place is for the entry that is being written.
    entries: sync::Ring<Entry, 16>,
}

/// The step in which the program crashes.
const CRASH: u32 = 100_000;

fn main() -> Result<(), Box<dyn Error>> {
    let ids: Vec<String> = env::args().skip(1).collect();
    match &ids[..] {
        [] => investigate(),
        [id] => fly(&Segment::<Recorder>::from_id(id.parse()?)?.attach()?),
        _ => Err("usage: flight_recorder".into()),
    }
}

/// The first process: starts the other one, waits for its end, and reads the recorder.
fn investigate() -> Result<(), Box<dyn Error>> {
    // The guard removes the segment, however this function ends.
    let segment = Recorder::create()?.remove_on_drop();
    let recorder = segment.attach_read_only()?;
    let status = Command::new(env::current_exe()?).arg(segment.id().to_string()).status()?;
    println!("the program has ended: {status}");

    let written = recorder.entries.written();
    let mut reader = recorder.entries.reader();
    reader.rewind();
    let mut entries = Vec::new();
    // Nothing is overwritten any more, so one call reads all that is there.
    reader.read_into(&mut entries, usize::MAX)?;
    println!("it has recorded {written} entries; the last {} are:", entries.len());
    for Entry { step, event, altitude } in entries {
        println!("step {step}: {event:?}, {altitude:.1} m");
    }
    Ok(())
}

/// The other process. To record an entry takes nanoseconds, so it can do so all the time.
fn fly(recorder: &Attached<Recorder>) -> Result<(), Box<dyn Error>> {
    let mut entries = recorder.entries.writer()?;
    let mut altitude = 0.0_f32;
    for step in 0.. {
        let event = match step {
            0..1_000 => Event::Climb,
            // Its mistake.
            _ if step >= CRASH - 5 => Event::Descend,
            _ => Event::Level,
        };
        altitude += match event {
            Event::Climb => 10.0,
            Event::Level => 0.0,
            Event::Descend => -2_500.0,
        };
        entries.write(&Entry { step, event, altitude })?;
        if altitude < 0.0 {
            process::abort();
        }
    }
    Ok(())
}
