//! `shm watch`: live values on the terminal.

mod history;
mod keys;
mod line;
mod screen;
mod tty;

use std::io;
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use shm_runtime::inspect::{Attached, Type};
use shm_runtime::{Key as ObjectKey, Object, ObjectKind};

use self::history::History;
use self::keys::Keys;
use self::screen::{Next, Screen, Sort};
use self::tty::Tty;
use crate::failure::Outcome;
use crate::leaves::Leaves;
use crate::opened::Like;
use crate::readings::Readings;
use crate::sealed::state_of;
use crate::signals::{Deadlines, Rate, Signals, Woken};
use crate::target::Target;
use crate::terminal::Terminal;

/// Watch the values of a segment change.
///
/// It shows each field's value, how fast it changes, and its last values as bars. What has changed stands out. The rate is how much
/// a number grows in a second, and how often anything else changes. It only reads: the segment is attached read-only.
///
/// Keys: arrows, Page Up and Down, Home and End scroll; `/` filters by path; `s` sorts by place in memory, path, last change or rate;
/// the space bar pauses; `q` ends it.
#[derive(clap::Args)]
pub(crate) struct Watch {
    /// The segment.
    name: Target,
    /// The parts to watch: `wind.speed`, `series[3]`. All, if none is given.
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    #[command(flatten)]
    like: Like,
    /// How often to look, in Hz.
    #[arg(short, long, value_name = "HZ", default_value = "5")]
    rate: Rate,
    /// Show fields only whose path has this in it.
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    filter: String,
    /// In which order.
    #[arg(short, long, value_enum, default_value = "memory")]
    sort: Sort,
}

/// How often the kernel is asked about the segment.
const LOOK: Duration = Duration::from_secs(1);

impl Watch {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        tty::is_usable()?;
        let attached = self.like.read(&self.name.segment()?)?;
        let mut readings = Readings::new(Leaves::of(&attached, &self.paths)?);
        let segment = Watched::new(&attached);
        let mut history = History::new(readings.leaves().len());
        let rate = self.rate.per_second();
        let mut screen = Screen::new(rate, terminal.has_colours(), self.filter, self.sort, &readings);

        let signals = Signals::block()?;
        let mut tty = Tty::enter(&signals)?;
        let (mut keys, mut looked) = (Keys::default(), None);
        let mut deadlines = Deadlines::new(self.rate);
        loop {
            let now = Instant::now();
            deadlines.met(now);
            if looked.is_none_or(|looked| now.duration_since(looked) >= LOOK) {
                (screen.title, screen.notice) = segment.look();
                looked = Some(now);
            }
            if !screen.is_paused {
                readings.read();
                history.push(&readings, now);
                screen.sort(&readings, &history);
            }
            loop {
                let drawn = tty.draw(|frame| screen.draw(&mut readings, &history, now, frame.buffer_mut()));
                if let Some(signal) = signals.end() {
                    return Ok(ended_by(signal as u8));
                }
                drawn?;
                let mut typed = [0; 256];
                let pressed = match signals.wait(deadlines.next(), Some(io::stdin().as_fd()))? {
                    Woken::Ended(signal) => return Ok(ended_by(signal as u8)),
                    Woken::Resized => continue,
                    Woken::Time => {
                        let pressed = Vec::from_iter(keys.idle());
                        if pressed.is_empty() {
                            break;
                        }
                        pressed
                    }
                    Woken::Input => match tty.read(&mut typed)? {
                        // The terminal is gone.
                        [] => return Ok(ended_by(nix::sys::signal::Signal::SIGHUP as u8)),
                        typed => keys.feed(typed),
                    },
                };
                for key in pressed {
                    if screen.press(key, &readings, &history) == Next::Quit {
                        return Ok(ExitCode::SUCCESS);
                    }
                }
            }
        }
    }
}

/// As a shell has it for what a signal ended.
fn ended_by(signal: u8) -> ExitCode {
    ExitCode::from(128 + signal)
}

/// The segment, as it was when it was attached.
struct Watched<'a> {
    attached: &'a Attached,
    key: i32,
}

impl<'a> Watched<'a> {
    fn new(attached: &'a Attached) -> Self {
        let key = attached.segment().stat().map_or(0, |stat| stat.key);
        Self { attached, key }
    }

    /// Which it is, and what has become of it, if that is not as it should be.
    fn look(&self) -> (String, Option<String>) {
        let segment = self.attached.segment();
        let name = match self.attached.schema().map(|schema| schema.root().ty()) {
            Ok(Type::Struct(of)) => of.name(),
            _ => "segment",
        };
        let mut title = format!("{name}  id {}", segment.id());
        if self.key != 0 {
            title += &format!("  key {:#010x}", self.key);
        }
        let notice = match segment.stat() {
            Ok(stat) if !stat.removed => {
                title += &format!("  {} attached", stat.attached);
                None
            }
            Ok(_) => Some(self.removed()),
            Err(error) if matches!(error.kind(), shm_runtime::ErrorKind::Removed) => Some(self.removed()),
            Err(error) => Some(error.to_string()),
        };
        match self.attached.seal() {
            Some(seal) => title += &format!("  {}", state_of(&seal)),
            None => title += "  no seal",
        }
        (title, notice)
    }

    /// What is said of a segment that was removed: another may have its key.
    fn removed(&self) -> String {
        let own = self.attached.segment().id();
        let other = match self.key {
            0 => None,
            key => Object::from_key(ObjectKind::Segment, ObjectKey::fixed(key.cast_unsigned())).ok(),
        };
        match other.map(|other| other.id()).filter(|&id| id != own) {
            Some(id) => format!("removed, and replaced: `shm watch id:{id}` shows what has its key now"),
            None => "removed: this is what is still mapped here".to_owned(),
        }
    }
}
