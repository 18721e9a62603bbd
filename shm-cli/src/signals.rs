//! Waiting for a time, a key or a signal, of which none is lost.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::time::TimeSpec;

/// The signals that end a program, and that of a terminal with another size. They are blocked, and asked for.
pub(crate) struct Signals {
    fd: SignalFd,
    /// That which is to end the program, once it has come.
    end: Cell<Option<Signal>>,
}

/// What a wait ended with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// The time has come.
    Time,
    /// There is something to be read.
    Input,
    /// The terminal has another size.
    Resized,
    /// It is to end, by this signal.
    Ended(Signal),
}

impl Signals {
    /// From now on, none of them ends this program.
    pub(crate) fn block() -> io::Result<Self> {
        let signals: SigSet =
            [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGWINCH].into_iter().collect();
        signals.thread_block()?;
        let fd = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { fd, end: Cell::new(None) })
    }

    /// The signal that is to end the program, if it has come.
    pub(crate) fn end(&self) -> Option<Signal> {
        self.end.get()
    }

    /// Takes one that has come; whether there was one that says no more than that the terminal has another size.
    fn take(&self) -> io::Result<bool> {
        let mut is_resized = false;
        while let Some(info) = self.fd.read_signal()? {
            match i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok()) {
                Some(Signal::SIGWINCH) => is_resized = true,
                end => self.end.set(end),
            }
        }
        Ok(is_resized)
    }

    /// Waits until then; if there is an input, for it, too.
    pub(crate) fn wait(&self, until: Instant, input: Option<BorrowedFd<'_>>) -> io::Result<Woken> {
        loop {
            let is_resized = self.take()?;
            if let Some(signal) = self.end() {
                return Ok(Woken::Ended(signal));
            }
            if is_resized {
                return Ok(Woken::Resized);
            }
            let left = until.saturating_duration_since(Instant::now());
            let mut fds = vec![PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)];
            fds.extend(input.map(|input| PollFd::new(input, PollFlags::POLLIN)));
            match ppoll(&mut fds, Some(TimeSpec::from(left)), None) {
                Ok(0) => return Ok(Woken::Time),
                // A terminal that is gone can be read, too: to its end.
                Ok(_) if fds.get(1).is_some_and(|fd| fd.any() == Some(true)) => return Ok(Woken::Input),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits until more can be written to this. It is an error if it would take longer than to a signal that is to end the
    /// program.
    pub(crate) fn wait_for_room(&self, output: BorrowedFd<'_>) -> io::Result<()> {
        loop {
            // The size is asked for with each frame anyway.
            self.take()?;
            let limit = self.end().map(|_| TimeSpec::from(Duration::ZERO));
            let signals = PollFd::new(self.fd.as_fd(), PollFlags::POLLIN);
            let mut fds = [PollFd::new(output, PollFlags::POLLOUT), signals];
            match ppoll(&mut fds, limit, None) {
                Ok(_) if fds[0].any() == Some(true) => return Ok(()),
                Ok(0) => return Err(io::Error::other("a signal came while the output took no more")),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Output whose reader may be slow: a signal ends the wait for it.
pub(crate) struct Patient {
    pub(crate) output: File,
    pub(crate) signals: Rc<Signals>,
}

impl io::Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        /// A pipe that has room has room for so much (`PIPE_BUF`).
        const ROOM: usize = 4096;
        self.signals.wait_for_room(self.output.as_fd())?;
        self.output.write(&bytes[..bytes.len().min(ROOM)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Deadlines in equal distances from the start, so that what comes between does not add up.
pub(crate) struct Deadlines {
    start: Instant,
    /// In nanoseconds, of which a `u64` counts centuries.
    period: u64,
    next: u64,
}

impl Deadlines {
    /// The first is now.
    pub(crate) fn new(rate: Rate) -> Self {
        Self { start: Instant::now(), period: nanoseconds(rate.period()).max(1), next: 0 }
    }

    /// The next one.
    pub(crate) fn next(&self) -> Instant {
        self.start + Duration::from_nanos(self.period.saturating_mul(self.next))
    }

    /// The next one was met. Returns how many after it are over meanwhile, and left out.
    pub(crate) fn met(&mut self, now: Instant) -> u64 {
        self.next += 1;
        let over = self.over(now);
        self.next += over;
        over
    }

    /// How many from the next one on are over: it is later than the one after them.
    pub(crate) fn over(&self, now: Instant) -> u64 {
        let passed = nanoseconds(now.saturating_duration_since(self.start)) / self.period;
        passed.saturating_sub(self.next)
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A number of times a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate(f64);

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(rate @ 0.001..=10_000.0) => Ok(Self(rate)),
            _ => Err(format!("{text:?} is not a rate in Hz, from 0.001 to 10000")),
        }
    }
}

impl Rate {
    pub(crate) fn per_second(self) -> f64 {
        self.0
    }

    pub(crate) fn period(self) -> Duration {
        Duration::from_secs_f64(1.0 / self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_do_not_drift_and_those_that_passed_are_counted() {
        let mut deadlines = Deadlines::new(Rate(100.0));
        let start = deadlines.next();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        // Late each time, by less than a period.
        assert_eq!(deadlines.met(after(4)), 0);
        assert_eq!(deadlines.next(), after(10));
        assert_eq!(deadlines.met(after(19)), 0);
        assert_eq!(deadlines.next(), after(20));
        // When that at 20 is met, those at 30 and 40 are over; for that at 50 it is not too late.
        assert_eq!(deadlines.met(after(59)), 2);
        assert_eq!(deadlines.next(), after(50));
        assert_eq!([59, 60, 79].map(|now| deadlines.over(after(now))), [0, 1, 2]);
    }
}
