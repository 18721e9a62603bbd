use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(ftok(project = 'W'))]
struct Station {
    celsius: f64,
}

fn main() {}
