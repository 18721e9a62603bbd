//! What the values were: what has changed, how fast, and the last of them for a picture.

use std::time::{Duration, Instant};

use crate::readings::Readings;

/// So many readings are kept.
pub(crate) const KEPT: usize = 24;

/// Over this time a rate is measured.
const WINDOW: Duration = Duration::from_secs(1);

/// The last readings of all leaves.
pub(crate) struct History {
    leaves: usize,
    /// A row for each reading, in a ring: of each leaf its number; of what is not a number, how often it has changed.
    kept: Vec<f64>,
    /// When the rows were read.
    times: [Option<Instant>; KEPT],
    /// The row that is written next.
    next: usize,
    last: Vec<u64>,
    changes: Vec<u32>,
    changed_at: Vec<Option<Instant>>,
}

impl History {
    pub(crate) fn new(leaves: usize) -> Self {
        Self {
            leaves,
            kept: vec![0.0; KEPT * leaves],
            times: [None; KEPT],
            next: 0,
            last: Vec::new(),
            changes: vec![0; leaves],
            changed_at: vec![None; leaves],
        }
    }

    /// Takes what was read then.
    pub(crate) fn push(&mut self, readings: &Readings<'_>, now: Instant) {
        let changed = self.last.iter().zip(readings.bits()).enumerate();
        for (leaf, _) in changed.filter(|(_, (last, bits))| last != bits) {
            self.changes[leaf] = self.changes[leaf].wrapping_add(1);
            self.changed_at[leaf] = Some(now);
        }
        self.last.clear();
        self.last.extend_from_slice(readings.bits());
        let row = &mut self.kept[self.next * self.leaves..][..self.leaves];
        for (leaf, kept) in row.iter_mut().enumerate() {
            *kept = readings.number(leaf).unwrap_or_else(|| self.changes[leaf].into());
        }
        self.times[self.next] = Some(now);
        self.next = (self.next + 1) % KEPT;
    }

    /// When its value was last found changed.
    pub(crate) fn changed_at(&self, leaf: usize) -> Option<Instant> {
        self.changed_at[leaf]
    }

    /// By how much it grew in a second, on average of the last one; of what is not a number, how often it changed.
    pub(crate) fn rate(&self, leaf: usize) -> f64 {
        let Some((newest, now)) = self.rows().next() else { return 0.0 };
        let within = |&(_, time): &(usize, Instant)| now.duration_since(time) <= WINDOW;
        // Where readings are rarer than that, the last two.
        let oldest = self.rows().skip(1).take_while(within).last().or_else(|| self.rows().nth(1));
        let Some((oldest, then)) = oldest else { return 0.0 };
        let grown = self.at(newest, leaf) - self.at(oldest, leaf);
        let rate = grown / now.duration_since(then).as_secs_f64();
        if rate.is_finite() { rate } else { 0.0 }
    }

    /// The last values, the newest last.
    pub(crate) fn last(&self, leaf: usize, most: usize) -> Vec<f64> {
        let mut values: Vec<f64> = self.rows().take(most).map(|(row, _)| self.at(row, leaf)).collect();
        values.reverse();
        values
    }

    /// The rows, the newest first, and when they were read.
    fn rows(&self) -> impl Iterator<Item = (usize, Instant)> {
        let rows = (1..=KEPT).map(|back| (self.next + KEPT - back) % KEPT);
        rows.map_while(|row| Some((row, self.times[row]?)))
    }

    fn at(&self, row: usize, leaf: usize) -> f64 {
        self.kept[row * self.leaves + leaf]
    }
}
