use shm_runtime::Shareable;

#[derive(Shareable)]
#[repr(C)]
#[shm(sice = 8)]
struct Wind {
    speed: f64,
}

fn main() {}
