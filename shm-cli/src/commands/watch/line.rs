//! Lines of cells: columns, and what is cut and rounded to stand in them.

use ratatui::buffer::Buffer;
use ratatui::style::Style;
use ratatui::text::Span;

use super::history::KEPT;
use crate::terminal::Printable;

/// How wide the columns are.
pub(super) struct Columns {
    pub(super) path: u16,
    ty: u16,
    value: u16,
    rate: u16,
    pub(super) spark: u16,
}

impl Columns {
    /// For a screen of this width, with paths and types of these.
    pub(super) fn new(width: u16, longest_path: usize, longest_type: usize) -> Self {
        // With a blank between them.
        let spark = match width {
            0..80 => 0,
            80..100 => 13,
            _ => u16::try_from(KEPT).unwrap_or(u16::MAX) + 1,
        };
        let rate = if width < 60 { 0 } else { 11 };
        let ty = match width {
            0..70 => 0,
            _ => u16::try_from(longest_type.clamp(4, 14) + 1).unwrap_or(15),
        };
        let rest = width - spark - rate - ty;
        let path = u16::try_from(longest_path.max(4) + 1).unwrap_or(u16::MAX).min(rest * 3 / 5);
        Self { path, ty, value: rest - path, rate, spark }
    }

    /// A line of texts, which may be from memory.
    pub(super) fn row(&self, buffer: &mut Buffer, y: u16, texts: [&str; 5], styles: [Style; 5]) {
        let widths = [self.path, self.ty, self.value, self.rate, self.spark];
        let mut x = 0;
        for (i, ((text, style), width)) in texts.iter().zip(styles).zip(widths).enumerate() {
            if width > 0 {
                match i {
                    // Rates are numbers, whose digits stand below one another.
                    3 => put_right(buffer, x + width - 1, y, text, style),
                    // Words, which take the place of numbers that there are not.
                    2 if texts[3..].iter().all(|text| text.is_empty()) => {
                        put(buffer, x, y, buffer.area.width - x, text, style);
                    }
                    _ => put(buffer, x, y, width - 1, text, style),
                }
            }
            x += width;
        }
    }
}

/// Puts text from memory into a line, cut to a width.
pub(super) fn put(buffer: &mut Buffer, x: u16, y: u16, width: u16, text: &str, style: Style) {
    // No more is in sight than a few characters a cell, with marks on them.
    let cut: String = text.chars().take(4 * usize::from(width)).collect();
    let text = Printable(cut).to_string();
    let is_cut = Span::raw(&text).width() > width.into();
    buffer.set_stringn(x, y, &text, width.into(), style);
    if is_cut && width > 0 {
        buffer.set_stringn(x + width - 1, y, "…", 1, style);
    }
}

/// Puts text so that it ends before this column.
pub(super) fn put_right(buffer: &mut Buffer, end: u16, y: u16, text: &str, style: Style) {
    let width = u16::try_from(Span::raw(text).width()).unwrap_or(u16::MAX).min(end);
    buffer.set_stringn(end - width, y, text, width.into(), style);
}

/// The end of a path, which tells more than its start, if it is too long for a column.
pub(super) fn tail(path: &str, width: u16) -> String {
    let width = usize::from(width).saturating_sub(1);
    if Span::raw(path).width() <= width {
        return path.to_owned();
    }
    let mut tail: String = path.chars().rev().take(width.saturating_sub(1)).collect();
    tail = tail.chars().rev().collect();
    while Span::raw(&tail).width() >= width.max(1) {
        tail.remove(0);
    }
    format!("…{tail}")
}

/// A rate in a few characters; nothing where nothing changes.
pub(super) fn rate_text(rate: f64) -> String {
    let size = rate.abs();
    if size == 0.0 {
        return String::new();
    }
    let (scaled, unit) = match size {
        1e15.. => return format!("{rate:+.1e}"),
        1e12.. => (rate / 1e12, "T"),
        1e9.. => (rate / 1e9, "G"),
        1e6.. => (rate / 1e6, "M"),
        1e4.. => (rate / 1e3, "k"),
        0.001.. => (rate, ""),
        _ => return format!("{rate:+.1e}"),
    };
    let decimals = match scaled.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{scaled:+.decimals$}{unit}")
}

/// The values as bars, from the smallest to the largest; nothing if all are the same.
pub(super) fn sparkline(values: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (least, most) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    if least >= most {
        return String::new();
    }
    let bar = |&value: &f64| match value.is_finite() {
        // Halves, so that the distance of the largest numbers is one.
        true => {
            let height = (value / 2.0 - least / 2.0) / (most / 2.0 - least / 2.0);
            let step = (1..8).filter(|&step| height > f64::from(step) / 8.0).count();
            BARS[step]
        }
        false => ' ',
    };
    values.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_bars_of_any_numbers_are_short() {
        for (rate, text) in [
            (0.0, ""),
            (1.0, "+1.00"),
            (-0.25, "-0.250"),
            (1234.5, "+1234"),
            (123_456.0, "+123k"),
            (-9.87e9, "-9.87G"),
            (1e300, "+1.0e300"),
            (5e-324, "+4.9e-324"),
        ] {
            assert_eq!(rate_text(rate), text);
        }
        assert_eq!(sparkline(&[f64::MIN, f64::NAN, f64::MAX, f64::INFINITY]), "▁ █ ");
        assert_eq!(sparkline(&[2.0, 2.0]), "");
        assert_eq!(sparkline(&[]), "");
    }
}
