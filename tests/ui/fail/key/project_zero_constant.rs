use shm_runtime::SharedSegment;

const WEATHER: u8 = 0;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(ftok(path = "/var/lib/weather", project = WEATHER))]
struct Station {
    celsius: f64,
}

fn main() {}
