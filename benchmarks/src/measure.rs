//! Pairs: ours, the peer, ours, the peer; and what their ratios spread over.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::Result;

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Pairs of a measurement that takes milliseconds.
    pub pairs: usize,
    /// Pairs of a measurement that takes longer.
    pub long_pairs: usize,
    /// How long one sample of the former takes.
    pub sample: Duration,
    pub quick: bool,
}

impl Effort {
    pub const FULL: Self =
        Self { pairs: 301, long_pairs: 15, sample: Duration::from_millis(2), quick: false };
    pub const QUICK: Self =
        Self { pairs: 41, long_pairs: 3, sample: Duration::from_micros(500), quick: true };
}

/// The 10th percentile, the median and the 90th percentile.
#[derive(Clone, Copy)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Spread {
    /// Of at least one value.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |tenths: usize| values.get((values.len() - 1) * tenths / 10).copied().unwrap_or(f64::NAN);
        Self { low: at(1), median: at(5), high: at(9) }
    }

    /// Of the reciprocals.
    pub fn inverse(self) -> Self {
        Self { low: 1.0 / self.high, median: 1.0 / self.median, high: 1.0 / self.low }
    }
}

/// What a pair of contenders took, in nanoseconds an operation.
#[derive(Clone, Copy)]
pub struct Outcome {
    pub ours: f64,
    pub peer: f64,
    /// Our time divided by the peer's, of each pair.
    pub ratio: Spread,
}

/// Measures in turns, so that whatever else the machine does hits both alike; who begins alternates.
pub fn pairs(
    count: usize,
    mut ours: impl FnMut() -> Result<f64>,
    mut peer: impl FnMut() -> Result<f64>,
) -> Result<Outcome> {
    let (mut our_times, mut peer_times) = (Vec::new(), Vec::new());
    for pair in 0..count.max(1) {
        if pair % 2 == 0 {
            our_times.push(ours()?);
            peer_times.push(peer()?);
        } else {
            peer_times.push(peer()?);
            our_times.push(ours()?);
        }
    }
    let ratios = our_times.iter().zip(&peer_times).map(|(ours, peer)| ours / peer).collect();
    Ok(Outcome {
        ours: Spread::of(our_times).median,
        peer: Spread::of(peer_times).median,
        ratio: Spread::of(ratios),
    })
}

/// How many operations take about `sample`, found by trying.
pub fn calibrate(sample: Duration, mut run: impl FnMut(u32) -> Result<Duration>) -> Result<u32> {
    let mut count = 1;
    loop {
        // The shorter of two: one alone may have been interrupted for longer than it takes.
        let took = run(count)?.min(run(count)?);
        if took >= sample || count >= 1 << 24 {
            return Ok(count);
        }
        let factor = sample.as_nanos().div_ceil(took.as_nanos().max(1)).clamp(2, 16);
        count *= u32::try_from(factor).unwrap_or(2);
    }
}

/// Nanoseconds an operation.
pub fn each(took: Duration, count: u32) -> f64 {
    took.as_secs_f64() * 1e9 / f64::from(count)
}

/// Times an operation of this process that can fail.
pub fn time<R>(count: u32, mut operation: impl FnMut() -> Result<R>) -> Result<Duration> {
    let start = Instant::now();
    for _ in 0..count {
        black_box(operation()?);
    }
    Ok(start.elapsed())
}

/// The pairs of two operations of this process.
pub fn operations<R, S>(
    effort: Effort,
    mut ours: impl FnMut() -> Result<R>,
    mut peer: impl FnMut() -> Result<S>,
) -> Result<Outcome> {
    let our_count = calibrate(effort.sample, |count| time(count, &mut ours))?;
    let peer_count = calibrate(effort.sample, |count| time(count, &mut peer))?;
    pairs(
        effort.pairs,
        || Ok(each(time(our_count, &mut ours)?, our_count)),
        || Ok(each(time(peer_count, &mut peer)?, peer_count)),
    )
}
