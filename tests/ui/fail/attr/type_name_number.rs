use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = 7)]
struct Station {
    celsius: f64,
}

fn main() {}
