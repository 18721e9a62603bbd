use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, size = 24)]
struct Series<const N: usize> {
    values: [f64; N],
}

fn main() {}
