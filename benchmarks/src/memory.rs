//! Large segments: when their pages are made, and how large those are.

use std::fs;
use std::time::Instant;

use shm_runtime::{Attached, Segment, SharedSegment};

use crate::measure::{self, Effort};
use crate::report::{Goal, Report};
use crate::supervise::POOL_WAS;
use crate::{Result, Scratch, sys};

const SIZE: usize = 256 << 20;
const PAGE: usize = 4096;
/// How many huge pages there should be.
pub const POOL: &str = "/proc/sys/vm/nr_hugepages";
/// Of two megabytes: what the segment takes, and one for its seal.
const HUGE_PAGES: u64 = (SIZE as u64 >> 21) + 1;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Large {
    pages: [[u64; PAGE / 8]; SIZE / PAGE],
}

/// Writes a word into each page.
fn touch(memory: &Attached<Large>) {
    for page in memory.pages.iter() {
        page[0].set(1);
    }
}

/// A new segment, from the attachment until every page has been written to.
fn first_use(prefault: bool, huge_pages: bool) -> Result<f64> {
    let segment = Large::options().huge_pages(huge_pages).trust_writers().create()?.remove_on_drop();
    let memory = segment.attach()?;
    let start = Instant::now();
    if prefault {
        memory.prefault()?;
    }
    touch(&memory);
    Ok(measure::each(start.elapsed(), 1))
}

/// A segment whose pages exist, from attaching it until every page has been written to.
fn attach_and_touch(segment: &Segment<Large>) -> Result<f64> {
    let start = Instant::now();
    touch(&segment.attach()?);
    Ok(measure::each(start.elapsed(), 1))
}

/// A pool that has room for a segment of huge pages; it is what it was when this is dropped.
struct Pool<'a> {
    /// What is to be written back, and where that is kept for the supervisor. `None` if there was room already.
    was: Option<(u64, &'a Scratch)>,
}

impl<'a> Pool<'a> {
    fn prepare(scratch: &'a Scratch) -> Result<Self, String> {
        if free_huge_pages() >= HUGE_PAGES {
            return Ok(Self { was: None });
        }
        let was = sys::number_in(POOL).ok_or("this kernel has no huge pages")?;
        let keep = |()| fs::write(POOL, (was + HUGE_PAGES).to_string());
        fs::write(scratch.path().join(POOL_WAS), was.to_string()).and_then(keep).map_err(|error| {
            format!("the pool has no {HUGE_PAGES} free pages, and cannot be enlarged: {error}")
        })?;
        let pool = Self { was: Some((was, scratch)) };
        match free_huge_pages() {
            free if free < HUGE_PAGES => Err(format!("the kernel found memory for {free} huge pages only")),
            _ => Ok(pool),
        }
    }
}

impl Drop for Pool<'_> {
    fn drop(&mut self) {
        if let Some((was, scratch)) = self.was
            && fs::write(POOL, was.to_string()).is_ok()
        {
            // The supervisor would write the same once more.
            let _ = fs::remove_file(scratch.path().join(POOL_WAS));
        }
    }
}

fn free_huge_pages() -> u64 {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let free = memory.lines().find_map(|line| line.strip_prefix("HugePages_Free:"));
    free.and_then(|free| free.trim().parse().ok()).unwrap_or(0)
}

pub fn measure(scratch: &Scratch, effort: Effort, report: &mut Report) -> Result<()> {
    const GROUP: &str = "256 MiB, a word written to each 4 KiB of it, one process on all processors";
    let pairs = effort.long_pairs;
    let small = || first_use(false, false);
    let outcome = measure::pairs(pairs, || first_use(true, false), small)?;
    report.add(GROUP, "first use, with `prefault`", "by touching", outcome, Goal::Speed(1.2));

    let _pool = match Pool::prepare(scratch) {
        Ok(pool) => pool,
        Err(why) => {
            report.skip("huge pages", why);
            return Ok(());
        }
    };
    let outcome = measure::pairs(pairs, || first_use(false, true), small)?;
    report.add(GROUP, "first use, with `huge_pages`", "pages of 4 KiB", outcome, Goal::None);
    let (huge, small) = (
        Large::options().huge_pages(true).trust_writers().create()?.remove_on_drop(),
        Large::create()?.remove_on_drop(),
    );
    // Makes the pages.
    attach_and_touch(&huge)?;
    attach_and_touch(&small)?;
    let outcome = measure::pairs(pairs, || attach_and_touch(&huge), || attach_and_touch(&small))?;
    report.add(
        GROUP,
        "attach a segment in use, with `huge_pages`",
        "pages of 4 KiB",
        outcome,
        Goal::Speed(10.0),
    );
    Ok(())
}
