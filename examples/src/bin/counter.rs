//! Four processes count in plain fields: under a lock in the segment, and under a System V semaphore. Meanwhile a fifth is
//! killed while it holds the one, and a sixth while it holds the other. No count is lost.
//!
//! ```text
//! cargo run --bin counter
//! ```

#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;

use shm_runtime::sem::Semaphore;
use shm_runtime::{Key, Segment, Shareable, Shared, SharedSegment, sync};

/// What they share.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Counters {
    by_mutex: sync::Mutex<Count>,
    by_semaphore: u64,
}

/// Two numbers that agree whenever the lock is free, unless its holder died.
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Count {
    begun: u64,
    ended: u64,
}

const COUNTERS: usize = 4;
/// How far each of them counts.
const COUNTS: u64 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => run(),
        [role, segment, semaphore] => {
            let segment = Segment::from_id(segment.parse()?)?;
            act(role, &segment, &Semaphore::from_id(semaphore.parse()?)?)
        }
        _ => Err("counter takes no arguments".into()),
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let segment = Counters::create()?.remove_on_drop();
    let semaphore = Semaphore::create(Key::private(), 1)?.remove_on_drop();
    let ids = [segment.id(), semaphore.id()].map(|id| id.to_string());
    let start = |role| {
        let mut command = Command::new(env::current_exe()?);
        command.arg(role).args(&ids).stdout(Stdio::piped()).spawn()
    };

    // Each is inside its critical section once it says so; and there it is killed, while the others wait for it.
    let mut victims = [start("hold the mutex")?, start("hold the semaphore")?];
    for victim in &mut victims {
        println!("{}", line(victim)?);
    }
    let counters: Vec<Child> = (0..COUNTERS).map(|_| start("count")).collect::<Result<_, _>>()?;
    for mut victim in victims {
        victim.kill()?;
        victim.wait()?;
        println!("killed {}", victim.id());
    }
    for counter in counters {
        let id = counter.id();
        let output = counter.wait_with_output()?;
        print!("{}", String::from_utf8_lossy(&output.stdout));
        if !output.status.success() {
            return Err(format!("process {id} failed: {}", output.status).into());
        }
    }

    let shared = segment.attach()?;
    let expected = COUNTERS as u64 * COUNTS + 1;
    let by_semaphore = shared.by_semaphore.get();
    let by_mutex = shared.by_mutex.lock().or_else(|error| error.repair(finish))?;
    let Count { begun, ended } = by_mutex.get();
    println!("under the mutex: {ended}, under the semaphore: {by_semaphore}, expected: {expected}");
    match [begun, ended, by_semaphore] == [expected; 3] {
        true => Ok(()),
        false => Err("a count was lost".into()),
    }
}

/// Each of the others.
fn act(role: &str, segment: &Segment<Counters>, semaphore: &Semaphore) -> Result<(), Box<dyn Error>> {
    let counters = segment.attach()?;
    let id = std::process::id();
    match role {
        "count" => {
            for _ in 0..COUNTS {
                let count = counters.by_mutex.lock().or_else(|error| {
                    error.repair(|count| {
                        println!("{id}: the holder of the mutex died; finishing its count");
                        finish(count);
                    })
                })?;
                count.begun.update(|begun| begun + 1);
                count.ended.update(|ended| ended + 1);
                drop(count);

                // A killed holder gives the unit back, too, but nobody is told: it suits what needs no repair.
                let _permit = semaphore.acquire()?;
                counters.by_semaphore.update(|count| count + 1);
            }
            println!("{id}: counted to {COUNTS} twice");
            Ok(())
        }
        "hold the mutex" => {
            let count = counters.by_mutex.lock().map_err(sync::LockError::release)?;
            count.begun.update(|begun| begun + 1);
            wait_to_be_killed("the mutex, and has counted by half")
        }
        "hold the semaphore" => {
            let _permit = semaphore.acquire()?;
            counters.by_semaphore.update(|count| count + 1);
            wait_to_be_killed("the semaphore, and has counted")
        }
        _ => Err("counter takes no arguments".into()),
    }
}

/// Brings a count in order that its holder did not finish.
fn finish(count: &Shared<Count>) {
    count.ended.set(count.begun.get());
}

fn wait_to_be_killed(holding: &str) -> ! {
    println!("{} holds {holding}", std::process::id());
    loop {
        thread::park();
    }
}

/// The first line that a child prints.
fn line(child: &mut Child) -> Result<String, Box<dyn Error>> {
    let output = child.stdout.take().ok_or("it has no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
