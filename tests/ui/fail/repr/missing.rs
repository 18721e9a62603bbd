use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[shm(private)]
struct Station {
    celsius: f64,
}

fn main() {}
