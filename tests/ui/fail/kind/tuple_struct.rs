use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[shm(private)]
struct Station(f64, u64);

fn main() {}
