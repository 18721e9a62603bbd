//! Scalars beside the same through raw pointers, in the same memory. In one process.
//!
//! `cargo bench --bench access -- --ratios` prints the table alone.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use criterion::Criterion;
use shm_runtime::{Shared, SharedSegment};

use support::{compare, ratios_only};

mod support;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    readings: AtomicU64,
    celsius: f64,
    hours: [f64; 1000],
}

/// The addresses of the same fields.
struct Raw {
    readings: *mut u64,
    celsius: *mut f64,
    hours: *const f64,
}

// SAFETY of the peers: the addresses are those of the fields, mapped for as long as the benchmark runs.

/// A benchmark: its name, ours, the peer's.
type Case = (&'static str, fn(&Shared<Station>), fn(&Raw));

const CASES: [Case; 4] = [
    (
        "get",
        |station| {
            black_box(station.celsius.get());
        },
        |raw| {
            // SAFETY: as above.
            black_box(unsafe { raw.celsius.read_volatile() });
        },
    ),
    (
        "set",
        |station| station.celsius.set(black_box(21.5)),
        // SAFETY: as above.
        |raw| unsafe { raw.celsius.write_volatile(black_box(21.5)) },
    ),
    (
        "fetch_add",
        |station| {
            station.readings.fetch_add(1, Relaxed);
        },
        |raw| {
            // SAFETY: as above.
            unsafe { AtomicU64::from_ptr(raw.readings) }.fetch_add(1, Relaxed);
        },
    ),
    (
        "sum of [f64; 1000]",
        |station| {
            black_box(station.hours.iter().map(Shared::get).sum::<f64>());
        },
        |raw| {
            // The start of std's sum, too.
            let mut sum = -0.0;
            for i in 0..1000 {
                // SAFETY: as above, and the array has a thousand elements.
                sum += unsafe { raw.hours.add(i).read_volatile() };
            }
            black_box(sum);
        },
    ),
];

fn main() {
    let segment = Station::create().expect("create a segment").remove_on_drop();
    let attached = segment.attach().expect("attach it");
    let station = &*attached;
    let raw = Raw {
        readings: station.readings.as_mut_ptr().cast(),
        celsius: station.celsius.as_mut_ptr(),
        hours: station.hours.as_ptr().cast(),
    };
    println!("Time in that of a raw pointer, in one process: median (middle half)");
    for (name, ours, peers) in CASES {
        let ratio = compare(|| ours(black_box(station)), || peers(black_box(&raw)));
        println!("{name:<20} {ratio}");
    }
    if !ratios_only() {
        let mut criterion = Criterion::default().configure_from_args();
        for (name, ours, peers) in CASES {
            let mut group = criterion.benchmark_group(format!("access, in one process, {name}"));
            group.bench_function("shared", |b| b.iter(|| ours(black_box(station))));
            group.bench_function("raw pointer", |b| b.iter(|| peers(black_box(&raw))));
            group.finish();
        }
        criterion.final_summary();
    }
}
