use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, colour = 3)]
struct Station {
    celsius: f64,
}

fn main() {}
