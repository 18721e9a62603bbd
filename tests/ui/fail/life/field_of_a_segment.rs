use shm_runtime::{Error, SharedSegment};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    celsius: f64,
}

fn use_it() -> Result<f64, Error> {
    Ok(Station::open()?.celsius.get())
}

fn main() {}
