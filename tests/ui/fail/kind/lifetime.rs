use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station<'a> {
    name: &'a str,
}

fn main() {}
