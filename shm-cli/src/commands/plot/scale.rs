//! From numbers to places in a picture.

use super::samples::{Samples, Series};

/// From the smallest to the largest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Range {
    /// That of the numbers among these; around one that is the only one.
    pub(super) fn of(values: &[f64]) -> Self {
        let numbers = || values.iter().copied().filter(|value| value.is_finite());
        let (from, to) = (numbers().fold(f64::MAX, f64::min), numbers().fold(f64::MIN, f64::max));
        match from < to {
            true => Self { from, to },
            // As far as to the next numbers that can be told from it.
            false => {
                let (value, apart) = (from.min(to), from.abs().min(to.abs()).max(1.0) / 2.0);
                Self { from: (value - apart).max(f64::MIN), to: (value + apart).min(f64::MAX) }
            }
        }
    }

    /// Where in it a value is, from 0 to 1.
    pub(super) fn place(self, value: f64) -> f64 {
        // Halves, so that the distance of the largest numbers is one.
        let place = (value / 2.0 - self.from / 2.0) / (self.to / 2.0 - self.from / 2.0);
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.5 }
    }

    /// Round numbers in it, a few.
    pub(super) fn ticks(self) -> Vec<f64> {
        let rough = (self.to / 4.0 - self.from / 4.0).max(f64::MIN_POSITIVE);
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|&step| step >= rough);
        let step = step.unwrap_or(rough);
        let first = (self.from / step).ceil();
        let ticks = (0..8).map(|i| (first + f64::from(i)) * step);
        ticks.take_while(|&tick| tick <= self.to).filter(|tick| *tick >= self.from).collect()
    }
}

/// A number as short as it is in a picture.
pub(super) fn short(number: f64) -> String {
    let text = match number.abs() {
        0.0 => return "0".to_owned(),
        1e7.. | 0.0..1e-4 => return format!("{number:.3e}"),
        1e4.. => format!("{number:.0}"),
        100.0.. => format!("{number:.2}"),
        1.0.. => format!("{number:.3}"),
        _ => format!("{number:.5}"),
    };
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// The line of a series, as places from 0 to 1, in pieces, between which there are no numbers. Of many samples in one of so many
/// columns, the smallest and the largest value, so that no spike is lost.
pub(super) fn lines(samples: &Samples, series: &Series, columns: f64) -> Vec<Vec<(f64, f64)>> {
    let (times, values) = (Range::of(&samples.times), Range::of(&series.values));
    let mut lines = vec![Vec::new()];
    let mut column = Column::default();
    for (&time, &value) in samples.times.iter().zip(&series.values) {
        let (Some(line), false) = (lines.last_mut(), value.is_nan()) else {
            column.end(lines.last_mut());
            if lines.last().is_some_and(|line| !line.is_empty()) {
                lines.push(Vec::new());
            }
            continue;
        };
        let point = (times.place(time), values.place(value));
        let number = (point.0 * columns).floor();
        if column.number != Some(number) {
            column.end(Some(line));
            column = Column { number: Some(number), ..Column::default() };
        }
        column.add(point);
    }
    column.end(lines.last_mut());
    lines.retain(|line| !line.is_empty());
    lines
}

/// Of the points in one column, the lowest and the highest, and which came first.
#[derive(Default)]
struct Column {
    number: Option<f64>,
    points: Option<[(f64, f64); 2]>,
    is_falling: bool,
}

impl Column {
    fn add(&mut self, point: (f64, f64)) {
        let [low, high] = self.points.get_or_insert([point; 2]);
        if point.1 < low.1 {
            (*low, self.is_falling) = (point, true);
        }
        if point.1 > high.1 {
            (*high, self.is_falling) = (point, false);
        }
    }

    fn end(&mut self, line: Option<&mut Vec<(f64, f64)>>) {
        let (Some([low, high]), Some(line)) = (self.points.take(), line) else { return };
        let points = if self.is_falling { [high, low] } else { [low, high] };
        line.push(points[0]);
        if points[0] != points[1] {
            line.push(points[1]);
        }
        self.number = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spike_of_a_million_samples_is_lost_and_gaps_stay_gaps() {
        let times: Vec<f64> = (0..1_000_000).map(f64::from).collect();
        let mut values = vec![1.0; times.len()];
        values[123_456] = 9.0;
        values[654_321] = -7.0;
        values[500_000..600_000].fill(f64::NAN);
        let samples = Samples { times, series: Vec::new() };
        let lines = lines(&samples, &Series { name: String::new(), values }, 500.0);
        assert_eq!(lines.len(), 2);
        let points: Vec<_> = lines.concat();
        assert!(points.len() < 1100, "{}", points.len());
        let near = |x: f64, y: f64| points.iter().any(|point| (point.0 - x).abs() < 1e-3 && point.1 == y);
        assert!(near(0.123456, 1.0) && near(0.654321, 0.0));
    }

    #[test]
    fn ticks_are_round_and_in_the_range_of_any_numbers() {
        assert_eq!(Range { from: 0.3, to: 10.2 }.ticks(), [5.0, 10.0]);
        assert_eq!(Range { from: -1.0, to: 1.0 }.ticks(), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        for (from, to) in
            [(f64::MIN, f64::MAX), (0.0, 5e-324), (1e300, 1.1e300), (-3.0, -2.999_999), (1e16, 1e16 + 2.0)]
        {
            let range = Range { from, to };
            let ticks = range.ticks();
            assert!(ticks.len() < 9 && ticks.iter().all(|&tick| from <= tick && tick <= to), "{ticks:?}");
            assert!(range.place(from) == 0.0 || range.place(from) == 0.5, "{range:?}");
        }
        for values in [&[][..], &[f64::NAN], &[f64::MAX], &[f64::MIN], &[0.0], &[7.0, 7.0]] {
            let range = Range::of(values);
            assert!(range.from < range.to, "{values:?}: {range:?}");
        }
    }
}
