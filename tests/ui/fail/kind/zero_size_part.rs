use shm_runtime::Shareable;

#[derive(Shareable)]
#[repr(C)]
struct Nothing {
    nothing: [u64; 0],
}

fn main() {}
