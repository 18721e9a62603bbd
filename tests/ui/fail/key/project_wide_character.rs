use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(ftok(path = "/var/lib/weather", project = '€'))]
struct Station {
    celsius: f64,
}

fn main() {}
