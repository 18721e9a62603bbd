use std::error::Error;

use shm_runtime::{Attached, SharedSegment, sync};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    total: sync::Mutex<u64>,
}

/// As anyhow's.
struct Any;

impl<E: Error + Send + Sync + 'static> From<E> for Any {
    fn from(_: E) -> Self {
        Any
    }
}

fn into_a_box(station: &Attached<Station>) -> Result<u64, Box<dyn Error + Send + Sync>> {
    Ok(station.total.lock()?.get())
}

fn into_any(station: &Attached<Station>) -> Result<u64, Any> {
    Ok(station.total.lock()?.get())
}

fn main() {}
