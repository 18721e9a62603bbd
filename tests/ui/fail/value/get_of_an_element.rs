use shm_runtime::{Attached, SharedSegment};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    series: [f64; 24],
}

fn use_it(station: &Attached<Station>) -> f64 {
    station.series.get(7)
}

fn main() {}
