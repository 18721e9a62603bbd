//! `shm diff`: how two layouts differ.

use std::process::{Command, ExitCode, Stdio};

use crate::failure::{Failure, Outcome};
use crate::source::{Described, Source};
use crate::terminal::{Printable, Terminal};

/// Compare two layouts: of segments, of schemas in files, or of what a program prints.
///
/// Exit status, as that of diff(1): 0 if they are the same, 1 if they differ, 2 if that cannot be told.
#[derive(clap::Args)]
pub(crate) struct Diff {
    /// A segment's NAME; or a file with a schema: a path with `/`, a name that ends in `.schema`, or `-` for the standard input.
    a: Source,
    /// The same.
    #[arg(required_unless_present = "program")]
    b: Option<Source>,
    /// Instead of B: a shell command that prints a schema, as `println!("{}", Schema::of::<Station>())` does.
    #[arg(long, value_name = "COMMAND", conflicts_with = "b")]
    program: Option<String>,
}

/// The exit status of a failure, which is not a difference.
pub(super) const TROUBLE: u8 = 2;

impl Diff {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        if let (Source::Input, Some(Source::Input)) = (&self.a, &self.b) {
            return Err(Failure::new("only one of the two can be the standard input"));
        }
        let a = self.a.read()?;
        let b = match (&self.b, &self.program) {
            (Some(source), _) => source.read()?,
            (None, Some(command)) => printed(command)?,
            // clap has seen to it.
            (None, None) => return Err(Failure::new("a second layout is missing")),
        };
        if a.schema == b.schema {
            return Ok(ExitCode::SUCCESS);
        }
        terminal.line(format_args!("--- {}", Printable(&a.of)))?;
        terminal.line(format_args!("+++ {}", Printable(&b.of)))?;
        terminal.write(a.schema.difference(&b.schema))?;
        Ok(ExitCode::FAILURE)
    }
}

/// The schema that a program prints.
fn printed(command: &str) -> Result<Described, Failure> {
    let of = format!("what `{command}` prints");
    let failed = |why: &str| Failure::new(format!("{of} is not known: {why}"));
    let mut shell = Command::new("sh");
    let started = shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut program = started.map_err(|error| failed(&format!("sh: {error}")))?;
    // Closed after that, which ends a program that goes on printing.
    let described = match program.stdout.take() {
        Some(output) => Described::from_text(output, of.clone()),
        None => return Err(failed("it has no output")),
    };
    let status = program.wait().map_err(|error| failed(&error.to_string()))?;
    match described {
        // Ended by SIGPIPE, perhaps, because it printed too much; a shell says so by its status.
        Err(_) if matches!(status.code(), None | Some(141)) => described,
        _ if !status.success() => Err(failed(&format!("it ended with {status}"))),
        _ => described,
    }
}
