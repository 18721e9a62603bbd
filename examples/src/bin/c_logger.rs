//! A log whose length a C program chooses: `c/log.c` is there first, and Rust writes on.
//!
//! ```text
//! cargo run --bin c_logger
//! ```

#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{self, Stdio};
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Release},
};

use shm_examples::CProgram;
use shm_runtime::{Key, Shareable, SharedSegment, TailedSegment};

/// `struct record` of the C program.
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
#[shm(size = 24)]
struct Record {
    time: u64,
    value: f64,
    level: u8,
}

/// `struct log`, which ends in a flexible array member: how long it is, the segment's size says.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(key = 0x57480002, bare, size = 8)]
struct Log {
    written: AtomicU64,
    #[shm(offset = 8)]
    records: [Record],
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(program) = CProgram::compile("log")? else {
        return Ok(());
    };
    // Another key than the struct's, so that two of these can run side by side.
    let key = Key::name(format!("org.example.c-logger.{}", process::id()));
    let mut logger = program
        .command()
        .args([format!("{:#x}", key.value()?), "4".to_owned()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (stdin, stdout) = (logger.stdin.take(), logger.stdout.take().ok_or("no pipe")?);
    // Its first line says that the segment is there.
    let mut lines = BufReader::new(stdout).lines();
    println!("{}", lines.next().ok_or("the C program said nothing")??);

    let log = Log::options().key(key).open()?.attach()?;
    println!("Rust: opened a log of {} records", log.records.len());
    // A number that another process wrote is not an index before it is checked: `get` does so.
    let next = || usize::try_from(log.written.load(Acquire)).ok().and_then(|next| log.records.get(next));
    while let Some(record) = next() {
        let time = log.written.load(Acquire) + 1;
        record.set(Record { time, value: 20.0 + 1.5 * time as f64, level: 1 });
        log.written.store(time, Release);
    }
    println!("Rust: the log is full");

    // The end of its input ends the C program, which removes the segment.
    drop(stdin);
    for line in lines {
        println!("{}", line?);
    }
    let status = logger.wait()?;
    if !status.success() {
        return Err(format!("the C program failed: {status}").into());
    }
    Ok(())
}
