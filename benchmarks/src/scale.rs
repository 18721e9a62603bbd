//! Growth: fields, bytes, processes, segments.

use std::fmt::Write;
use std::hint::black_box;
use std::process::Command;

use shm_runtime::{Key, RemoveOnDrop, Segment, SharedSegment};

use crate::compile::{self, Crate};
use crate::measure::{self, Effort, Spread};
use crate::report::{Growth, Report};
use crate::{Result, Scratch, crowd, life, sys};

pub fn measure(scratch: &Scratch, effort: Effort, report: &mut Report) -> Result<()> {
    fields(scratch, effort, report)?;
    bytes(effort, report)?;
    crowd::measure(effort, report)?;
    segments(scratch, effort, report)
}

/// The program that measures a struct of some fields; it is compiled when the number is known.
const PROGRAM: &str = r#"
use std::hint::black_box;
use std::time::Instant;

use shm_runtime::SharedSegment;

/// The median of what it took, in nanoseconds.
fn time(mut operation: impl FnMut()) -> f64 {
    let mut count = 1;
    let mut times = Vec::new();
    while times.len() < 21 {
        let start = Instant::now();
        for _ in 0..count {
            operation();
        }
        let took = start.elapsed().as_secs_f64();
        if took < 0.0005 && count < 1 << 20 {
            count *= 2;
        } else {
            times.push(took * 1e9 / f64::from(count));
        }
    }
    times.sort_by(f64::total_cmp);
    times[10]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let segment = Scale::create()?.remove_on_drop();
    let memory = segment.attach()?;
    let value = memory.get();
    let get = time(|| { black_box(memory.get()); });
    let set = time(|| memory.set(black_box(value)));
    let debug = time(|| { black_box(format!("{:?}", *memory)); });
    let attach = time(|| drop(segment.attach().unwrap()));
    println!("{get} {set} {debug} {attach}");
    Ok(())
}
"#;

fn fields(scratch: &Scratch, effort: Effort, report: &mut Report) -> Result<()> {
    let counts: &[usize] = if effort.quick { &[1, 100] } else { &[1, 10, 100, 1000, 10_000] };
    let mut lines = Vec::new();
    for &count in counts {
        match struct_of(scratch, count) {
            Ok(costs) => lines.push((count as f64, count.to_string(), costs)),
            Err(error) => report.skip(format!("a struct of {count} fields"), error),
        }
    }
    report.growth.push(Growth {
        title: "Fields of a struct",
        explanation: "A struct of `u64` fields: `get`, `set` and `Debug` of the whole, for each field; attaching and \
                      detaching a sealed segment, whose seal names all fields, at all and for each field; `cargo check` of \
                      the crate.",
        size: "fields",
        columns: vec!["get, a field", "set, a field", "Debug, a field", "attach", "attach, a field", "cargo check"],
        lines,
    });
    Ok(())
}

/// What a struct of so many fields costs.
fn struct_of(scratch: &Scratch, count: usize) -> Result<Vec<f64>> {
    let mut source = String::from(
        "#[derive(Clone, Copy, shm_runtime::SharedSegment)]\n#[repr(C)]\n#[shm(private)]\npub struct Scale {\n",
    );
    for field in 0..count {
        let _ = writeln!(source, "    pub field_{field}: u64,");
    }
    source.push_str("}\n");
    source.push_str(PROGRAM);
    let made = Crate::new(scratch, "scale", &format!("scale{count}"), &compile::ours(), &source)?;
    made.cargo(&["check"])?;
    let check = made.check()?;
    made.cargo(&["build", "--release"])?;
    let output = Command::new(made.program()).output()?;
    let text = String::from_utf8(output.stdout)?;
    let costs: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [get, set, debug, attach] = costs[..] else {
        return Err(format!("its program failed: {}", output.status).into());
    };
    let each = |cost| cost / count as f64;
    Ok(vec![each(get), each(set), each(debug), attach, each(attach), check])
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Words<const N: usize> {
    words: [u64; N],
}

fn bytes(effort: Effort, report: &mut Report) -> Result<()> {
    let mut lines = Vec::new();
    lines.push(words::<128>(effort, "1 KiB")?);
    lines.push(words::<{ 4 << 10 }>(effort, "32 KiB")?);
    lines.push(words::<{ 128 << 10 }>(effort, "1 MiB")?);
    lines.push(words::<{ 4 << 20 }>(effort, "32 MiB")?);
    let memory = std::fs::read_to_string("/proc/meminfo")?;
    let available = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let available: u64 = available.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0);
    match (effort.quick, available >> 20) {
        (true, _) => report.skip("1 GiB", "takes too long for `--quick`"),
        (_, ..4) => report.skip("1 GiB", "takes 4 GiB of free memory"),
        _ => lines.push(words::<{ 128 << 20 }>(effort, "1 GiB")?),
    }
    report.growth.push(Growth {
        title: "Bytes of a segment",
        explanation: "Attaching and detaching a sealed segment; `prefault` of a new one, `copy_from` and `copy_to` of the \
                      whole, for each byte. From 32 MiB on, the copies do not fit into the caches.",
        size: "bytes",
        columns: vec!["attach", "prefault, a byte", "copy_from, a byte", "copy_to, a byte"],
        lines,
    });
    Ok(())
}

fn words<const N: usize>(effort: Effort, name: &str) -> Result<(f64, String, Vec<f64>)> {
    let size = (N * 8) as f64;
    // So that the large ones take seconds, and the small ones are not lost in the noise.
    let samples = if N > 1 << 20 { effort.long_pairs.min(5) } else { effort.pairs };
    let mut prefaults = Vec::new();
    for _ in 0..samples {
        let segment = Words::<N>::create()?.remove_on_drop();
        let memory = segment.attach()?;
        prefaults.push(measure::each(measure::time(1, || Ok(memory.prefault()?))?, 1) / size);
    }
    let segment = Words::<N>::create()?.remove_on_drop();
    let memory = segment.attach()?;
    let mut private = vec![1u64; N];
    let median = |operation: &mut dyn FnMut() -> Result<()>| -> Result<f64> {
        let count = measure::calibrate(effort.sample, |count| measure::time(count, &mut *operation))?;
        let times = (0..samples).map(|_| Ok(measure::each(measure::time(count, &mut *operation)?, count)));
        Ok(Spread::of(times.collect::<Result<_>>()?).median)
    };
    let from = median(&mut || {
        memory.words.copy_from(black_box(&private));
        Ok(())
    })?;
    let to = median(&mut || {
        memory.words.copy_to(black_box(&mut private));
        Ok(())
    })?;
    let attach = median(&mut || Ok(segment.attach()?.detach()?))?;
    Ok((size, name.to_owned(), vec![attach, Spread::of(prefaults).median, from / size, to / size]))
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Small {
    value: u64,
}

fn segments(scratch: &Scratch, effort: Effort, report: &mut Report) -> Result<()> {
    let limit = sys::number_in("/proc/sys/kernel/shmmni").unwrap_or(0);
    let used = std::fs::read_to_string("/proc/sysvipc/shm")?.lines().count().saturating_sub(1);
    let room = usize::try_from(limit)?.saturating_sub(used + 64);
    let key = |number: usize| Key::name(format!("{}{number}", scratch.prefix()));
    let create =
        |number| Ok::<_, shm_runtime::Error>(Small::options().key(key(number)).create()?.remove_on_drop());
    let mut all: Vec<RemoveOnDrop<Segment<Small>>> = Vec::new();
    let mut lines = Vec::new();
    for size in [1, 10, 100, 1000, 4000] {
        if size > room {
            report.skip(format!("{size} segments"), format_args!("there is room for {room} (kernel.shmmni)"));
            break;
        }
        while all.len() < size {
            all.push(create(all.len())?);
        }
        let mut next = 0;
        let rounds = if effort.quick { 200 } else { 2000 };
        let open = measure::time(rounds, || {
            next = (next + 7) % size;
            Ok(Small::options().key(key(next)).open()?.attach_read_only()?.value.get())
        })?;
        let raw = measure::time(rounds, || {
            next = (next + 7) % size;
            life::raw_open(all[next].key())
        })?;
        let make = measure::time(rounds, || {
            drop(create(size)?);
            Ok(())
        })?;
        let costs =
            vec![measure::each(make, rounds), measure::each(open, rounds), measure::each(raw, rounds)];
        lines.push((size as f64, size.to_string(), costs));
    }
    report.growth.push(Growth {
        title: "Segments in the system",
        explanation: "Making and removing one more (sealed, 8 bytes); opening, attaching, reading and detaching each in turn, by this library and by hand.",
        size: "segments",
        columns: vec!["create and remove", "open, attach, read, detach", "the same by libc"],
        lines,
    });
    Ok(())
}
