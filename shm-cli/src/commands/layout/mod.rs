//! `shm layout`: a struct in memory, as a picture.

mod map;
mod svg;
mod text;

use std::process::ExitCode;

use serde::Serialize;

use self::map::{LINE, Map};
use crate::failure::Outcome;
use crate::source::Source;
use crate::terminal::Terminal;

/// Show where the fields of a struct are in memory: offsets, padding, and what shares a cache line of 64 bytes.
///
/// Processes that write to one line slow each other down, even if they write to different fields: so the lines with atomics and
/// locks are listed.
#[derive(clap::Args)]
pub(crate) struct Layout {
    /// A segment's NAME; or a file with a schema: a path with `/`, a name that ends in `.schema`, or `-` for the standard input.
    source: Source,
    /// The picture as SVG.
    #[arg(long)]
    svg: bool,
    /// For programs.
    #[arg(long, conflicts_with = "svg")]
    json: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    name: String,
    size: usize,
    align: usize,
    fields: Vec<ShownField<'a>>,
    shared_lines: Vec<SharedLine<'a>>,
    crowded_arrays: Vec<&'a str>,
}

#[derive(Serialize)]
struct ShownField<'a> {
    /// `null` for padding.
    path: Option<&'a str>,
    offset: usize,
    size: usize,
    #[serde(rename = "type")]
    ty: Option<&'a str>,
    first_line: usize,
}

#[derive(Serialize)]
struct SharedLine<'a> {
    line: usize,
    contended: Vec<&'a str>,
    beside: Vec<&'a str>,
}

impl Layout {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        let described = self.source.read()?;
        let (schema, root) = (&described.schema, described.schema.root().ty());
        let map = Map::of(root);
        if self.svg {
            terminal.write(svg::picture(&map, &root.to_string(), schema.size()))?;
        } else if self.json {
            let paths = |cells: &[usize]| cells.iter().map(|&cell| map.cells[cell].path.as_str()).collect();
            terminal.json(&Shown {
                name: root.to_string(),
                size: schema.size(),
                align: schema.align(),
                fields: map
                    .rows
                    .iter()
                    .map(|row| ShownField {
                        path: row.name.as_ref().map(|_| row.path.as_str()),
                        offset: row.offset,
                        size: row.size,
                        ty: row.name.as_ref().map(|_| row.ty.as_str()),
                        first_line: row.offset / LINE,
                    })
                    .collect(),
                shared_lines: map
                    .contention()
                    .iter()
                    .map(|found| SharedLine {
                        line: found.line,
                        contended: paths(&found.hot),
                        beside: paths(&found.beside),
                    })
                    .collect(),
                crowded_arrays: map.crowded.iter().map(|crowded| crowded.path.as_str()).collect(),
            })?;
        } else {
            text::show(&map, &described, terminal)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
