//! A work queue: a producer and several workers, processes all, share a typed System V message queue. Whichever worker
//! is free takes the next job, the urgent ones first; the results come back by a second queue.
//!
//! ```text
//! cargo run --bin work_queue
//! ```

#![forbid(unsafe_code)]

use std::error::Error;
use std::process::{self, Child, Command};
use std::time::Duration;
use std::{env, thread};

use shm_runtime::msg::{Queue, Select};
use shm_runtime::{Key, Shareable};

/// How many primes are there from one number to another?
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Job {
    from: u32,
    to: u32,
}

/// The answer, and whose it is.
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Answer {
    job: Job,
    primes: u32,
    worker: u32,
}

/// The types of messages. A worker takes the lowest first, so it stops when there is nothing else to do.
const URGENT: i64 = 1;
const ORDINARY: i64 = 2;
const STOP: i64 = 3;

const WORKERS: usize = 3;
const JOBS: u32 = 24;
/// Numbers in a job.
const RANGE: u32 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let ids: Vec<String> = env::args().skip(1).collect();
    match &ids[..] {
        [] => produce(),
        [jobs, answers] => work(&Queue::from_id(jobs.parse()?)?, &Queue::from_id(answers.parse()?)?),
        _ => Err("usage: work_queue".into()),
    }
}

/// The first process.
fn produce() -> Result<(), Box<dyn Error>> {
    // Private queues, which the workers are told the ids of. The guards remove them, however this function ends; a
    // worker that still waits then gets an error, and ends too.
    let jobs = Queue::<Job>::create(Key::private())?.remove_on_drop();
    let answers = Queue::<Answer>::create(Key::private())?.remove_on_drop();

    for number in 0..JOBS {
        let from = number * RANGE;
        let job = Job { from, to: from + RANGE };
        // This waits while the queue is full.
        let urgency = if number % 8 == 7 { URGENT } else { ORDINARY };
        jobs.send(urgency, &job)?;
    }
    println!(
        "producer: {} jobs are in queue {}, {} bytes",
        jobs.stat()?.messages,
        jobs.id(),
        jobs.stat()?.bytes
    );

    let ids = [jobs.id(), answers.id()].map(|id| id.to_string());
    let worker = || Command::new(env::current_exe()?).args(&ids).spawn();
    let mut workers = (0..WORKERS).map(|_| worker()).collect::<Result<Vec<Child>, _>>()?;

    let (mut answered, mut primes) = (0, 0);
    while answered < JOBS {
        let Some(answer) = answers.try_receive(Select::Any)? else {
            for worker in &mut workers {
                if let Some(status) = worker.try_wait()? {
                    return Err(format!("a worker ended before its work did: {status}").into());
                }
            }
            thread::sleep(Duration::from_millis(1));
            continue;
        };
        let Answer { job, worker, .. } = answer.value;
        println!(
            "producer: {} primes from {} to {}, says worker {worker}{}",
            answer.value.primes,
            job.from,
            job.to,
            if answer.mtype == URGENT { " (urgent)" } else { "" }
        );
        answered += 1;
        primes += answer.value.primes;
    }
    println!("producer: {primes} primes below {}", JOBS * RANGE);

    for _ in &workers {
        jobs.send(STOP, &Job { from: 0, to: 0 })?;
    }
    for worker in &mut workers {
        let status = worker.wait()?;
        if !status.success() {
            return Err(format!("a worker failed: {status}").into());
        }
    }
    Ok(())
}

/// Each of the others.
fn work(jobs: &Queue<Job>, answers: &Queue<Answer>) -> Result<(), Box<dyn Error>> {
    let worker = process::id();
    loop {
        // This waits until there is a message, and no two workers get the same one.
        let message = jobs.receive(Select::UpTo(STOP))?;
        if message.mtype == STOP {
            println!("worker {worker}: done");
            return Ok(());
        }
        let job = message.value;
        let primes = (job.from..job.to).filter(|&number| is_prime(number)).count();
        let answer = Answer { job, primes: u32::try_from(primes)?, worker };
        answers.send(message.mtype, &answer)?;
    }
}

fn is_prime(number: u32) -> bool {
    number >= 2 && (2..).take_while(|factor| factor * factor <= number).all(|factor| number % factor != 0)
}
