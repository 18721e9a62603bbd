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
}

impl Map {
    pub(super) fn of(root: Type<'_>) -> Self {
        let mut map = Self::default();
        let place = Place { offset: 0, depth: 0, path: "", prefix: "", inside: false };
        match root {
            Type::Struct(of) if !of.is_builtin() => map.structure(of, &place),
            other => map.field("the whole", "the whole".to_owned(), other, 0, &place),
        };
        map
    }

    /// Lists the fields of a struct, and returns whether something in it is written by several processes, as a rule.
    fn structure(&mut self, of: Struct<'_>, place: &Place<'_>) -> Option<CellKind> {
        let (mut end, mut hot) = (0, None);
        for field in of.fields() {
            self.padding(end, field.offset, place);
            end = field.offset.saturating_add(field.ty.size());
            let path = match place.path {
                "" => shortened(field.name),
                parent => shortened(&format!("{parent}.{}", field.name)),
            };
            let offset = place.offset.saturating_add(field.offset);
            hot = hot.or(self.field(field.name, path, field.ty, offset, place));
        }
        self.padding(end, of.size(), place);
        hot
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

    fn field(
        &mut self,
        name: &str,
        path: String,
        ty: Type<'_>,
        offset: usize,
        place: &Place<'_>,
    ) -> Option<CellKind> {
        let (size, text) = (ty.size(), shortened(&ty.to_string()));
        self.rows.push(Row {
            depth: place.depth,
            name: Some(format!("{}{}", place.prefix, shortened(name))),
            path: path.clone(),
            offset,
            size,
            ty: text.clone(),
        });
        let (mut element, mut indices) = (ty, String::new());
        while let Type::Array(array) = element {
            indices.push_str("[0]");
            element = array.of();
        }
        let is_array = !indices.is_empty();
        if size == 0 {
            return None;
        }
        let nested = match element {
            Type::Struct(of) if !of.is_builtin() && !of.is_text() => Some(of),
            _ => None,
        };
        let (cell, crowded) = (self.cells.len(), self.crowded.len());
        if (nested.is_none() || is_array) && !place.inside {
            let (path, ty, end) = (path.clone(), text.clone(), offset.saturating_add(size));
            self.cells.push(Cell { start: offset, end, path, ty, kind: CellKind::Data });
        }
        // The first element stands for all.
        let hot = match nested {
            None => hotness(element),
            Some(of) => {
                let inner = shortened(&format!("{path}{indices}"));
                let prefix = if is_array { format!("{indices}.") } else { String::new() };
                let (depth, inside) = (place.depth + 1, place.inside || is_array);
                self.structure(of, &Place { offset, depth, path: &inner, prefix: &prefix, inside })
            }
        };
        if let (true, Some(kind), Some(cell)) = (nested.is_none() || is_array, hot, self.cells.get_mut(cell))
        {
            cell.kind = kind;
        }
        let stride = element.size();
        let has_own_lines = stride.is_multiple_of(LINE) && offset.is_multiple_of(LINE);
        if size > stride && hot.is_some() && !has_own_lines {
            // Instead of arrays in its elements.
            self.crowded.truncate(crowded);
            self.crowded.push(Crowded { path, ty: text, stride });
        }
        hot
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
                .take_while(|&index| self.cells[index].start / LINE <= line)
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

/// Whether it is written by several processes, as a rule.
fn hotness(ty: Type<'_>) -> Option<CellKind> {
    match ty {
        Type::Atomic(_) => Some(CellKind::Atomic),
        Type::Struct(of) if of.is_builtin() => Some(CellKind::Lock),
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
