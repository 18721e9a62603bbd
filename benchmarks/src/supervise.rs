//! Runs the measuring in a session of its own, ends it when it takes too long, and cleans up behind it,
//! whatever it died of.

use std::env;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::child::Places;
use crate::memory::POOL;
use crate::scratch::Scratch;
use crate::{Options, Result, sys};

/// Where the size of the pool of huge pages is kept, in the run's folder, while it is another.
pub const POOL_WAS: &str = "nr_hugepages";

/// Far more than a run takes.
const LIMIT: Duration = Duration::from_secs(30 * 60);
const QUICK_LIMIT: Duration = Duration::from_secs(5 * 60);

pub fn run(options: &Options) -> Result<ExitCode> {
    let scratch = Scratch::create(std::process::id())?;
    let done = watch(options);
    if let Ok(pages) = fs::read_to_string(scratch.path().join(POOL_WAS)) {
        // Without the right to do so, the pool would not have been changed.
        let _ = fs::write(POOL, pages);
    }
    scratch.clean();
    done
}

fn watch(options: &Options) -> Result<ExitCode> {
    let signals = sys::Signals::block();
    let limit = if options.quick { QUICK_LIMIT } else { LIMIT };
    let deadline = Instant::now() + limit;
    let mut command = Command::new(env::current_exe()?);
    let (name, places) = Places::for_environment();
    command.env(name, places).arg("work").arg(std::process::id().to_string()).args(options.arguments());
    let inherited = sys::Signals::block();
    // SAFETY: between fork and exec this makes three system calls, and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            inherited.unblock()?;
            sys::own_session()?;
            sys::die_with_parent()
        })
    };
    let mut child = command.spawn()?;
    let ended = loop {
        if let Some(status) = child.try_wait()? {
            break Ok(status);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        match signals.wait(left) {
            Some(libc::SIGCHLD) => {}
            Some(_) => break Err("interrupted"),
            None if left.is_zero() => break Err("took too long"),
            // Interrupted by a signal that is not waited for.
            None => {}
        }
    };
    // Also what it left running.
    sys::kill_group(child.id());
    child.wait()?;
    match ended {
        Ok(status) if status.success() => Ok(ExitCode::SUCCESS),
        Ok(_) => Ok(ExitCode::FAILURE),
        Err(why) => Err(why.into()),
    }
}
