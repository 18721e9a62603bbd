use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "Weather Station")]
struct Station {
    celsius: f64,
}

fn main() {}
