//! A private segment: it has no key, so nobody finds it by accident. A child process is told its id.
//!
//! ```text
//! cargo run --bin private_child
//! ```

#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::process::Command;

use shm_runtime::{Segment, SharedSegment};

/// A job for another process: numbers in, a sum out.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Job {
    numbers: [u32; 1000],
    sum: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        None => parent(),
        Some(id) => child(id.parse()?),
    }
}

fn parent() -> Result<(), Box<dyn Error>> {
    let segment = Job::create()?.remove_on_drop();
    let job = segment.attach()?;
    let numbers: Vec<u32> = (1..=1000).collect();
    job.numbers.copy_from(&numbers);
    println!("parent: put {} numbers into the private segment {}", numbers.len(), segment.id());

    let status = Command::new(env::current_exe()?).arg(segment.id().to_string()).status()?;
    if !status.success() {
        return Err(format!("the child failed: {status}").into());
    }
    println!("parent: the child's sum is {}", job.sum.get());
    Ok(())
}

fn child(id: i32) -> Result<(), Box<dyn Error>> {
    // Not every id is that of a `Job`: what does not fit is an error.
    let job = Segment::<Job>::from_id(id)?.attach()?;
    let mut numbers = [0; 1000];
    job.numbers.copy_to(&mut numbers);
    job.sum.set(numbers.into_iter().map(u64::from).sum());
    println!("child: added up what is in segment {id}");
    Ok(())
}
