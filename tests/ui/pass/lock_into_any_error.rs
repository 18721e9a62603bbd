//! With one call more, the error of a lock goes into any error type.

use std::error::Error;

use shm_runtime::{Attached, SharedSegment, sync, sync::LockError};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    total: sync::Mutex<u64>,
}

fn total(station: &Attached<Station>) -> Result<u64, Box<dyn Error + Send + Sync>> {
    Ok(station.total.lock().map_err(LockError::release)?.get())
}

fn repaired(station: &Attached<Station>) -> Result<u64, Box<dyn Error + Send + Sync>> {
    Ok(station.total.lock().or_else(|error| error.repair(|total| total.set(0)))?.get())
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let station = Station::create()?.remove_on_drop().attach()?;
    assert_eq!((total(&station)?, repaired(&station)?), (0, 0));
    Ok(())
}
