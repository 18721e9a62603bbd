//! The lines of a schema's text, each with the names of the fields that it is in.

use core::hash::BuildHasher;

/// Bytes of one line that are shown at most: beyond any real field's, and little memory.
const MAX_SHOWN: usize = 4096;

/// The lines of the text of a schema that was found consistent. It takes no memory of its own for them: in a text of
/// another process's, there may be millions, below names of millions of bytes.
pub(super) struct Lines<'a> {
    lines: core::str::Lines<'a>,
    /// The names of the fields around the last line and of its own; the root has an empty one.
    path: Vec<&'a str>,
}

/// One line.
pub(super) struct Line<'a, 'l> {
    /// The names of the fields around it, from the outermost one in.
    parents: &'l [&'a str],
    /// The line without its indentation.
    field: &'a str,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { lines: text.lines(), path: Vec::new() }
    }

    /// The line after the next `skipped` ones. (No iterator, because the line borrows the path.)
    pub(super) fn after(&mut self, skipped: usize) -> Option<Line<'a, '_>> {
        for _ in 0..skipped {
            let line = self.lines.next()?;
            self.enter(line);
        }
        let line = self.lines.next()?;
        let (depth, field) = self.enter(line);
        Some(Line { parents: self.path.get(1..depth).unwrap_or_default(), field })
    }

    /// Makes `path` that of `line`; returns how deep it is, and the line without its indentation.
    fn enter(&mut self, line: &'a str) -> (usize, &'a str) {
        let field = line.trim_start_matches(' ');
        let depth = (line.len() - field.len()) / 2;
        self.path.truncate(depth);
        self.path.push(if depth == 0 { "" } else { name(field) });
        (depth, field)
    }
}

/// The name in the line of a field.
fn name(field: &str) -> &str {
    field.split(' ').next().unwrap_or_default()
}

impl Line<'_, '_> {
    /// The line as it is shown: with its field named by its path.
    pub(super) fn shown(&self) -> String {
        let mut shown = String::new();
        for part in self.parents.iter().flat_map(|parent| [parent, "."]).chain([self.field]) {
            let room = MAX_SHOWN - shown.len();
            if part.len() > room {
                shown.push_str(super::start(part, room));
                shown.push_str("...");
                break;
            }
            shown.push_str(part);
        }
        shown
    }
}

/// A hash of each line and its path: lines that are shown alike have the same, and others, but for an accident of 64 bits,
/// another.
pub(super) fn hashes(text: &str, hasher: &impl BuildHasher) -> Vec<u64> {
    fn hash(hasher: &impl BuildHasher, parents: u64, text: &str) -> u64 {
        hasher.hash_one((parents, text))
    }
    let mut hashes = Vec::with_capacity(text.lines().count());
    // Of the path of the last line: one hash a name, each of the one before and of its name.
    let mut path: Vec<u64> = Vec::new();
    for line in text.lines() {
        let field = line.trim_start_matches(' ');
        let depth = (line.len() - field.len()) / 2;
        path.truncate(depth);
        let parents = path.last().copied().unwrap_or_default();
        hashes.push(hash(hasher, parents, field));
        path.push(if depth == 0 { parents } else { hash(hasher, parents, name(field)) });
    }
    hashes
}
