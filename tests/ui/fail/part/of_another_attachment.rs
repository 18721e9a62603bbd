use std::sync::Arc;

use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
}

fn main() {
    let station = Arc::new(Station::create().unwrap().attach().unwrap());
    let other = Station::create().unwrap().attach().unwrap();
    let celsius = station.part(|_| &other.celsius);
    drop(other);
    celsius.set(21.5);
}
