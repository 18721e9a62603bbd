//! What is where in a struct: its fields as rows, its bytes as cells, and who may get in whose way.

use std::collections::BTreeMap;

use shm_runtime::inspect::{Struct, Type};

/// Bytes of a cache line: what one core takes from the others when it writes.
pub(super) const LINE: usize = 64;

/// Characters of a path at most. Those of real structs are shorter.
const MAX_PATH: usize = 255;

/// One field, or a gap, for a table.
pub(super) struct Row {
    /// How deep it is nested.
    pub(super) depth: usize,
    /// Its name in its struct; `None` of padding.
    pub(super) name: Option<String>,
    pub(super) path: String,
    pub(super) offset: usize,
    pub(super) size: usize,
    pub(super) ty: String,
}

/// Bytes in a row that belong together.
pub(super) struct Cell {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) path: String,
    pub(super) ty: String,
    pub(super) kind: CellKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CellKind {
    Data,
    /// Atomics: each may have a writer of its own.
    Atomic,
    /// A lock, or another of the runtime's own types.
    Lock,
    Padding,
}

/// What several writers may want at the same time.
pub(super) struct Contention {
    pub(super) line: usize,
    /// The cells with atomics and locks in that line.
    pub(super) hot: Vec<usize>,
    /// The other cells in it, but for padding.
    pub(super) beside: Vec<usize>,
}

/// An array of which several elements with atomics or locks are in one line.
pub(super) struct Crowded {
    pub(super) path: String,
    pub(super) ty: String,
    /// Bytes of an element.
    pub(super) stride: usize,
}

#[derive(Default)]
pub(super) struct Map {
    pub(super) rows: Vec<Row>,
    pub(super) cells: Vec<Cell>,
    pub(super) crowded: Vec<Crowded>,
}

/// Where a struct stands.
struct Place<'a> {
    offset: usize,
    depth: usize,
    path: &'a str,
    /// Before the names of its fields: `[0].` in the first element of an array, which stands for all.
    prefix: &'a str,
    /// Whether its bytes are in a cell that is larger.
    inside: bool,
    /// Whether an array around it was found to be crowded.
    crowded: bool,
}

impl Map {
    pub(super) fn of(root: Type<'_>) -> Self {
        let mut map = Self::default();
        let place = Place { offset: 0, depth: 0, path: "", prefix: "", inside: false, crowded: false };
        match root {
            Type::Struct(of) if !of.is_builtin() => map.structure(of, &place),
            other => map.field("the whole", "the whole".to_owned(), other, 0, &place),
        }
        map
    }

    fn structure(&mut self, of: Struct<'_>, place: &Place<'_>) {
        let mut end = 0;
        for field in of.fields() {
            self.padding(end, field.offset, place);
            end = field.offset.saturating_add(field.ty.size());
            let path = match place.path {
                "" => shortened(field.name),
                parent => shortened(&format!("{parent}.{}", field.name)),
            };
            self.field(field.name, path, field.ty, place.offset.saturating_add(field.offset), place);
        }
        self.padding(end, of.size(), place);
    }

    fn padding(&mut self, start: usize, end: usize, place: &Place<'_>) {
        if start >= end {
            return;
        }
        let (offset, size) = (place.offset.saturating_add(start), end - start);
        let (path, ty) = (String::new(), String::new());
        self.rows.push(Row { depth: place.depth, name: None, path, offset, size, ty });
        if !place.inside {
            let (path, ty, end) = (String::new(), String::new(), offset.saturating_add(size));
            self.cells.push(Cell { start: offset, end, path, ty, kind: CellKind::Padding });
        }
    }

    fn field(&mut self, name: &str, path: String, ty: Type<'_>, offset: usize, place: &Place<'_>) {
        let (size, text) = (ty.size(), shortened(&ty.to_string()));
        self.rows.push(Row {
            depth: place.depth,
            name: Some(format!("{}{}", place.prefix, shortened(name))),
            path: path.clone(),
            offset,
            size,
            ty: text.clone(),
        });
        let mut element = ty;
        let mut indices = String::new();
        while let Type::Array(array) = element {
            indices.push_str("[0]");
            element = array.of();
        }
        let is_array = !indices.is_empty();
        let stride = element.size();
        let several = is_array && size > stride && stride > 0;
        let hot = hotness(element);
        let crowded =
            several && hot.is_some() && !(stride.is_multiple_of(LINE) && offset.is_multiple_of(LINE));
        if crowded && !place.crowded {
            self.crowded.push(Crowded { path: path.clone(), ty: text.clone(), stride });
        }
        let nested = match element {
            Type::Struct(of) if !of.is_builtin() => Some(of),
            _ => None,
        };
        if (nested.is_none() || is_array) && !place.inside && size > 0 {
            let kind = hot.unwrap_or(CellKind::Data);
            self.cells.push(Cell {
                start: offset,
                end: offset.saturating_add(size),
                path: path.clone(),
                ty: text,
                kind,
            });
        }
        if let Some(of) = nested.filter(|_| size > 0 || !is_array) {
            let path = shortened(&format!("{path}{indices}"));
            let prefix = if is_array { format!("{indices}.") } else { String::new() };
            self.structure(
                of,
                &Place {
                    offset,
                    depth: place.depth + 1,
                    path: &path,
                    prefix: &prefix,
                    inside: place.inside || is_array,
                    crowded: place.crowded || crowded,
                },
            );
        }
    }

    /// The lines with atomics or locks that share them.
    pub(super) fn contention(&self) -> Vec<Contention> {
        let mut lines: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, cell) in self.cells.iter().enumerate() {
            if let CellKind::Atomic | CellKind::Lock = cell.kind {
                // Those between are its own.
                let (first, last) = (cell.start / LINE, (cell.end - 1) / LINE);
                lines.entry(first).or_default().push(index);
                if last != first {
                    lines.entry(last).or_default().push(index);
                }
            }
        }
        let contended = lines.into_iter().map(|(line, hot)| {
            let first = self.cells.partition_point(|cell| cell.end <= line * LINE);
            let beside = (first..self.cells.len())
                .take_while(|&index| self.cells[index].start < (line + 1) * LINE)
                .filter(|&index| self.cells[index].kind == CellKind::Data);
            Contention { line, hot, beside: beside.collect() }
        });
        contended.filter(|found| found.hot.len() + found.beside.len() > 1).collect()
    }

    /// The lines to be drawn, of `size` bytes: of those that are within one cell, the first only, and how many more there are.
    pub(super) fn lines(&self, size: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        let count = size.div_ceil(LINE);
        let (mut line, mut first) = (0, 0);
        while line < count {
            let start = line * LINE;
            while self.cells.get(first).is_some_and(|cell| cell.end <= start) {
                first += 1;
            }
            let last = (first..self.cells.len())
                .take_while(|&index| self.cells[index].start < start.saturating_add(LINE));
            let cells: Vec<usize> = last.collect();
            let folded = match cells[..] {
                [only] if self.cells[only].start <= start => {
                    // The last line of a cell may have others in it.
                    (self.cells[only].end / LINE).saturating_sub(line + 1)
                }
                _ => 0,
            };
            // Not worth it for one.
            let folded = if folded > 1 { folded } else { 0 };
            lines.push(Line { at: line, cells, folded });
            line += 1 + folded;
        }
        lines
    }
}

/// A line of the picture.
pub(super) struct Line {
    /// Its number.
    pub(super) at: usize,
    /// The cells with bytes in it.
    pub(super) cells: Vec<usize>,
    /// How many lines after it are of the same cell only.
    pub(super) folded: usize,
}

/// Whether something in it is written by several processes, as a rule.
fn hotness(ty: Type<'_>) -> Option<CellKind> {
    match ty {
        Type::Atomic(_) => Some(CellKind::Atomic),
        Type::Struct(of) if of.is_builtin() => Some(CellKind::Lock),
        Type::Struct(of) => of.fields().find_map(|field| hotness(field.ty)),
        Type::Array(array) if array.len() > 0 => hotness(array.of()),
        _ => None,
    }
}

/// The end of a text that is too long.
fn shortened(text: &str) -> String {
    match text.char_indices().nth_back(MAX_PATH - 1) {
        Some((at, _)) if at > 0 => format!("...{}", &text[at..]),
        _ => text.to_owned(),
    }
}
