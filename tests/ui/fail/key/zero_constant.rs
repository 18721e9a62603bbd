use shm_runtime::SharedSegment;

const WEATHER: i32 = 0;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(key = WEATHER)]
struct Station {
    celsius: f64,
}

fn main() {}
