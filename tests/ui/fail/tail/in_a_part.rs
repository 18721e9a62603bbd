use shm_runtime::Shareable;

#[derive(Shareable)]
#[repr(C)]
struct Part {
    count: u32,
    values: [u32],
}

fn main() {}
