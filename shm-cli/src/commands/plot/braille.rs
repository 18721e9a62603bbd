//! A picture of dots, for the terminal.

use std::io::{self, IsTerminal as _};

use ratatui::buffer::Buffer;
use ratatui::crossterm::terminal::size;
use ratatui::layout::{Alignment, Rect};
use ratatui::symbols::Marker;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget as _};

use super::samples::Samples;
use super::scale::{Range, lines, short};
use crate::terminal::{Style, Terminal};

/// Lines of a panel, with those of its axis.
const HEIGHT: u16 = 10;

/// Columns where there is no terminal that says.
const WIDTH: u16 = 80;

/// A panel below its name for each series.
pub(super) fn draw(samples: &Samples, to: &mut Terminal) -> io::Result<()> {
    let width = match size() {
        Ok((width, _)) if io::stdout().is_terminal() => width.clamp(20, 500),
        _ => WIDTH,
    };
    let times = Range::of(&samples.times);
    for series in &samples.series {
        to.styled(Style::Bold, &series.name)?;
        to.line("")?;
        let values = Range::of(&series.values);
        // Two dots a cell.
        let lines = lines(samples, series, f64::from(width) * 2.0);
        let lines = lines
            .iter()
            .map(|line| Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line).data(line));
        let axis = |range: Range, unit: &str| {
            let label = |value| format!("{}{unit}", short(value));
            Axis::default().bounds([0.0, 1.0]).labels([label(range.from), label(range.to)])
        };
        let chart = Chart::new(lines.collect())
            .x_axis(axis(times, " s").labels_alignment(Alignment::Right))
            .y_axis(axis(values, ""))
            .legend_position(None);
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, HEIGHT));
        chart.render(buffer.area, &mut buffer);
        for row in buffer.content.chunks(width.into()) {
            let line: String = row.iter().map(|cell| cell.symbol()).collect();
            to.line(line.trim_end())?;
        }
    }
    Ok(())
}
