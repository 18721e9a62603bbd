use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(key = 0x5748_0001, key = 0x5748_0002)]
struct Station {
    celsius: f64,
}

fn main() {}
