//! A picture for a page.

use std::fmt::Write as _;

use super::samples::Samples;
use super::scale::{Range, lines, short};
use crate::terminal::Printable;

/// The picture, the lines in a panel, and what is around them.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 110.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 20.0;
const TITLE: f64 = 34.0;
const BOTTOM: f64 = 44.0;

const STYLE: &str = "\
  .ground { fill: #ffffff; }
  text { font: 12px system-ui, -apple-system, \"Segoe UI\", \"DejaVu Sans\", sans-serif; fill: #59636e; }
  .name { font: 600 13px ui-monospace, SFMono-Regular, \"DejaVu Sans Mono\", Menlo, monospace; fill: #1f2328; }
  .grid { stroke: #d0d7de; }
  .line { fill: none; stroke: #0969da; stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; }
    text { fill: #9198a1; }
    .name { fill: #f0f6fc; }
    .grid { stroke: #3d444d; }
    .line { stroke: #4493f8; }
  }
";

/// The whole file.
pub(super) fn draw(samples: &Samples) -> String {
    let panels = samples.series.iter().fold(0.0, |panels, _| panels + 1.0);
    let height = panels * (TITLE + HEIGHT) + BOTTOM;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\">\n\
         <style>\n{STYLE}</style>\n<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n"
    );
    // Writing to a string does not fail.
    let _ = draw_panels(samples, height - BOTTOM, &mut svg);
    svg.push_str("</svg>\n");
    svg
}

fn draw_panels(samples: &Samples, end: f64, svg: &mut String) -> std::fmt::Result {
    let (inner, right) = (WIDTH - LEFT - RIGHT, WIDTH - RIGHT);
    let times = Range::of(&samples.times);
    for tick in times.ticks() {
        let x = LEFT + inner * times.place(tick);
        writeln!(svg, "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TITLE}\" y2=\"{end}\"/>")?;
        let (label, y) = (short(tick), end + 18.0);
        writeln!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{label}</text>")?;
    }
    writeln!(svg, "<text x=\"{right}\" y=\"{}\" text-anchor=\"end\">seconds</text>", end + 36.0)?;
    let mut bottom = 0.0;
    for series in &samples.series {
        let title = bottom + TITLE - 12.0;
        bottom += TITLE + HEIGHT;
        writeln!(svg, "<text class=\"name\" x=\"{LEFT}\" y=\"{title}\">{}</text>", escaped(&series.name))?;
        let values = Range::of(&series.values);
        for tick in values.ticks() {
            let y = bottom - HEIGHT * values.place(tick);
            writeln!(svg, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>")?;
            let (label, x, y) = (short(tick), LEFT - 8.0, y + 4.0);
            writeln!(svg, "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{label}</text>")?;
        }
        svg.push_str("<path class=\"line\" d=\"");
        for line in lines(samples, series, inner) {
            let mut letter = 'M';
            for (x, y) in line {
                write!(svg, "{letter}{:.1} {:.1}", LEFT + inner * x, bottom - HEIGHT * y)?;
                letter = 'L';
            }
            // Of one value a dot is seen.
            svg.push_str("h0");
        }
        svg.push_str("\"/>\n");
    }
    Ok(())
}

/// A name, as text of XML.
fn escaped(name: &str) -> String {
    Printable(name).to_string().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
