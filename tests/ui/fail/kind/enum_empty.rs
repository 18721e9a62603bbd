use shm_runtime::Shareable;

#[derive(Shareable)]
enum Never {}

fn main() {}
