//! Comparisons: ours and the peer's, in turn, so that what else the machine does hits both.

use std::time::{Duration, Instant};

/// Samples of each side. Odd, so that there is a median.
const SAMPLES: usize = 51;
/// What a sample should take at least: far more than reading the clock does.
const SAMPLE: Duration = Duration::from_micros(500);

/// The time of one thing in that of another: the median of pairs measured in turn, and the middle half of
/// them.
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Ratio {
    /// The same as speeds.
    #[allow(dead_code)] // each benchmark is a program of its own
    pub(crate) fn inverse(&self) -> Self {
        Self { median: 1.0 / self.median, low: 1.0 / self.high, high: 1.0 / self.low }
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ({:.2} .. {:.2})", self.median, self.low, self.high)
    }
}

/// The time `ours` takes in that of `peers`.
pub(crate) fn compare(mut ours: impl FnMut(), mut peers: impl FnMut()) -> Ratio {
    let mut times = 1;
    while sample(&mut peers, times) < SAMPLE {
        times *= 2;
    }
    sample(&mut ours, times);
    let mut ratios: Vec<f64> = (0..SAMPLES)
        .map(|i| {
            // Neither is always the one that finds the caches as the other left them.
            let (ours, peers) = if i % 2 == 0 {
                let ours = sample(&mut ours, times);
                (ours, sample(&mut peers, times))
            } else {
                let peers = sample(&mut peers, times);
                (sample(&mut ours, times), peers)
            };
            ours.as_secs_f64() / peers.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    Ratio { median: ratios[SAMPLES / 2], low: ratios[SAMPLES / 4], high: ratios[SAMPLES * 3 / 4] }
}

fn sample(run: &mut impl FnMut(), times: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..times {
        run();
    }
    start.elapsed()
}

/// Whether only the ratios are wanted, and not criterion's plots: `cargo bench -- --ratios`.
pub(crate) fn ratios_only() -> bool {
    std::env::args().any(|argument| argument == "--ratios")
}
