//! Requests and log lines of any length, each in a segment's bytes: a service receives its requests from a queue, writes what
//! it does to a ring, and crashes. The segment outlives it: its last lines are read, and another one goes on with the requests
//! that are left.
//!
//! ```text
//! cargo run --bin service_log
//! ```

#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::process::{self, Command};

use shm_runtime::{Attached, Segment, SharedSegment, sync};

/// What client and service share.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Service {
    /// Each is a text of any length, from one sender to one receiver. An empty one is the last.
    requests: sync::ByteQueue<1024>,
    /// The last lines, as many as have room: one that is written takes the room of the oldest.
    log: sync::ByteRing<256>,
}

/// Numbers whose sum is asked for. One of them is no number, and no service has the code for that.
const REQUESTS: [&str; 6] =
    ["1 2 3", "10", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20", "4 5 six", "7 8", ""];

fn main() -> Result<(), Box<dyn Error>> {
    let ids: Vec<String> = env::args().skip(1).collect();
    match &ids[..] {
        [] => ask(),
        [id] => serve(&Segment::<Service>::from_id(id.parse()?)?.attach()?),
        _ => Err("usage: service_log".into()),
    }
}

/// The first process: sends the requests, and starts services until one of them has done the last.
fn ask() -> Result<(), Box<dyn Error>> {
    // The guard removes the segment, however this function ends.
    let segment = Service::create()?.remove_on_drop();
    let shared = segment.attach()?;
    let mut requests = shared.requests.sender()?;
    for request in REQUESTS {
        // This waits while there is no room.
        requests.send(request.as_bytes())?;
    }
    println!(
        "client: {} requests are sent, {} bytes with their lengths",
        REQUESTS.len(),
        shared.requests.used()
    );

    loop {
        let status = Command::new(env::current_exe()?).arg(segment.id().to_string()).status()?;
        println!("client: the service has ended: {status}");
        print_log(&shared)?;
        if status.success() {
            return Ok(());
        }
    }
}

/// A reader keeps its place for itself, so there can be any number of them, and the service notices none.
fn print_log(shared: &Attached<Service>) -> Result<(), Box<dyn Error>> {
    let mut reader = shared.log.reader();
    reader.rewind();
    println!(
        "client: {} lines are in the log, the last {}:",
        shared.log.written(),
        shared.log.written() - reader.position()
    );
    let mut line = Vec::new();
    loop {
        let number = reader.position();
        match reader.try_read_into(&mut line) {
            Ok(()) => println!("    {number}: {}", String::from_utf8_lossy(&line)),
            Err(sync::RingError::NothingNew) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The other processes. The end of the queue and the role of the ring's writer are taken over from the one that has died.
fn serve(shared: &Attached<Service>) -> Result<(), Box<dyn Error>> {
    let mut requests = shared.requests.receiver()?;
    let mut log = shared.log.writer()?;
    log.write(b"a service starts")?;
    let mut request = Vec::new();
    loop {
        // From here on the request is not in the queue any more.
        requests.receive_into(&mut request)?;
        let text = std::str::from_utf8(&request)?;
        if text.is_empty() {
            log.write(b"that was the last request")?;
            return Ok(());
        }
        log.write(format!("is asked for the sum of {text}").as_bytes())?;
        let mut sum = 0.0;
        for word in text.split(' ') {
            let Ok(number) = word.parse::<f64>() else { process::abort() };
            sum += number;
        }
        log.write(format!("it is {sum}").as_bytes())?;
    }
}
