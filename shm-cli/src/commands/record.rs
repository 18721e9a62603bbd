//! `shm record`: values of fields, at a rate, into a file.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use shm_runtime::inspect::Attached;

use crate::failure::{Failure, Outcome};
use crate::leaves::{Leaves, MOST};
use crate::opened::Like;
use crate::readings::{Datum, Readings};
use crate::signals::{Deadlines, Patient, Rate, Signals, Woken};
use crate::target::Target;
use crate::terminal::{Printable, Terminal, complain};

/// Record the values of fields, again and again, for `shm plot` and other programs.
///
/// Each sample has its time, in seconds since 1970, and the values as they were then, each read by itself; those of a `SeqLock` are of one
/// whole value. A deadline that passes before the sample is taken is left out, and counted. It ends well by Ctrl-C.
#[derive(clap::Args)]
pub(crate) struct Record {
    /// The segment.
    name: Target,
    /// The parts to record: `wind.speed`, `series[3]`. Of a struct and an array, all fields and elements.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    #[command(flatten)]
    like: Like,
    /// Samples a second.
    #[arg(short, long, value_name = "HZ", default_value = "10")]
    rate: Rate,
    /// For how long: `500ms`, `10s`, `5min`, `2h`. Without it, until it is ended.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    time: Option<Duration>,
    /// How many samples.
    #[arg(short = 'n', long, value_name = "N", conflicts_with = "time")]
    samples: Option<u64>,
    /// How they are written.
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    /// Where to. What is in the file is replaced.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A line of names, and a line for each sample.
    Csv,
    /// An object of JSON in a line for each sample.
    Jsonl,
}

/// A recorder that is killed loses what it sampled in this time at most.
const FLUSH: Duration = Duration::from_millis(100);

/// How often the kernel is asked whether the segment was removed.
const LOOK: Duration = Duration::from_secs(1);

fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => Some(0.001),
        "s" | "" => Some(1.0),
        "min" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    };
    let seconds = digits.parse::<f64>().ok().zip(unit).map(|(number, unit)| number * unit);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| format!("{text:?} is not a duration, as 500ms, 10s, 5min and 2h are"))
}

impl Record {
    pub(crate) fn run(self, _: &mut Terminal) -> Outcome {
        let attached = self.like.read(&self.name.segment()?)?;
        let leaves = Leaves::of(&attached, &self.paths)?;
        if leaves.is_cut {
            return Err(Failure::new(format!(
                "these are more than {MOST} values: name the parts that are wanted"
            )));
        }
        if leaves.list.is_empty() {
            return Err(Failure::new("there are no values in these parts"));
        }
        let readings = Readings::new(leaves);
        let output = match &self.output {
            Some(path) => File::create(path)
                .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?,
            // Without a buffer between.
            None => File::from(io::stdout().as_fd().try_clone_to_owned()?),
        };
        let signals = Rc::new(Signals::block()?);
        let mut out = Terminal::other(Patient { output, signals: Rc::clone(&signals) });
        let recorded = self.record(&attached, readings, &signals, &mut out).and_then(|status| {
            out.flush()?;
            Ok(status)
        });
        match signals.end() {
            Some(_) if matches!(&recorded, Err(Failure::Output(error)) if error.kind() == io::ErrorKind::Other) => {
                Err(Failure::new(
                    "it was ended while its output took no more: the last samples are not in it",
                ))
            }
            _ => recorded,
        }
    }

    fn record(
        &self,
        attached: &Attached,
        mut readings: Readings<'_>,
        signals: &Signals,
        out: &mut Terminal,
    ) -> Outcome {
        if let Format::Csv = self.format {
            let names = readings.leaves().iter().map(|leaf| leaf.path.clone());
            line_of_csv(std::iter::once("time".to_owned()).chain(names), out)?;
        }
        let mut deadlines = Deadlines::new(self.rate);
        let start = deadlines.next();
        let (mut taken, mut missed) = (0, 0);
        let (mut flushed, mut looked, mut is_removed) = (start, start, false);
        loop {
            let until = deadlines.next();
            let is_over = self.time.is_some_and(|time| until.duration_since(start) >= time);
            if is_over || self.samples.is_some_and(|samples| taken >= samples) {
                break;
            }
            match signals.wait(until, None)? {
                Woken::Ended(_) => {
                    missed += deadlines.over(Instant::now());
                    break;
                }
                Woken::Time => {}
                Woken::Resized | Woken::Input => continue,
            }
            let now = Instant::now();
            readings.read();
            self.write(&mut readings, SystemTime::now(), out)?;
            taken += 1;
            missed += deadlines.met(now);
            if deadlines.next().duration_since(flushed) >= FLUSH {
                out.flush()?;
                flushed = now;
            }
            if !is_removed && now.duration_since(looked) >= LOOK {
                looked = now;
                is_removed = attached.segment().stat().is_ok_and(|stat| stat.removed);
                if is_removed {
                    complain("the segment was removed: from now on, this is what is still mapped here");
                }
            }
        }
        if missed > 0 {
            let all = taken + missed;
            complain(format_args!(
                "{missed} of {all} samples are missing: their time was over before they were taken"
            ));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// A sample, in its line.
    fn write(&self, readings: &mut Readings<'_>, time: SystemTime, out: &mut Terminal) -> io::Result<()> {
        // A clock that was never set says less than 0.
        let time = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = format!("{}.{:06}", time.as_secs(), time.subsec_micros());
        let data: Vec<Datum<'_>> = (0..readings.leaves().len()).map(|leaf| readings.datum(leaf)).collect();
        match self.format {
            Format::Csv => {
                let cells = data.iter().map(ToString::to_string);
                line_of_csv(std::iter::once(time).chain(cells), out)
            }
            Format::Jsonl => out.json_line(&Sample { time: &time, readings, data: &data }),
        }
    }
}

fn line_of_csv(cells: impl Iterator<Item = String>, out: &mut Terminal) -> io::Result<()> {
    let mut line = csv::WriterBuilder::new().from_writer(Vec::new());
    // A sample is a line: what would end it is escaped.
    line.write_record(cells.map(|cell| Printable(cell).to_string()))?;
    let line = line.into_inner().map_err(|error| error.into_error())?;
    out.write(String::from_utf8_lossy(&line))
}

/// A sample as JSON.
struct Sample<'a> {
    time: &'a str,
    readings: &'a Readings<'a>,
    data: &'a [Datum<'a>],
}

impl Serialize for Sample<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &self.time.parse::<f64>().unwrap_or_default())?;
        for (leaf, datum) in self.readings.leaves().iter().zip(self.data) {
            map.serialize_entry(&leaf.path, datum)?;
        }
        map.end()
    }
}
