//! A program on a terminal of its own, whose keys a test presses, and whose screen it reads.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::termios::{Termios, tcgetattr};
use shm_tests::HANGS;

/// A program, killed when this is dropped.
pub(crate) struct Pty {
    program: Child,
    terminal: File,
    /// The program's end, which stays open, so that what is written last can be read.
    other_end: File,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// All that it wrote.
    pub(crate) written: Vec<u8>,
}

impl Pty {
    /// Starts it, with the terminal as what controls it.
    pub(crate) fn start(program: &str, arguments: &[&str], (rows, columns): (u16, u16)) -> Self {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(&size, None).expect("a terminal");
        let (terminal, other_end) = (File::from(pair.master), File::from(pair.slave));
        let end = || other_end.try_clone().expect("one more of it");
        let mut command = Command::new("setsid");
        command
            .arg("--ctty")
            .arg(program)
            .args(arguments)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR");
        let program = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("run setsid");
        let (sender, output) = channel();
        let mut reader = terminal.try_clone().expect("one more of it");
        std::thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            while let Ok(len @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..len].to_vec()).is_err() {
                    break;
                }
            }
        });
        let screen = vt100::Parser::new(rows, columns, 0);
        Self { program, terminal, other_end, output, screen, written: Vec::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.program.id()
    }

    /// Types these.
    pub(crate) fn keys(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).expect("it is read");
    }

    /// Waits until the screen is so.
    #[track_caller]
    pub(crate) fn until(&mut self, is_so: impl Fn(&vt100::Screen) -> bool) {
        let deadline = Instant::now() + HANGS;
        while !is_so(self.screen.screen()) {
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.take(&bytes),
                Err(_) => panic!("the screen stays:\n{}", self.screen.screen().contents()),
            }
        }
    }

    /// Waits until this is on the screen.
    #[track_caller]
    pub(crate) fn shows(&mut self, text: &str) {
        self.until(|screen| screen.contents().contains(text));
    }

    /// Takes in what it writes in this time.
    pub(crate) fn watch_for(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        loop {
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.take(&bytes),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => panic!("the terminal is gone"),
            }
        }
    }

    pub(crate) fn screen(&self) -> &vt100::Screen {
        self.screen.screen()
    }

    /// The line with this in it.
    #[track_caller]
    pub(crate) fn line(&self, text: &str) -> String {
        let contents = self.screen().contents();
        let line = contents.lines().find(|line| line.contains(text));
        line.unwrap_or_else(|| panic!("{text:?} is not on the screen:\n{contents}")).to_owned()
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&mut self, rows: u16, columns: u16) {
        let (rows_text, columns_text) = (rows.to_string(), columns.to_string());
        let mut stty = Command::new("stty");
        stty.args(["rows", &rows_text, "cols", &columns_text]);
        let done = stty.stdin(self.other_end.try_clone().unwrap()).status().expect("run stty");
        assert!(done.success());
        self.screen.screen_mut().set_size(rows, columns);
    }

    /// How the terminal is set.
    pub(crate) fn settings(&self) -> Termios {
        tcgetattr(&self.other_end).expect("a terminal")
    }

    /// Waits until it has ended, and takes in all that it wrote.
    #[track_caller]
    pub(crate) fn ends(&mut self) -> ExitStatus {
        let deadline = Instant::now() + HANGS;
        loop {
            match self.output.recv_timeout(Duration::from_millis(10)) {
                Ok(bytes) => self.take(&bytes),
                Err(_) => {
                    if let Some(status) = self.program.try_wait().expect("look at a child") {
                        self.watch_for(Duration::from_millis(50));
                        return status;
                    }
                    assert!(Instant::now() < deadline, "it does not end:\n{}", self.screen().contents());
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.screen.process(bytes);
        self.written.extend_from_slice(bytes);
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
