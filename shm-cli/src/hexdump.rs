//! Bytes of which nothing is known, as `hexdump -C` shows them.

use std::fmt::Write as _;

use shm_runtime::Schema;
use shm_runtime::inspect::{Attached, Value};

use crate::failure::Failure;
use crate::terminal::Terminal;

/// Bytes in a line.
const WIDTH: usize = 16;

/// All bytes of the segment. Lines that are as the one before are one `*`, unless `all` are asked for.
pub(crate) fn print(attached: Attached, all: bool, terminal: &mut Terminal) -> Result<(), Failure> {
    let size = attached.size();
    let schema = Schema::parse(&format!("[{size}] u8\n")).map_err(|error| Failure::new(error.to_string()))?;
    let attached = attached.with_schema(schema)?;
    let mut bytes = attached.root()?.elements().map(|byte| match byte.get() {
        Value::Int(byte) => u8::try_from(byte).unwrap_or_default(),
        _ => 0,
    });
    let (mut before, mut line) = (Vec::new(), Vec::with_capacity(WIDTH));
    let (mut at, mut folding) = (0, false);
    while at < size {
        line.clear();
        line.extend(bytes.by_ref().take(WIDTH));
        if line == before && !all {
            if !folding {
                terminal.line("*")?;
            }
            folding = true;
        } else {
            terminal.line(shown(at, &line))?;
            folding = false;
            before.clone_from(&line);
        }
        at += WIDTH;
    }
    terminal.line(format_args!("{size:08x}"))?;
    Ok(())
}

/// `00000010  48 65 6c 6c 6f 00 00 00  00 00 00 00 00 00 00 00  |Hello...........|`.
fn shown(at: usize, bytes: &[u8]) -> String {
    let mut line = format!("{at:08x} ");
    for i in 0..WIDTH {
        if i % 8 == 0 {
            line.push(' ');
        }
        match bytes.get(i) {
            // Writing to a string does not fail.
            Some(byte) => _ = write!(line, "{byte:02x} "),
            None => line.push_str("   "),
        }
    }
    line.push_str(" |");
    line.extend(bytes.iter().map(|&byte| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '.' }));
    line.push('|');
    line
}
