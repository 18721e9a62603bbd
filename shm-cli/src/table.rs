//! Tables for people: columns side by side, without lines.

use std::fmt::Write as _;
use std::io;

use unicode_width::UnicodeWidthStr as _;

use crate::terminal::{Printable, Style, Terminal};

/// A column: its heading, and on which side its texts stand.
#[derive(Clone, Copy)]
pub(crate) enum Column {
    /// Words.
    Left(&'static str),
    /// Numbers.
    Right(&'static str),
}

/// Rows under headings.
pub(crate) struct Table {
    columns: Vec<Column>,
    /// How many columns of the terminal the widest text of each has.
    widths: Vec<usize>,
    /// The texts of all rows, one after another, each with its width.
    texts: Vec<(String, usize)>,
}

impl Table {
    pub(crate) fn new(columns: &[Column]) -> Self {
        let widths = columns.iter().map(|column| column.heading().width()).collect();
        Self { columns: columns.to_vec(), widths, texts: Vec::new() }
    }

    /// A row, whose texts may be from memory: what is in one stays in its line.
    pub(crate) fn row(&mut self, texts: impl IntoIterator<Item = String>) {
        let mut texts = texts.into_iter();
        for widest in &mut self.widths {
            let mut text = texts.next().unwrap_or_default();
            if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                text = Printable(text).to_string();
            }
            let width = text.width();
            *widest = width.max(*widest);
            self.texts.push((text, width));
        }
    }

    pub(crate) fn print(&self, terminal: &mut Terminal) -> io::Result<()> {
        let headings = self.columns.iter().map(|column| (column.heading(), column.heading().width()));
        terminal.styled(Style::Bold, self.line(headings))?;
        terminal.line("")?;
        self.texts.chunks(self.columns.len()).try_for_each(|row| {
            terminal.line(self.line(row.iter().map(|(text, width)| (text.as_str(), *width))))
        })
    }

    fn line<'a>(&self, texts: impl Iterator<Item = (&'a str, usize)>) -> String {
        let mut line = String::new();
        for ((text, width), (column, widest)) in texts.zip(self.columns.iter().zip(&self.widths)) {
            let blank = widest - width;
            // Writing to a string does not fail.
            let _ = match column {
                Column::Left(_) => write!(line, "{text}{:blank$}  ", ""),
                Column::Right(_) => write!(line, "{:blank$}{text}  ", ""),
            };
        }
        line.truncate(line.trim_end().len());
        line
    }
}

impl Column {
    fn heading(self) -> &'static str {
        match self {
            Self::Left(heading) | Self::Right(heading) => heading,
        }
    }
}
