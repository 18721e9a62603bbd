//! What the tests share: keys of their own, guards, oracles, other processes, and the structs they share with those.

pub mod c;
pub mod child;
pub mod hygiene;
pub mod key;
pub mod oracle;
pub mod structs;
pub mod temp;

/// The program of the other process, to be run as it is or changed first: a [`child::Peer`].
#[macro_export]
macro_rules! peer {
    () => {
        $crate::child::Peer::new(env!("CARGO_BIN_EXE_peer"))
    };
}

/// Says, past the capture of the test harness, that a test is skipped because the machine lacks something.
pub fn skip(why: &str) {
    use std::io::Write;
    let thread = std::thread::current();
    // Not `eprintln!`, which the harness shows for failed tests alone.
    let _ = writeln!(std::io::stderr(), "skipped {}: {why}", thread.name().unwrap_or("a test"));
}
