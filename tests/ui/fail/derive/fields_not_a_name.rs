use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, fields = "Parts", bound = T)]
struct Sheet<T> {
    width: T,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bound = "T Shareable")]
struct Other<T> {
    width: T,
}

fn main() {}
