//! What was measured, as Markdown.

use std::fmt::Write;

use crate::measure::{Outcome, Spread};

/// What the ratio should be.
#[derive(Clone, Copy, PartialEq)]
pub enum Goal {
    /// Ours takes at most so many times the peer's time.
    Time(f64),
    /// Ours is at least so many times as fast.
    Speed(f64),
    /// There is none.
    None,
}

/// One comparison.
pub struct Row {
    pub group: &'static str,
    pub what: String,
    pub peer: &'static str,
    pub outcome: Outcome,
    pub goal: Goal,
}

impl Row {
    /// Whether the goal was reached, if there is one.
    pub fn met(&self) -> Option<bool> {
        match self.goal {
            Goal::Time(most) => Some(self.outcome.ratio.median <= most),
            Goal::Speed(least) => Some(self.speed().median >= least),
            Goal::None => None,
        }
    }

    /// How many times as fast ours is.
    pub fn speed(&self) -> Spread {
        self.outcome.ratio.inverse()
    }

    fn line(&self) -> String {
        let (ratio, unit, goal) = match self.goal {
            Goal::Time(most) => (self.outcome.ratio, "the time", format!("≤ {most}×")),
            Goal::Speed(least) => (self.speed(), "as fast", format!("≥ {least}×")),
            Goal::None => (self.speed(), "as fast", String::new()),
        };
        let met = match self.met() {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "",
        };
        let Spread { low, median, high } = ratio;
        format!(
            "| {} | {} | {} | {} | {}× {unit} ({}–{}) | {goal} | {met} |",
            self.what,
            time(self.outcome.ours),
            self.peer,
            time(self.outcome.peer),
            figure(median),
            figure(low),
            figure(high),
        )
    }
}

/// Something that was not measured here, and why.
pub struct Skipped {
    pub what: String,
    pub why: String,
}

/// A table of growth: a line for each size, a column for each cost.
pub struct Growth {
    pub title: &'static str,
    pub explanation: &'static str,
    pub size: &'static str,
    pub columns: Vec<&'static str>,
    /// The size, its name, and the costs.
    pub lines: Vec<(f64, String, Vec<f64>)>,
}

/// A table of times that have no peer: a line for each thing, of which they were taken many times.
pub struct Delays {
    pub title: &'static str,
    pub explanation: &'static str,
    pub what: &'static str,
    /// What it is, and each of its times in nanoseconds.
    pub lines: Vec<(String, Vec<f64>)>,
}

#[derive(Default)]
pub struct Report {
    pub rows: Vec<Row>,
    pub growth: Vec<Growth>,
    pub delays: Vec<Delays>,
    pub skipped: Vec<Skipped>,
}

impl Report {
    pub fn add(
        &mut self,
        group: &'static str,
        what: impl Into<String>,
        peer: &'static str,
        outcome: Outcome,
        goal: Goal,
    ) {
        let row = Row { group, what: what.into(), peer, outcome, goal };
        eprintln!("{}", row.line());
        self.rows.push(row);
    }

    pub fn skip(&mut self, what: impl Into<String>, why: impl std::fmt::Display) {
        let skipped = Skipped { what: what.into(), why: why.to_string() };
        eprintln!("skipped: {}: {}", skipped.what, skipped.why);
        self.skipped.push(skipped);
    }

    pub fn groups(&self) -> Vec<&'static str> {
        let mut groups: Vec<_> = self.rows.iter().map(|row| row.group).collect();
        groups.dedup();
        groups
    }

    /// All of it, and what the benchmarks of the library by itself printed.
    pub fn markdown(&self, machine: &str, core: Option<&str>) -> String {
        let mut text = format!("{machine}\n");
        for group in self.groups() {
            let _ = write!(
                text,
                "\n### {group}\n\n| what | ours | peer | its time | ratio | goal | |\n| --- | ---: | --- | ---: | --- | --- | --- |\n"
            );
            for row in self.rows.iter().filter(|row| row.group == group) {
                let _ = writeln!(text, "{}", row.line());
            }
        }
        let slower: Vec<_> = self.rows.iter().filter(|row| row.outcome.ratio.low > 1.0).collect();
        text.push_str("\n### Where the peer is better\n\n");
        for row in &slower {
            let Spread { low, median, high } = row.outcome.ratio;
            let _ = writeln!(
                text,
                "- {}. {}: ours takes {}× the time of {} ({}–{}).",
                row.group,
                row.what,
                figure(median),
                row.peer,
                figure(low),
                figure(high)
            );
        }
        if slower.is_empty() {
            text.push_str("Nowhere in nine of ten pairs.\n");
        }
        for growth in &self.growth {
            text.push_str(&growth.markdown());
        }
        for delays in &self.delays {
            text.push_str(&delays.markdown());
        }
        if let Some(core) = core {
            let summary = "The library by itself: beside raw pointers, memcpy and libc, in one process";
            let core = core.trim_end();
            let _ = write!(
                text,
                "\n<details><summary>{summary}</summary>\n\n```text\n{core}\n```\n\n</details>\n"
            );
        }
        if !self.skipped.is_empty() {
            text.push_str("\n### Not measured\n\n");
        }
        for Skipped { what, why } in &self.skipped {
            let _ = writeln!(text, "- {what}: {why}");
        }
        text
    }
}

impl Growth {
    fn markdown(&self) -> String {
        let mut text = format!(
            "\n### {}\n\n{}\n\n| {} | {} |\n| ---: |{}\n",
            self.title,
            self.explanation,
            self.size,
            self.columns.join(" | "),
            " ---: |".repeat(self.columns.len())
        );
        for (_, name, costs) in &self.lines {
            let costs: Vec<_> = costs.iter().map(|&cost| time(cost)).collect();
            let _ = writeln!(text, "| {name} | {} |", costs.join(" | "));
        }
        text
    }
}

impl Delays {
    fn markdown(&self) -> String {
        let Self { title, explanation, what, lines } = self;
        let mut text = format!(
            "\n### {title}\n\n{explanation}\n\n| {what} | times | median | 99th percentile | longest |\n\
             | --- | ---: | ---: | ---: | ---: |\n"
        );
        for (name, times) in lines {
            let mut times = times.clone();
            times.sort_by(f64::total_cmp);
            let at = |percent: usize| times.get(times.len().saturating_sub(1) * percent / 100).copied();
            let [median, high, longest] = [50, 99, 100].map(|percent| time(at(percent).unwrap_or(f64::NAN)));
            let _ = writeln!(text, "| {name} | {} | {median} | {high} | {longest} |", times.len());
        }
        text
    }
}

/// Nanoseconds, in a unit that suits them.
pub fn time(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        value if value.is_nan() => return String::from("–"),
        value if value < 0.1 => (value * 1e3, "ps"),
        value if value < 1e3 => (value, "ns"),
        value if value < 1e6 => (value / 1e3, "µs"),
        value if value < 1e9 => (value / 1e6, "ms"),
        value => (value / 1e9, "s"),
    };
    format!("{} {unit}", figure(value))
}

/// Three digits.
pub fn figure(value: f64) -> String {
    match value {
        value if value >= 99.95 => format!("{value:.0}"),
        value if value >= 9.995 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
