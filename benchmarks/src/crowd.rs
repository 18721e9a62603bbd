//! A thousand processes on one segment.

use std::env;
use std::hint::black_box;
use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use shm_runtime::{Segment, SharedSegment};

use crate::Result;
use crate::measure::{self, Effort, Spread};
use crate::report::{Growth, Report};

const MOST: usize = 1000;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Crowd {
    here: AtomicU64,
    /// Added to by the parent alone.
    turns: AtomicU64,
    /// What each took to attach.
    nanoseconds: [u64; MOST],
}

/// How long to wait for so many processes to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process in the crowd: its arguments are the shmid and its number.
pub fn attach(id: &str, arguments: &[String]) -> Result<()> {
    let number: usize = arguments.first().ok_or("no number")?.parse()?;
    let start = Instant::now();
    let crowd = Segment::<Crowd>::from_id(id.parse()?)?.attach()?;
    crowd.nanoseconds[number].set(u64::try_from(start.elapsed().as_nanos())?);
    crowd.here.fetch_add(1, Relaxed);
    // Sleeps until the parent lets go of the other end.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Ends them, whatever happens.
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Both fail if it has ended, which is all that they are for.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What it costs as the crowd grows: for the one that comes, and for the one that has been there all the time.
pub fn measure(effort: Effort, report: &mut Report) -> Result<()> {
    let segment = Crowd::create()?.remove_on_drop();
    let crowd = segment.attach()?;
    let sizes: &[usize] = if effort.quick { &[1, 10, 100] } else { &[1, 10, 100, 1000] };
    // They all sleep on this end of one pipe.
    let (hold, _let_go) = io::pipe()?;
    let mut children = Children(Vec::new());
    let mut lines = Vec::new();
    for &size in sizes {
        let before = children.0.len();
        for number in before..size {
            let mut command = Command::new(env::current_exe()?);
            command.args(["attach", &segment.id().to_string(), &number.to_string()]);
            children.0.push(command.stdin(hold.try_clone()?).stdout(Stdio::null()).spawn()?);
        }
        let deadline = Instant::now() + PATIENCE;
        while crowd.here.load(Relaxed) < u64::try_from(size)? {
            if Instant::now() > deadline {
                return Err(format!("of {size} processes, {} came in time", crowd.here.load(Relaxed)).into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        let attached = segment.stat()?.attached;
        if attached != u64::try_from(size)? + 1 {
            return Err(format!("{size} processes and this one came, the kernel counts {attached}").into());
        }
        // The last tenth of them, who found the others there.
        let last = (size - size.div_ceil(10)..size).map(|number| crowd.nanoseconds[number].get() as f64);
        let attach = Spread::of(last.collect()).median;
        let (count, mut total) = (100_000, 0);
        let get = measure::time(count, || {
            total += crowd.nanoseconds[0].get();
            Ok(black_box(total))
        })?;
        let add = measure::time(count, || Ok(crowd.turns.fetch_add(1, Relaxed)))?;
        let again = measure::time(100, || Ok(segment.attach()?.detach()?))?;
        let costs =
            vec![attach, measure::each(again, 100), measure::each(get, count), measure::each(add, count)];
        lines.push((size as f64, size.to_string(), costs));
    }
    report.growth.push(Growth {
        title: "Processes attached to one segment",
        explanation: "What it takes the last tenth of them to open and attach it (their first, with all that a new \
                      process has to load for it), and this process to attach and detach it once more, to read a field, \
                      and to `fetch_add` to one.",
        size: "processes",
        columns: vec!["open and attach", "attach and detach again", "get", "fetch_add"],
        lines,
    });
    Ok(())
}
