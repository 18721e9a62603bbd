//! `shm doctor`: what is wrong, what it means, and what mends it.

mod limits;
mod objects;
mod open;
mod system;

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::Serialize;

use self::limits::Limit;
use crate::failure::Outcome;
use crate::kinds::Kinds;
use crate::table::{Column, Table};
use crate::target::Target;
use crate::terminal::{Printable, Style, Terminal};

/// Say what is wrong with the system's objects, or why one of them cannot be opened.
///
/// Without a NAME: how much of the kernel's limits is used, what of the system's settings removes or hides objects, and which objects
/// any user may write, or were left behind. With a NAME: why `open` of a program of this user fails here and now, as far as the
/// object can tell; what the program expects of it (its layout, its options) is not known.
///
/// The exit status is 0 if nothing was found, and 1 if something was.
#[derive(clap::Args)]
pub(crate) struct Doctor {
    name: Option<Target>,
    #[command(flatten)]
    kinds: Kinds,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// What is said.
#[derive(Default, Serialize)]
struct Report {
    limits: Vec<Limit>,
    /// Of the system, neither right nor wrong.
    facts: Vec<Fact>,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Fact {
    /// For programs.
    name: &'static str,
    value: String,
    means: String,
}

/// Something that is wrong.
#[derive(Serialize)]
struct Finding {
    /// Which of the kinds of findings it is: for programs.
    name: &'static str,
    /// What is so, and of which object;
    found: String,
    /// what follows;
    means: String,
    /// and the command that mends it, or what else does.
    mend: String,
}

/// As many findings of one kind as are shown to people.
const MOST_SHOWN: usize = 10;

impl Doctor {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        let mut report = Report::default();
        system::look(&mut report);
        match self.name {
            Some(name) => {
                // Only what is wrong with this object.
                report.findings.clear();
                open::look(&name, self.kinds, &mut report)?;
            }
            None => {
                let objects = objects::all(self.kinds, &mut report);
                limits::look(&objects, self.kinds, &mut report);
                objects::look(&objects, &mut report);
                system::look_at_removal(&objects, &mut report);
            }
        }
        match self.json {
            true => terminal.json(&report)?,
            false => report.print(terminal)?,
        }
        Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Report {
    fn finds(
        &mut self,
        name: &'static str,
        found: String,
        means: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.findings.push(Finding { name, found, means: means.into(), mend: mend.into() });
    }

    fn print(&self, terminal: &mut Terminal) -> std::io::Result<()> {
        if !self.limits.is_empty() {
            let mut table = Table::new(&[
                Column::Left("LIMIT"),
                Column::Right("USED"),
                Column::Right("MOST"),
                Column::Left("OF"),
            ]);
            for limit in &self.limits {
                let most = match limit.limit {
                    Some(limits::UNLIMITED..) => "no limit".to_owned(),
                    Some(most) => most.to_string(),
                    None => "not known".to_owned(),
                };
                table.row([limit.name.to_owned(), limit.used.to_string(), most, limit.of.to_owned()]);
            }
            table.print(terminal)?;
            terminal.line("")?;
        }
        let mut table = Table::new(&[Column::Left("FACT"), Column::Left("VALUE"), Column::Left("MEANS")]);
        for Fact { name, value, means } in &self.facts {
            table.row([(*name).to_owned(), value.clone(), means.clone()]);
        }
        table.print(terminal)?;
        let mut kinds = BTreeMap::<_, usize>::new();
        for finding in &self.findings {
            let count = kinds.entry(finding.name).or_default();
            *count += 1;
            if *count <= MOST_SHOWN {
                finding.print(terminal)?;
            }
        }
        for (name, count) in kinds.into_iter().filter(|&(_, count)| count > MOST_SHOWN) {
            terminal.line(format_args!("\n{} more of {name}: --json has all", count - MOST_SHOWN))?;
        }
        match self.findings.len() {
            0 => terminal.line("\nnothing is wrong"),
            1 => terminal.line("\n1 finding"),
            count => terminal.line(format_args!("\n{count} findings")),
        }
    }
}

impl Finding {
    fn print(&self, terminal: &mut Terminal) -> std::io::Result<()> {
        let Self { found, means, mend, .. } = self;
        terminal.line("")?;
        terminal.styled(Style::Bold, Printable(found))?;
        terminal.line("")?;
        terminal.line(Printable(format_args!("  means: {means}")))?;
        terminal.line(Printable(format_args!("  mend:  {mend}")))
    }
}
