//! A job server whose workers are killed: jobs go through a queue in a segment, each to one worker. A worker that is killed
//! in the middle of its job loses nothing: another one is given the job, with a mark.
//!
//! ```text
//! cargo run --bin job_server
//! ```

#![forbid(unsafe_code)]

use std::error::Error;
use std::os::unix::process::parent_id;
use std::process::{self, Child, Command};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use std::{env, thread};

use shm_runtime::{Attached, Segment, Shareable, SharedSegment, sync};

/// How many primes are there from one number to another?
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Job {
    number: u32,
    from: u32,
    to: u32,
}

/// What server and workers share.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Office {
    jobs: sync::Queue<Job, 16>,
    /// Of each job the answer, and 1 more, once there is one.
    answers: [AtomicU64; JOBS],
    /// Jobs that a worker was given because another was killed.
    again: AtomicU64,
    /// The process of a worker that is in the middle of a job.
    at_work: AtomicU32,
}

const WORKERS: usize = 3;
const JOBS: usize = 40;
/// Numbers in a job.
const RANGE: u32 = 2_000;
/// Workers that are killed.
const KILLS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let ids: Vec<String> = env::args().skip(1).collect();
    match &ids[..] {
        [] => serve(),
        [id] => work(&Segment::<Office>::from_id(id.parse()?)?.attach()?),
        _ => Err("usage: job_server".into()),
    }
}

/// The first process.
fn serve() -> Result<(), Box<dyn Error>> {
    // The guard removes the segment, however this function ends.
    let segment = Office::create()?.remove_on_drop();
    let office = segment.attach()?;
    let id = segment.id().to_string();
    let worker = || Command::new(env::current_exe()?).arg(&id).spawn();
    let mut workers = (0..WORKERS).map(|_| worker()).collect::<Result<Vec<Child>, _>>()?;

    let mut killed = 0;
    for number in 0..u32::try_from(JOBS)? {
        // This waits while the queue is full.
        office.jobs.send(&Job { number, from: number * RANGE, to: (number + 1) * RANGE })?;
        if number % 10 == 9 && killed < KILLS {
            kill_one_at_work(&office, &mut workers)?;
            killed += 1;
            workers.push(worker()?);
        }
    }
    println!("server: all {JOBS} jobs are in the queue, and {killed} workers were killed");
    while office.answers.iter().any(|answer| answer.load(Relaxed) == 0) {
        thread::sleep(Duration::from_millis(1));
    }
    for worker in &mut workers {
        worker.kill()?;
        worker.wait()?;
    }
    let primes: u64 = office.answers.iter().map(|answer| answer.load(Relaxed) - 1).sum();
    println!("server: every job has its answer; {} were given again", office.again.load(Relaxed));
    println!("server: {primes} primes below {}", u32::try_from(JOBS)? * RANGE);
    Ok(())
}

/// Kills a worker that is in the middle of a job.
fn kill_one_at_work(office: &Attached<Office>, workers: &mut Vec<Child>) -> Result<(), Box<dyn Error>> {
    loop {
        let pid = office.at_work.load(Relaxed);
        if let Some(which) = workers.iter().position(|worker| worker.id() == pid) {
            let mut worker = workers.swap_remove(which);
            let killed = worker.kill();
            worker.wait()?;
            killed?;
            println!("server: killed worker {pid} at work");
            return Ok(());
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Each of the others, until it is killed, or has nothing to do and the server has ended.
fn work(office: &Attached<Office>) -> Result<(), Box<dyn Error>> {
    let server = parent_id();
    loop {
        // This waits until there is a job, and no two workers get the same one.
        let job = match office.jobs.receive_timeout(Duration::from_secs(1)) {
            Err(sync::QueueError::Empty) if parent_id() != server => return Ok(()),
            Err(sync::QueueError::Empty) => continue,
            received => received?,
        };
        if job.is_redelivered() {
            office.again.fetch_add(1, Relaxed);
            println!("worker {}: job {} was another worker's, which is dead", process::id(), job.number);
        }
        office.at_work.store(process::id(), Relaxed);
        // Slower than the machine, so that workers are killed in the middle.
        thread::sleep(Duration::from_millis(5));
        let primes = (job.from..job.to).filter(|&number| is_prime(number)).count();
        office.answers[usize::try_from(job.number)?].store(u64::try_from(primes)? + 1, Relaxed);
        office.at_work.store(0, Relaxed);
        // From here on it is not given again.
        job.done()?;
    }
}

fn is_prime(number: u32) -> bool {
    number >= 2
        && (2..).take_while(|factor| factor * factor <= number).all(|factor| !number.is_multiple_of(factor))
}
