//! Tables for people: columns side by side, without lines.

use std::io;

use comfy_table::{CellAlignment, ContentArrangement, Table as Layout, presets};

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
    layout: Layout,
}

impl Table {
    pub(crate) fn new(columns: &[Column]) -> Self {
        let mut layout = Layout::new();
        layout.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        layout.set_header(columns.iter().map(|column| match column {
            Column::Left(heading) | Column::Right(heading) => *heading,
        }));
        for (column, laid_out) in columns.iter().zip(layout.column_iter_mut()) {
            laid_out.set_padding((0, 2));
            if let Column::Right(_) = column {
                laid_out.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self { layout }
    }

    /// A row, whose texts may be from memory: what is in one stays in its line.
    pub(crate) fn row(&mut self, texts: impl IntoIterator<Item = String>) {
        self.layout.add_row(texts.into_iter().map(|text| Printable(text).to_string()));
    }

    pub(crate) fn print(&self, terminal: &mut Terminal) -> io::Result<()> {
        let mut lines = self.layout.lines();
        if let Some(headings) = lines.next() {
            terminal.styled(Style::Bold, headings.trim_end())?;
            terminal.line("")?;
        }
        lines.try_for_each(|line| terminal.line(line.trim_end()))
    }
}
