use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, moed = 0o660)]
struct Station {
    celsius: f64,
}

fn main() {}
