//! The other process: does what it is told by one of its domains, `peer DOMAIN`, a line at a time.
//!
//! It says `ready`, and answers each line with one: `ok VALUE` or `err KIND DEBUG TEXT`, with tabs between, and `\n` for a
//! line's end in them. `refuse CALL ERRNO` has the kernel refuse a system call from then on. It ends when its input does. `peer DOMAIN COMMAND...` does only that command, without `ready`, and
//! answers if there is something to say.
//!
//! It has one thread, so that it may fork.

use std::error::Error;
use std::io::{BufRead as _, Write as _};

use shm_tests::seccomp::{Refused, refuse};
use shm_tests::structs::{Bare, Board};

mod clock;
mod guards;
mod ipc;
mod rings;
mod seal;
mod segment;
mod sync;
mod upgrade;

/// What a command gives, or an error: one of the library's, which the test is told of, or another, which says what the peer did
/// not understand.
type Answer = Result<String, Box<dyn Error>>;

/// The commands of one domain, and what they left.
trait Domain {
    /// Does what the words say.
    fn follow(&mut self, words: &[&str]) -> Answer;
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (&name, words) = arguments.split_first().expect("a domain");
    let mut domain: Box<dyn Domain> = match name {
        "board" => Box::<segment::Told<Board>>::default(),
        "bare" => Box::<segment::Told<Bare>>::default(),
        "seal" => Box::<seal::Peer>::default(),
        "ipc" => Box::<ipc::Peer>::default(),
        "guards" => Box::<guards::Peer>::default(),
        "rings" => Box::new(rings::Peer),
        "sync" => Box::new(sync::Peer),
        "upgrade" => Box::<upgrade::Peer>::default(),
        _ => panic!("there is no domain {name}"),
    };
    if words.is_empty() {
        serve(&mut *domain);
    } else {
        let answer = domain.follow(words);
        // One that has nothing to say makes no system call for that: some tests stop it at each.
        if !matches!(&answer, Ok(value) if value.is_empty()) {
            say(&told(words, answer));
        }
    }
}

fn serve(domain: &mut dyn Domain) {
    say("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("commands are text");
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match *words {
            ["refuse", call, errno] => Ok(refuse(&Refused::named(call), number(errno)).to_string()),
            _ => domain.follow(&words),
        };
        say(&told(&words, answer));
    }
}

/// An answer as a line.
fn told(words: &[&str], answer: Answer) -> String {
    match answer {
        Ok(value) => format!("ok\t{value}"),
        Err(error) => match error.downcast::<shm_runtime::Error>() {
            Ok(error) => format!("err\t{}\t{:?}\t{error}", kind(&error), error.kind()),
            Err(error) => format!("not understood: {words:?}: {error}"),
        },
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", line.replace('\n', "\\n")).expect("the test listens");
    out.flush().expect("the test listens");
}

/// The name of an error's kind, without what it holds.
fn kind(error: &shm_runtime::Error) -> String {
    let kind = format!("{:?}", error.kind());
    kind.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}

fn number<N: std::str::FromStr>(word: &str) -> N {
    word.parse().unwrap_or_else(|_| panic!("{word} is not a number"))
}
