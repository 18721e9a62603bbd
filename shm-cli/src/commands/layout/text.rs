//! The picture in a terminal of 80 columns: a character a byte, a line a cache line.

use std::io;

use super::map::{Cell, CellKind, Contention, LINE, Map};
use crate::source::Described;
use crate::table::{Column, Table};
use crate::terminal::{Printable, Style, Terminal};

/// Columns of a terminal.
const WIDTH: usize = 80;

/// Names that are listed of what shares a line.
const MOST_LISTED: usize = 6;

pub(super) fn show(map: &Map, described: &Described, terminal: &mut Terminal) -> io::Result<()> {
    let (size, align) = (described.schema.size(), described.schema.align());
    let name = described.schema.root().ty().to_string();
    let gaps = map.cells.iter().filter(|cell| cell.kind == CellKind::Padding);
    let padding: usize = gaps.map(|cell| cell.end - cell.start).sum();
    terminal.styled(Style::Bold, Printable(cropped(&name, 40)))?;
    terminal.line(format_args!(
        ": {} at alignment {align}, {} of {LINE}, {} of padding",
        count(size, "byte"),
        count(size.div_ceil(LINE), "cache line"),
        count(padding, "byte")
    ))?;
    terminal.line(Printable(format_args!("({})", described.of)))?;
    terminal.line("")?;
    picture(map, size, terminal)?;
    terminal.line("")?;
    table(map, terminal)?;
    contention(map, terminal)
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn picture(map: &Map, size: usize, terminal: &mut Terminal) -> io::Result<()> {
    let width = size.to_string().len().max(4);
    for line in map.lines(size) {
        let (start, mut drawn) = (line.at * LINE, String::with_capacity(LINE));
        for &index in &line.cells {
            draw(&map.cells[index], start, &mut drawn);
        }
        terminal.line(format_args!("{start:>width$} |{drawn}|"))?;
        if line.folded > 0 {
            let (from, to) = (line.at + 1, line.at + line.folded);
            terminal.line(format_args!(
                "{:>width$} |{:<LINE$}|",
                ":",
                format!(" lines {from} to {to}, as this one")
            ))?;
        }
    }
    terminal.line(format_args!(
        "{:>width$}  [data---] [atomic=] [lock###] [name---> goes on   ...... padding",
        ""
    ))
}

/// The part of a cell in the line that begins at `start`.
fn draw(cell: &Cell, start: usize, to: &mut String) {
    let (from, end) = (cell.start.max(start), cell.end.min(start.saturating_add(LINE)));
    let Some(width) = end.checked_sub(from) else { return };
    let fill = match cell.kind {
        CellKind::Data => '-',
        CellKind::Atomic => '=',
        CellKind::Lock => '#',
        CellKind::Padding => '.',
    };
    if cell.kind == CellKind::Padding {
        to.extend(std::iter::repeat_n(fill, width));
        return;
    }
    // A column each, whatever the character.
    let mut name = cell.path.chars().map(|char| if char.is_ascii_graphic() { char } else { '?' });
    if width == 1 {
        to.push(name.next().unwrap_or(fill));
        return;
    }
    let (begins, ends) = (from == cell.start, end == cell.end);
    to.push(if begins { '[' } else { '>' });
    to.extend(name.chain(std::iter::repeat(fill)).take(width - 2));
    to.push(if ends { ']' } else { '>' });
}

fn table(map: &Map, terminal: &mut Terminal) -> io::Result<()> {
    let columns = [
        Column::Right("offset"),
        Column::Right("bytes"),
        Column::Right("line"),
        Column::Left("field"),
        Column::Left("type"),
    ];
    let mut table = Table::new(&columns);
    for row in &map.rows {
        let (first, last) = (row.offset / LINE, (row.offset + row.size.saturating_sub(1)) / LINE);
        let lines = if first == last { first.to_string() } else { format!("{first}-{last}") };
        let name = row.name.as_ref().map_or("(padding)", |name| name);
        let field = format!("{:indent$}{name}", "", indent = 2 * row.depth);
        table.row([
            row.offset.to_string(),
            row.size.to_string(),
            lines,
            cropped(&field, 34),
            cropped(&row.ty, 22),
        ]);
    }
    table.print(terminal)
}

fn cropped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most - 3).chain("...".chars()).collect(),
        None => text.to_owned(),
    }
}

fn contention(map: &Map, terminal: &mut Terminal) -> io::Result<()> {
    let contended = map.contention();
    if contended.is_empty() && map.crowded.is_empty() {
        return Ok(());
    }
    terminal.line("")?;
    terminal.styled(Style::Bold, "Shared lines")?;
    terminal.line(": a write to one field, or element, delays the users of the others")?;
    for Contention { line, hot, beside } in &contended {
        list(&format!("  line {line}: "), map, hot, terminal)?;
        list("    beside ", map, beside, terminal)?;
    }
    for crowded in &map.crowded {
        let (path, ty) = (cropped(&crowded.path, 28), cropped(&crowded.ty, 22));
        terminal
            .line(Printable(format_args!("  elements of {path} ({ty}): {} bytes each", crowded.stride)))?;
    }
    terminal.line("A field, or an element, in a struct of #[repr(C, align(64))] has its lines for")?;
    terminal.line("itself.")
}

/// Names of cells after what they are, in lines that fit; nothing if there are none.
fn list(what: &str, map: &Map, cells: &[usize], terminal: &mut Terminal) -> io::Result<()> {
    let mut parts: Vec<String> = cells
        .iter()
        .take(MOST_LISTED)
        .map(|&index| {
            let Cell { path, ty, kind, .. } = &map.cells[index];
            match kind {
                CellKind::Data | CellKind::Padding => cropped(path, 40),
                CellKind::Atomic | CellKind::Lock => format!("{} ({})", cropped(path, 40), cropped(ty, 22)),
            }
        })
        .collect();
    if cells.len() > MOST_LISTED {
        parts.push(format!("{} more", cells.len() - MOST_LISTED));
    }
    let mut line = what.to_owned();
    let count = parts.len();
    for (i, part) in parts.into_iter().enumerate() {
        let comma = if i + 1 < count { ", " } else { "" };
        // What is printed is what is measured, but for characters that are escaped or wide.
        if i > 0 && line.chars().count() + part.chars().count() + comma.len() > WIDTH {
            terminal.line(Printable(line.trim_end()))?;
            line = " ".repeat(what.len());
        }
        line.extend([part.as_str(), comma]);
    }
    if count > 0 {
        terminal.line(Printable(line))?;
    }
    Ok(())
}
