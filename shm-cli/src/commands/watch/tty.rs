//! The terminal while it is drawn on, and as it was before.

use std::io::{self, BufWriter, IsTerminal as _, Stdout};
use std::panic;

use nix::unistd::read;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
};

use crate::failure::Failure;

/// Whether standard input and output are a terminal that can be drawn on. If not, why, and what to use instead.
pub(crate) fn is_usable() -> Result<(), Failure> {
    let instead = "`shm show` prints the values once, and `shm record` again and again";
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(Failure::new(format!("`shm watch` draws on a terminal, and this is none: {instead}")));
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
pub(crate) struct Tty {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
}

impl Tty {
    pub(crate) fn enter() -> io::Result<Self> {
        // A frame is one write.
        let backend = CrosstermBackend::new(BufWriter::with_capacity(1 << 16, io::stdout()));
        let tty = Self { terminal: Terminal::new(backend)? };
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            // On the other screen, nobody would read why.
            restore();
            report(panic);
        }));
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(tty)
    }

    /// Draws a frame, of which what differs from the last one is written.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(drop)
    }

    /// Reads what was typed; nothing if the terminal is gone.
    pub(crate) fn read<'b>(&self, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
        let len = read(io::stdin(), buffer)?;
        Ok(&buffer[..len])
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        restore();
    }
}

/// As it was. What fails of it, fails because the terminal is gone.
fn restore() {
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}
