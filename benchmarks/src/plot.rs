//! The figures as SVG.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::Result;
use crate::report::{Goal, Growth, Report, Row, figure, time};

const STYLE: &str = "<style>text{font:12px sans-serif;fill:#222}.h{font-weight:bold;font-size:14px}.s{fill:#666}\
                     rect.bg{fill:#fff}.grid{stroke:#ddd}.one{stroke:#888}.goal{stroke:#c60;stroke-width:2}\
                     .whisker{stroke:#222;stroke-width:1.5}.met{fill:#3a7}.missed{fill:#c33}.none{fill:#58a}</style>";

/// All plots into a folder.
pub fn all(report: &Report, folder: &Path) -> Result<()> {
    if !report.rows.is_empty() {
        fs::write(folder.join("ratios.svg"), ratios(report))?;
    }
    if !report.growth.is_empty() {
        fs::write(folder.join("growth.svg"), growth(&report.growth))?;
    }
    Ok(())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('`', "")
}

/// The exponents of ten that enclose the values.
fn decades(values: impl Iterator<Item = f64>) -> (i32, i32) {
    let (low, high) = values
        .filter(|value| *value > 0.0)
        .fold((1.0f64, 1.0f64), |(low, high), value| (low.min(value), high.max(value)));
    (low.log10().floor() as i32, (high.log10().ceil() as i32).max(low.log10().floor() as i32 + 1))
}

/// How many times as fast ours is: a bar a row, with the spread and the goal.
fn ratios(report: &Report) -> String {
    const LEFT: f64 = 430.0;
    const WIDTH: f64 = 420.0;
    let (least, most) = decades(report.rows.iter().flat_map(|row| [row.speed().low, row.speed().high]));
    let x = |value: f64| LEFT + (value.log10() - f64::from(least)) / f64::from(most - least) * WIDTH;
    let mut body = String::new();
    let mut y = 44.0;
    for group in report.groups() {
        y += 12.0;
        let _ = writeln!(body, r#"<text class="h" x="12" y="{y}">{}</text>"#, escape(group));
        for row in report.rows.iter().filter(|row| row.group == group) {
            y += 20.0;
            bar(&mut body, row, y, x);
        }
        y += 20.0;
    }
    let mut grid = String::new();
    for decade in least..=most {
        let (at, class) = (x(10f64.powi(decade)), if decade == 0 { "one" } else { "grid" });
        let _ = writeln!(grid, r#"<line class="{class}" x1="{at:.1}" x2="{at:.1}" y1="40" y2="{y}"/>"#);
        let label = 10f64.powi(decade);
        let _ = writeln!(grid, r#"<text class="s" x="{at:.1}" y="34" text-anchor="middle">{label}×</text>"#);
    }
    let title = "How many times as fast as the peer (median; the line from the 10th to the 90th percentile; orange: the goal)";
    svg(980.0, y + 10.0, &format!("<text class=\"h\" x=\"12\" y=\"16\">{title}</text>\n{grid}{body}"))
}

fn bar(body: &mut String, row: &Row, y: f64, x: impl Fn(f64) -> f64) {
    let speed = row.speed();
    let (one, median) = (x(1.0), x(speed.median));
    let (from, to) = (one.min(median), one.max(median));
    let class = match row.met() {
        Some(true) => "met",
        Some(false) => "missed",
        None => "none",
    };
    let label = escape(&format!("{} / {}", row.what, row.peer));
    let middle = y - 4.0;
    let _ = writeln!(body, r#"<text x="420" y="{y}" text-anchor="end">{label}</text>"#);
    let _ = writeln!(
        body,
        r#"<rect class="{class}" x="{from:.1}" y="{}" width="{:.1}" height="12"/>"#,
        y - 10.0,
        (to - from).max(1.0)
    );
    let (low, high) = (x(speed.low), x(speed.high));
    let _ =
        writeln!(body, r#"<line class="whisker" x1="{low:.1}" x2="{high:.1}" y1="{middle}" y2="{middle}"/>"#);
    let goal = match row.goal {
        Goal::Time(most) => Some(1.0 / most),
        Goal::Speed(least) => Some(least),
        Goal::None => None,
    };
    if let Some(goal) = goal {
        let at = x(goal);
        let _ = writeln!(
            body,
            r#"<line class="goal" x1="{at:.1}" x2="{at:.1}" y1="{}" y2="{}"/>"#,
            y - 12.0,
            y + 4.0
        );
    }
    let text = figure(speed.median);
    let _ = writeln!(body, r#"<text class="s" x="870" y="{y}">{text}×</text>"#);
}

/// A small plot for each table of growth: both axes logarithmic, so that what stays flat is flat.
fn growth(tables: &[Growth]) -> String {
    const WIDTH: f64 = 380.0;
    const HEIGHT: f64 = 220.0;
    const COLOURS: [&str; 6] = ["#3a7", "#c33", "#58a", "#c60", "#849", "#555"];
    let mut body = String::new();
    for (number, table) in tables.iter().enumerate() {
        let (left, top) = (70.0 + (number % 2) as f64 * 620.0, 40.0 + (number / 2) as f64 * 300.0);
        let sizes = decades(table.lines.iter().map(|line| line.0));
        let costs = table.lines.iter().flat_map(|line| line.2.iter().copied());
        let costs = decades(costs);
        let x = |size: f64| left + (size.log10() - f64::from(sizes.0)) / f64::from(sizes.1 - sizes.0) * WIDTH;
        let y = |cost: f64| {
            top + HEIGHT - (cost.log10() - f64::from(costs.0)) / f64::from(costs.1 - costs.0) * HEIGHT
        };
        let _ = writeln!(body, r#"<text class="h" x="{left}" y="{}">{}</text>"#, top - 14.0, table.title);
        for decade in costs.0..=costs.1 {
            let (at, label) = (y(10f64.powi(decade)), time(10f64.powi(decade)));
            let _ = writeln!(
                body,
                r#"<line class="grid" x1="{left}" x2="{}" y1="{at:.1}" y2="{at:.1}"/>"#,
                left + WIDTH
            );
            let _ = writeln!(
                body,
                r#"<text class="s" x="{}" y="{:.1}" text-anchor="end">{label}</text>"#,
                left - 6.0,
                at + 4.0
            );
        }
        for (size, name, _) in &table.lines {
            let (at, below) = (x(*size), top + HEIGHT + 16.0);
            let _ = writeln!(
                body,
                r#"<text class="s" x="{at:.1}" y="{below}" text-anchor="middle">{name}</text>"#
            );
        }
        let middle = left + WIDTH / 2.0;
        let _ = writeln!(
            body,
            r#"<text class="s" x="{middle}" y="{}" text-anchor="middle">{}</text>"#,
            top + HEIGHT + 32.0,
            table.size
        );
        for (column, (name, colour)) in table.columns.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let points: Vec<_> =
                table.lines.iter().map(|(size, _, costs)| (x(*size), y(costs[column]))).collect();
            let line: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let _ = writeln!(
                body,
                r#"<polyline points="{}" style="fill:none;stroke:{colour};stroke-width:2"/>"#,
                line.join(" ")
            );
            for (x, y) in points {
                let _ = writeln!(body, r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" style="fill:{colour}"/>"#);
            }
            let (at, line) = (left + WIDTH + 12.0, top + 12.0 + column as f64 * 18.0);
            let _ = writeln!(body, r#"<text x="{at}" y="{line}" style="fill:{colour}">{name}</text>"#);
        }
    }
    svg(1270.0, 40.0 + tables.len().div_ceil(2) as f64 * 300.0, &body)
}

fn svg(width: f64, height: f64, body: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         {STYLE}\n<rect class=\"bg\" width=\"{width}\" height=\"{height}\"/>\n{body}</svg>\n"
    )
}
