use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(ftok(path = 3, project = 'W'))]
struct Station {
    celsius: f64,
}

fn main() {}
