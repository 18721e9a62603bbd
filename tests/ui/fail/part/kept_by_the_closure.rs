use std::sync::Arc;

use shm_runtime::{Shared, SharedSegment};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
}

fn main() {
    let station = Arc::new(Station::create().unwrap().attach().unwrap());
    let mut kept: Option<&Shared<f64>> = None;
    let celsius = station.part(|station| {
        kept = Some(&station.celsius);
        &station.celsius
    });
    drop((station, celsius));
    kept.unwrap().set(21.5);
}
