//! A segment that a C program creates: `c/counter.c` is there first, and Rust joins.
//!
//! ```text
//! cargo run --bin c_server
//! ```

#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{self, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shm_examples::{CProgram, describe};
use shm_runtime::{Key, SharedSegment};

/// `struct counter` of the C program, number by number: a difference does not compile.
///
/// `bare`: the segment is exactly as large as the struct, as the C program made it.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(key = 0x57480001, bare, size = 16, align = 8)]
struct Counter {
    #[shm(offset = 0)]
    version: u32,
    #[shm(offset = 4)]
    step: u32,
    #[shm(offset = 8)]
    count: AtomicU64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(program) = CProgram::compile("counter")? else {
        return Ok(());
    };
    // Another key than the struct's, so that two of these can run side by side.
    let key = Key::name(format!("org.example.c-server.{}", process::id()));
    let mut server = program
        .command()
        .arg(format!("{:#x}", key.value()?))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (stdin, stdout) = (server.stdin.take(), server.stdout.take().ok_or("no pipe")?);
    // Its first line says that the segment is there and filled in.
    let mut lines = BufReader::new(stdout).lines();
    println!("{}", lines.next().ok_or("the C program said nothing")??);

    let segment = Counter::options().key(key).open()?;
    let counter = segment.attach()?;
    println!("Rust: opened it: {}", describe(&segment)?);
    // Nothing is known about a segment that others fill in: check what has to hold.
    if counter.version.get() != 1 {
        return Err(format!("version {} of the counter is not known here", counter.version.get()).into());
    }
    counter.count.fetch_add(u64::from(counter.step.get()), Relaxed);
    println!("Rust: counted to {}", counter.count.load(Relaxed));

    // The end of its input ends the C program, which removes the segment.
    drop(stdin);
    for line in lines {
        println!("{}", line?);
    }
    let status = server.wait()?;
    if !status.success() {
        return Err(format!("the C program failed: {status}").into());
    }
    Ok(())
}
