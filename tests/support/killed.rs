//! Kills at moments that nothing chooses but chance: so at any instruction.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

/// How many kills a test tries: `SHM_KILLS`, 2000 for the long mode, or some tens.
fn how_many() -> u64 {
    std::env::var("SHM_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(40)
}

/// One moment: so long after what the test waits for.
#[derive(Clone, Copy, Debug)]
pub struct Kill(Duration);

impl Kill {
    /// Waits until then; not by sleeping, whose end the scheduler chooses.
    pub fn wait(self) {
        let start = Instant::now();
        while start.elapsed() < self.0 {
            spin_loop();
        }
    }

    /// A number to choose something by.
    pub fn chance(self) -> u64 {
        self.0.as_nanos().try_into().unwrap_or(0)
    }
}

/// The moments, up to half a millisecond: other ones each time.
pub fn kills() -> impl Iterator<Item = Kill> {
    let seed = Instant::now().elapsed().as_nanos() ^ u128::from(std::process::id()) << 20;
    let seed = u64::try_from(seed).unwrap_or(1) | 1;
    let random = std::iter::successors(Some(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)), |&x| {
        let x = x ^ x << 13;
        let x = x ^ x >> 7;
        Some(x ^ x << 17)
    });
    let count = usize::try_from(how_many()).unwrap_or(usize::MAX);
    random.map(|x| Kill(Duration::from_nanos(x % 500_000))).take(count)
}
