//! A worker that ends cleanly on SIGTERM: it finishes the job that it has, takes no other, and no job is lost, whether the
//! signal comes while it works or while it waits for a job.
//!
//! ```text
//! cargo run --bin worker
//! ```

#![forbid(unsafe_code)]

use std::error::Error;
use std::process::{self, Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use std::{env, thread};

use shm_runtime::msg::{Queue, Select};
use shm_runtime::{ErrorKind, Key};
use signal_hook::consts::SIGTERM;

const JOBS: u32 = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let ids: Vec<String> = env::args().skip(1).collect();
    match &ids[..] {
        [] => supervise(),
        [jobs, done] => work(&Queue::from_id(jobs.parse()?)?, &Queue::from_id(done.parse()?)?),
        _ => Err("usage: worker".into()),
    }
}

/// Each worker.
fn work(jobs: &Queue<u32>, done: &Queue<u32>) -> Result<(), Box<dyn Error>> {
    let worker = process::id();
    // The handler sets the flag, and that is all that it does.
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGTERM, Arc::clone(&stop))?;

    // Only where it may end does it use this handle: a result is sent however many signals come.
    let jobs = jobs.interruptible();
    while !stop.load(Relaxed) {
        match jobs.receive(Select::Any) {
            Ok(job) => {
                // The work. A signal sets the flag meanwhile, and does not cut it short.
                thread::sleep(Duration::from_millis(10));
                done.send(1, &job.value)?;
            }
            // No job was taken. The flag says whether to end.
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted) => {
                println!("worker {worker}: interrupted while it waited");
            }
            Err(error) => return Err(error.into()),
        }
    }
    println!("worker {worker}: ends");
    Ok(())
}

/// The first process.
fn supervise() -> Result<(), Box<dyn Error>> {
    let jobs = Queue::<u32>::create(Key::private())?.remove_on_drop();
    let done = Queue::<u32>::create(Key::private())?.remove_on_drop();
    for job in 0..JOBS {
        jobs.send(1, &job)?;
    }

    let ids = [jobs.id(), done.id()].map(|id| id.to_string());
    let start = || Command::new(env::current_exe()?).args(&ids).spawn();
    let mut busy = start()?;
    until_done(&done, 3, &mut busy)?;
    end(&mut busy)?;
    let (finished, left) = (done.stat()?.messages, jobs.stat()?.messages);
    println!("supervisor: {finished} jobs are done and {left} are left, of {JOBS}");

    // Another one goes on, and waits for more when it has done all.
    let mut idle = start()?;
    until_done(&done, JOBS, &mut idle)?;
    end(&mut idle)?;

    let mut finished: Vec<u32> = Vec::new();
    while let Some(job) = done.try_receive(Select::Any)? {
        finished.push(job.value);
    }
    let all = finished == (0..JOBS).collect::<Vec<u32>>();
    println!("supervisor: every job was done once: {all}");
    Ok(())
}

/// Waits until so many jobs are done.
fn until_done(done: &Queue<u32>, jobs: u32, worker: &mut Child) -> Result<(), Box<dyn Error>> {
    while done.stat()?.messages < jobs.into() {
        if let Some(status) = worker.try_wait()? {
            return Err(format!("a worker ended by itself: {status}").into());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Sends SIGTERM until the worker has ended. Once is not enough: a signal that comes just before the worker waits, and after
/// it looked at its flag, does not end the waiting.
fn end(worker: &mut Child) -> Result<(), Box<dyn Error>> {
    loop {
        // This process has not waited for the worker, so the pid is no other process's.
        Command::new("sh").args(["-c", "kill -TERM \"$0\"", &worker.id().to_string()]).status()?;
        for _ in 0..50 {
            match worker.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("a worker failed: {status}").into()),
                None => thread::sleep(Duration::from_millis(1)),
            }
        }
    }
}
