//! Tables for people: columns side by side, without lines.

use std::fmt::Write as _;
use std::{io, iter};

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
    /// The texts of all rows, one after another.
    text: String,
    /// Where each ends, and its width.
    cells: Vec<(usize, usize)>,
}

impl Table {
    pub(crate) fn new(columns: &[Column]) -> Self {
        let widths = columns.iter().map(|column| column.heading().width()).collect();
        Self { columns: columns.to_vec(), widths, text: String::new(), cells: Vec::new() }
    }

    /// A row, whose texts may be from memory: what is in one stays in its line.
    pub(crate) fn row(&mut self, texts: impl IntoIterator<Item = String>) {
        let mut texts = texts.into_iter();
        for widest in &mut self.widths {
            let start = self.text.len();
            // Writing to a string does not fail.
            let _ = write!(self.text, "{}", Printable(texts.next().unwrap_or_default()));
            let width = self.text[start..].width();
            *widest = width.max(*widest);
            self.cells.push((self.text.len(), width));
        }
    }

    pub(crate) fn print(&self, terminal: &mut Terminal) -> io::Result<()> {
        let headings = self.columns.iter().map(|column| (column.heading(), column.heading().width()));
        terminal.styled(Style::Bold, self.line(headings))?;
        terminal.line("")?;
        let mut start = 0;
        self.cells.chunks(self.columns.len()).try_for_each(|row| {
            terminal.line(self.line(row.iter().map(|&(end, width)| {
                let text = &self.text[start..end];
                start = end;
                (text, width)
            })))
        })
    }

    fn line<'a>(&self, texts: impl Iterator<Item = (&'a str, usize)>) -> String {
        let mut line = String::with_capacity(self.widths.iter().sum::<usize>() + 2 * self.widths.len());
        for ((text, width), (column, widest)) in texts.zip(self.columns.iter().zip(&self.widths)) {
            let blank = iter::repeat_n(' ', widest - width);
            match column {
                Column::Left(_) => {
                    line.push_str(text);
                    line.extend(blank);
                }
                Column::Right(_) => {
                    line.extend(blank);
                    line.push_str(text);
                }
            }
            line.push_str("  ");
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
