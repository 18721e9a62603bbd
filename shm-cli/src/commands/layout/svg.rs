//! The picture as SVG: 64 bytes a row.

use std::collections::BTreeSet;

use super::map::{Cell, CellKind, LINE, Map};

/// Pixels of a byte, of a row, of the column of offsets, and around all.
const BYTE: usize = 13;
const ROW: usize = 30;
const OFFSETS: usize = 80;
const MARGIN: usize = 12;
/// Pixels of a character: 12 pixels high, in a font in which all are equally wide.
const CHARACTER: usize = 8;

pub(super) fn picture(map: &Map, name: &str, size: usize) -> String {
    let lines = map.lines(size);
    let rows: usize = lines.iter().map(|line| if line.folded > 0 { 2 } else { 1 }).sum();
    let shared: BTreeSet<usize> =
        map.contention().iter().filter(|found| found.hot.len() > 1).map(|found| found.line).collect();
    let (width, height) = (2 * MARGIN + OFFSETS + LINE * BYTE, 2 * MARGIN + (rows + 3) * ROW);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"monospace\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    let title = format!("{name}: {size} bytes, a row for each cache line of {LINE}");
    text(&mut out, MARGIN, MARGIN + 14, "#202020", &title);
    let left = MARGIN + OFFSETS;
    let mut top = MARGIN + ROW;
    for line in lines {
        let start = line.at * LINE;
        text(&mut out, MARGIN, top + 18, "#606060", &start.to_string());
        for &index in &line.cells {
            cell(&mut out, &map.cells[index], start, (left, top));
        }
        if shared.contains(&line.at) {
            out.push_str(&format!(
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#c00000\" stroke-width=\"2\"/>\n",
                left - 3,
                top - 1,
                LINE * BYTE + 6,
                ROW - 2
            ));
        }
        top += ROW;
        if line.folded > 0 {
            let folded = format!("... lines {} to {}, as this one", line.at + 1, line.at + line.folded);
            text(&mut out, left, top + 18, "#606060", &folded);
            top += ROW;
        }
    }
    top += ROW / 2;
    let mut at = left;
    for (kind, label) in [
        (CellKind::Data, "data"),
        (CellKind::Atomic, "atomic"),
        (CellKind::Lock, "lock"),
        (CellKind::Padding, "padding"),
    ] {
        out.push_str(&format!(
            "<rect x=\"{at}\" y=\"{top}\" width=\"16\" height=\"16\" fill=\"{}\" stroke=\"#808080\"/>\n",
            colour(kind)
        ));
        text(&mut out, at + 22, top + 13, "#202020", label);
        at += 100;
    }
    if !shared.is_empty() {
        text(&mut out, at, top + 13, "#c00000", "framed: several writers may want the line");
    }
    out.push_str("</svg>\n");
    out
}

fn colour(kind: CellKind) -> &'static str {
    match kind {
        CellKind::Data => "#d6e6f5",
        CellKind::Atomic => "#f9d79b",
        CellKind::Lock => "#f2b8b0",
        CellKind::Padding => "#eeeeee",
    }
}

/// The part of a cell in the line that begins at `start`.
fn cell(out: &mut String, cell: &Cell, start: usize, (left, top): (usize, usize)) {
    let (from, end) = (cell.start.max(start), cell.end.min(start.saturating_add(LINE)));
    let Some(bytes) = end.checked_sub(from) else { return };
    let (x, width) = (left + (from - start) * BYTE, bytes * BYTE);
    let Cell { path, ty, .. } = cell;
    let said = match cell.kind {
        CellKind::Padding => format!("padding: {} bytes at {}", cell.end - cell.start, cell.start),
        _ => format!("{path}: {ty}, {} bytes at {}", cell.end - cell.start, cell.start),
    };
    out.push_str(&format!(
        "<g><title>{}</title><rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{}\" fill=\"{}\" stroke=\"#808080\"/>",
        escaped(&said),
        ROW - 4,
        colour(cell.kind)
    ));
    let room = (width - 4) / CHARACTER;
    let label: String = match cell.path.chars().count() {
        length if length > room && room > 1 => cell.path.chars().take(room - 1).chain(['~']).collect(),
        _ => cell.path.chars().take(room).collect(),
    };
    if !label.is_empty() {
        text(out, x + 3, top + 18, "#202020", &label);
    }
    out.push_str("</g>\n");
}

fn text(out: &mut String, x: usize, y: usize, colour: &str, text: &str) {
    out.push_str(&format!("<text x=\"{x}\" y=\"{y}\" fill=\"{colour}\">{}</text>\n", escaped(text)));
}

/// Text in XML, of ASCII only.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' | '>' | '&' | '"' | '\'' => escaped.push_str(&format!("&#{};", u32::from(char))),
            ' '..='~' => escaped.push(char),
            // XML cannot have control characters, even by their numbers.
            _ if char.is_control() => escaped.push('?'),
            _ => escaped.push_str(&format!("&#{};", u32::from(char))),
        }
    }
    escaped
}
