//! Measures shm-runtime beside what a user would pick instead: in pairs, in one run, as ratios.
//!
//! The program starts itself again: under a supervisor, which cleans up whatever happens, and as the second process of
//! what takes two.

mod channels;
mod child;
mod compile;
mod crowd;
mod life;
mod link;
mod locks;
mod machine;
mod measure;
mod memory;
mod ours;
mod plot;
mod report;
mod scale;
mod scratch;
mod snapshots;
mod streams;
mod supervise;
mod sys;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicU64;

use channels::{Iceoryx, IpcChannels, MmapSync, Pipes, PosixQueues, Socket, SystemVQueues};
use child::Places;
use link::{compare, echo};
use measure::Effort;
use ours::{Ball, Futexes, Latest, Mail, PingPong, Raw, Rung};
use report::{Goal, Report};
use scratch::Scratch;
use shm_runtime::Attached;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const USAGE: &str = "usage: shm-peers [--quick] [--only PART]... [--core FILE] --out FOLDER [--into FILE]

  --quick      a minute instead of ten, with fewer pairs
  --only PART  only this part: links, streams, locks, snapshots, life, memory, compile, scale
  --core       what the benchmarks of the library by itself printed, to be shown too
  --out        where the plots go, and the table if it goes nowhere else
  --into       the Markdown file whose part between the two marks becomes the table";

/// What is measured, and where the results go.
#[derive(Default)]
struct Options {
    quick: bool,
    only: Vec<String>,
    core: Option<PathBuf>,
    out: PathBuf,
    into: Option<PathBuf>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--only" => options.only.push(value()?),
                "--core" => options.core = Some(value()?.into()),
                "--out" => options.out = value()?.into(),
                "--into" => options.into = Some(value()?.into()),
                _ => return Err(USAGE.into()),
            }
        }
        if options.out.as_os_str().is_empty() {
            return Err(USAGE.into());
        }
        Ok(options)
    }

    /// What gives the same when parsed.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--out".to_owned(), self.out.display().to_string()];
        arguments.extend(self.quick.then(|| "--quick".to_owned()));
        for part in &self.only {
            arguments.extend(["--only".to_owned(), part.clone()]);
        }
        for (name, file) in [("--core", &self.core), ("--into", &self.into)] {
            if let Some(file) = file {
                arguments.extend([name.to_owned(), file.display().to_string()]);
            }
        }
        arguments
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((role, rest)) if role == "work" => work(rest),
        Some((role, rest))
            if ["echo", "contend", "attach", "stream", "many", "broadcast", "kill"]
                .contains(&role.as_str()) =>
        {
            second(role, rest)
        }
        _ => Options::parse(arguments.into_iter()).and_then(|options| supervise::run(&options)),
    };
    done.unwrap_or_else(|error| {
        eprintln!("shm-peers: {error}");
        ExitCode::FAILURE
    })
}

/// The second process.
fn second(role: &str, arguments: &[String]) -> Result<ExitCode> {
    sys::die_with_parent()?;
    let (name, arguments) = arguments.split_first().ok_or("no name")?;
    if role == "attach" {
        crowd::attach(name, arguments)?;
        return Ok(ExitCode::SUCCESS);
    }
    match Places::get() {
        // Several share the two processors, as the kernel places them.
        Some(places) if ["many", "kill"].contains(&role) => sys::unpin(&[places.parent, places.child])?,
        Some(places) => sys::pin(places.child)?,
        None => {}
    }
    match (role, name.as_str()) {
        ("stream" | "many" | "broadcast" | "kill", name) => streams::second(role, name, arguments)?,
        ("contend", name) => locks::contend(name, arguments)?,
        (_, "reference") => echo::<PingPong<&AtomicU64>>(arguments)?,
        (_, "attachment") => echo::<PingPong<Attached<Ball>>>(arguments)?,
        (_, "raw") => echo::<PingPong<Raw>>(arguments)?,
        (_, "trip") => echo::<streams::Trip>(arguments)?,
        (_, "ringfire-trip") => echo::<streams::RingfireTrip>(arguments)?,
        (_, "mail") => echo::<Mail>(arguments)?,
        (_, "latest") => echo::<Latest>(arguments)?,
        (_, "event") => echo::<Rung>(arguments)?,
        (_, "futex") => echo::<Futexes>(arguments)?,
        (_, "pipe") => echo::<Pipes>(arguments)?,
        (_, "socket") => echo::<Socket>(arguments)?,
        (_, "mq") => echo::<PosixQueues>(arguments)?,
        (_, "msg") => echo::<SystemVQueues>(arguments)?,
        (_, "ipc-channel") => echo::<IpcChannels>(arguments)?,
        (_, "iceoryx2") => echo::<Iceoryx>(arguments)?,
        (_, "mmap-sync") => echo::<MmapSync>(arguments)?,
        (_, name) => return Err(format!("no link is called {name}").into()),
    }
    Ok(ExitCode::SUCCESS)
}

/// The first process: measures all there is.
fn work(arguments: &[String]) -> Result<ExitCode> {
    let (run, options) = arguments.split_first().ok_or(USAGE)?;
    let (scratch, options) = (Scratch::of(run.parse()?), Options::parse(options.iter().cloned())?);
    let effort = if options.quick { Effort::QUICK } else { Effort::FULL };
    let machine = machine::describe();
    let mut report = Report::default();
    // So that nothing can be left behind, and 4,000 segments are in nobody's way.
    if let Err(error) = sys::own_ipc_namespace() {
        eprintln!("no IPC namespace of its own ({error}): segments are made among those of the system");
    }
    sys::hurry();
    let all = sys::processors();
    let places = Places::get();
    type Part<'a> = (&'a str, &'a dyn Fn(&mut Report) -> Result<()>);
    let parts: [Part<'_>; 8] = [
        ("links", &|report| links(&scratch, effort, report)),
        ("streams", &|report| streams::measure(&scratch, effort, report)),
        ("locks", &|report| locks::measure(effort, report)),
        ("snapshots", &|report| snapshots::measure(&scratch, effort, report)),
        ("life", &|report| life::measure(&scratch, effort, report)),
        ("memory", &|report| memory::measure(&scratch, effort, report)),
        ("compile", &|report| compile::measure(&scratch, effort, report)),
        ("scale", &|report| scale::measure(&scratch, effort, report)),
    ];
    for (name, part) in parts {
        if !options.only.is_empty() && !options.only.iter().any(|only| only == name) {
            continue;
        }
        match places {
            // Compilers and `prefault` may use all there is.
            Some(places) if !["compile", "memory"].contains(&name) => sys::pin(places.parent)?,
            _ => sys::unpin(&all)?,
        }
        eprintln!("\n{name}");
        if let Err(error) = part(&mut report) {
            report.skip(name, format_args!("failed: {error}"));
        }
    }
    let core = options.core.as_ref().map(fs::read_to_string).transpose()?;
    let text = report.markdown(&machine, core.as_deref());
    println!("{text}");
    fs::create_dir_all(&options.out)?;
    plot::all(&report, &options.out)?;
    match &options.into {
        Some(file) => splice(file, &text)?,
        None => fs::write(options.out.join("table.md"), &text)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Round trips between two processes.
fn links(scratch: &Scratch, effort: Effort, report: &mut Report) -> Result<()> {
    const FIELD: &str = "Round trip over one atomic field, two processes, both spin";
    const MAIL: &str = "Round trip of 64 bytes, two processes";
    if Places::get().is_none() {
        report.skip(FIELD, "takes two processors");
        return Ok(());
    }
    let mut add = |group, what: &str, peer, outcome, goal| report.add(group, what, peer, outcome, goal);
    let (s, e) = (scratch, effort);
    type Field = PingPong<&'static AtomicU64>;
    type ByAttachment = PingPong<Attached<Ball>>;
    let field = "a reference to the field";
    let (through, raw) = ("the field of the `Attached`, got each time", "raw pointer, same segment");
    add(FIELD, field, raw, compare::<Field, PingPong<Raw>>(s, e)?, Goal::Time(1.05));
    add(FIELD, through, raw, compare::<ByAttachment, PingPong<Raw>>(s, e)?, Goal::None);
    add(FIELD, field, "iceoryx2, 64 B, busy", compare::<Field, Iceoryx>(s, e)?, Goal::Speed(8.0));
    add(FIELD, field, "mmap-sync, 64 B, busy", compare::<Field, MmapSync>(s, e)?, Goal::Speed(10.0));
    add(FIELD, field, "pipe, 64 B", compare::<Field, Pipes>(s, e)?, Goal::Speed(300.0));
    let mail = "64 B by `set` and a flag, busy";
    add(MAIL, mail, "iceoryx2, busy", compare::<Mail, Iceoryx>(s, e)?, Goal::None);
    add(MAIL, mail, "mmap-sync, busy", compare::<Mail, MmapSync>(s, e)?, Goal::None);
    add(MAIL, mail, "pipe", compare::<Mail, Pipes>(s, e)?, Goal::None);
    add(MAIL, mail, "Unix socket", compare::<Mail, Socket>(s, e)?, Goal::None);
    add(MAIL, mail, "POSIX message queue", compare::<Mail, PosixQueues>(s, e)?, Goal::None);
    add(MAIL, mail, "System V message queue", compare::<Mail, SystemVQueues>(s, e)?, Goal::None);
    add(MAIL, mail, "ipc-channel", compare::<Mail, IpcChannels>(s, e)?, Goal::None);
    let latest = "`SeqLock` of 64 B, busy";
    add(MAIL, latest, "iceoryx2, busy", compare::<Latest, Iceoryx>(s, e)?, Goal::Speed(3.0));
    add(MAIL, latest, "mmap-sync, busy", compare::<Latest, MmapSync>(s, e)?, Goal::None);
    const BELLS: &str = "Round trip with both sides asleep, two processes";
    add(BELLS, "`Event`", "raw shared futex", compare::<Rung, Futexes>(s, e)?, Goal::Time(1.1));
    add(BELLS, "`Event`", "pipe, 64 B", compare::<Rung, Pipes>(s, e)?, Goal::None);
    Ok(())
}

/// Puts `text` between the marks of a Markdown file.
fn splice(file: &Path, text: &str) -> Result<()> {
    const BEGIN: &str = "<!-- the last run begins -->\n";
    const END: &str = "<!-- the last run ends -->";
    let old = fs::read_to_string(file)?;
    let (before, rest) = old.split_once(BEGIN).ok_or("no mark where the last run begins")?;
    let (_, after) = rest.split_once(END).ok_or("no mark where the last run ends")?;
    Ok(fs::write(file, format!("{before}{BEGIN}\n{text}\n{END}{after}"))?)
}
