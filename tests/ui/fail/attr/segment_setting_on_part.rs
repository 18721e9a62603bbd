use shm_runtime::Shareable;

#[derive(Shareable)]
#[repr(C)]
#[shm(mode = 0o660)]
struct Wind {
    speed: f64,
}

fn main() {}
