//! A job queue of texts of any length: a process sends lines, short, long and empty ones, and another one counts their words.
//! A Perl, PHP or C program could do either.
//!
//! ```text
//! cargo run --bin texts
//! ```

#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::process::Command;

use shm_runtime::Key;
use shm_runtime::msg::{Queue, Select};

/// The types of messages. The worker takes the lowest first.
const TEXT: i64 = 1;
const STOP: i64 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        None => send(),
        Some(id) => count(&Queue::from_id(id.parse()?)?),
    }
}

/// The first process.
fn send() -> Result<(), Box<dyn Error>> {
    let texts = Queue::<[u8]>::create(Key::private())?.remove_on_drop();
    let long = "a text of many words ".repeat(100);
    for text in ["two words", "", "Grüße aus München", &long] {
        texts.send(TEXT, text.as_bytes())?;
    }
    texts.send(STOP, &[])?;

    // A look at the next message, which stays for the worker.
    if let Some(next) = texts.peek(0)? {
        println!("sender: the next text is {:?}", String::from_utf8_lossy(&next.value));
    }
    let status = Command::new(env::current_exe()?).arg(texts.id().to_string()).status()?;
    if !status.success() {
        return Err(format!("the worker failed: {status}").into());
    }
    println!("sender: {} texts are left", texts.stat()?.messages);
    Ok(())
}

/// The other process.
fn count(texts: &Queue<[u8]>) -> Result<(), Box<dyn Error>> {
    // One buffer for all of them: it grows to the longest.
    let mut bytes = Vec::new();
    while texts.receive_into(Select::UpTo(STOP), &mut bytes)? != STOP {
        // Another process may send any bytes.
        let text = String::from_utf8_lossy(&bytes);
        println!("worker: {} bytes, {} words", bytes.len(), text.split_whitespace().count());
    }
    Ok(())
}
