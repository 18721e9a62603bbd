use shm_runtime::Shareable;

#[derive(Shareable)]
#[repr(C)]
struct Wind {
    speed: f64,
    name: String,
}

fn main() {}
