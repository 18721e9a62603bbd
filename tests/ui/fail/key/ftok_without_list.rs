use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(ftok = "/var/lib/weather")]
struct Station {
    celsius: f64,
}

fn main() {}
