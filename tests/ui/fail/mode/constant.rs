use shm_runtime::SharedSegment;

const EVERYBODY: u32 = 0o1777;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, mode = EVERYBODY)]
struct Station {
    celsius: f64,
}

fn main() {}
