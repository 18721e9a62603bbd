//! The terminal while it is drawn on, and as it was before.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _};
use std::mem::ManuallyDrop;
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic;

use nix::fcntl::OFlag;
use nix::unistd::read;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};

use crate::failure::Failure;
use crate::signals::Signals;

/// Whether standard input and output are a terminal that can be drawn on. If not, why, and what to use instead.
pub(crate) fn is_usable() -> Result<(), Failure> {
    let instead = "`shm show` prints the values once, and `shm record` again and again";
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(Failure::new(format!(
            "`shm watch` draws on a terminal, and standard input and output are not one: {instead}"
        )));
    }
    if std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
        return Err(Failure::new(format!("this terminal cannot be drawn on (TERM=dumb): {instead}")));
    }
    if let Ok((0, _) | (_, 0)) = size() {
        return Err(Failure::new(
            "this terminal does not say how large it is: `stty rows 24 cols 80` tells it, and `shm show` does without",
        ));
    }
    Ok(())
}

/// The terminal, in raw mode and on its other screen, until this is dropped or the program panics.
pub(crate) struct Tty<'s> {
    /// Not dropped: what it would still write is not for the screen that there was before.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<BufWriter<Output<'s>>>>>,
}

impl<'s> Tty<'s> {
    pub(crate) fn enter(signals: &'s Signals) -> io::Result<Self> {
        // A frame is one write.
        let output = BufWriter::with_capacity(1 << 16, Output { tty: output()?, signals });
        let terminal = Terminal::new(CrosstermBackend::new(output))?;
        let mut tty = Self { terminal: ManuallyDrop::new(terminal) };
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            // On the other screen, it would be gone before it is read.
            restore();
            report(panic);
        }));
        enable_raw_mode()?;
        execute!(tty.terminal.backend_mut(), EnterAlternateScreen, Hide)?;
        Ok(tty)
    }

    /// Draws a frame, of which what differs from the last one is written. It is an error if a signal ends the wait for a
    /// terminal that takes no more.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(drop)
    }

    /// Reads what was typed; nothing if the terminal is gone.
    pub(crate) fn read<'b>(&self, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
        let len = read(io::stdin(), buffer)?;
        Ok(&buffer[..len])
    }
}

impl Drop for Tty<'_> {
    fn drop(&mut self) {
        restore();
    }
}

/// As it was. What fails of it, fails because the terminal is gone, or takes no more.
fn restore() {
    let _ = output().and_then(|mut tty| execute!(tty, LeaveAlternateScreen, Show));
    let _ = disable_raw_mode();
}

/// The terminal, opened anew to be written without waiting, which the other programs on it do not see.
fn output() -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let opened = File::options().write(true).custom_flags(flags.bits()).open("/proc/self/fd/1");
    // It can be another user's, who handed it over open: then it is waited for.
    opened.or_else(|_| Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?)))
}

/// Output that waits for the terminal, or a signal.
struct Output<'s> {
    tty: File,
    signals: &'s Signals,
}

impl io::Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match io::Write::write(&mut self.tty, bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.signals.wait_for_room(self.tty.as_fd())?;
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::process::Command;

    use nix::pty::{Winsize, openpty};
    use nix::sys::termios::tcgetattr;

    use super::*;

    /// The program of the next test.
    const PANICS: &str = "SHM_TEST_PANICS";

    #[test]
    fn a_program_that_panics_on_the_terminal() {
        if std::env::var_os(PANICS).is_some() {
            let signals = Signals::block().unwrap();
            let mut tty = Tty::enter(&signals).unwrap();
            tty.draw(|_| panic!("for a test")).unwrap();
        }
    }

    #[test]
    fn a_panic_is_read_on_a_terminal_as_it_was_before() {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(&size, None).unwrap();
        let (mut terminal, other_end) = (File::from(pair.master), File::from(pair.slave));
        let before = tcgetattr(&other_end).unwrap();
        let end = || other_end.try_clone().unwrap();
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(std::env::current_exe().unwrap());
        command.args([
            "--exact",
            "--nocapture",
            "commands::watch::tty::tests::a_program_that_panics_on_the_terminal",
        ]);
        command.env(PANICS, "1").env("RUST_BACKTRACE", "0");
        let status = command.stdin(end()).stdout(end()).stderr(end()).status().unwrap();
        assert!(!status.success());
        assert_eq!(tcgetattr(&other_end).unwrap(), before);
        // The end of what was written is seen by what is written after it.
        std::io::Write::write_all(&mut end(), b"END").unwrap();
        let mut written = Vec::new();
        let mut buffer = [0; 4096];
        while !written.ends_with(b"END") {
            let len = terminal.read(&mut buffer).unwrap();
            written.extend_from_slice(&buffer[..len]);
        }
        let written = String::from_utf8_lossy(&written);
        let at = |text: &str| written.find(text).unwrap_or_else(|| panic!("{text:?} in {written:?}"));
        assert!(at("\x1b[?1049h") < at("\x1b[?1049l") && at("\x1b[?1049l") < at("for a test"), "{written:?}");
        assert!(written.rfind("\x1b[?25h") > written.rfind("\x1b[?25l"), "{written:?}");
    }
}
