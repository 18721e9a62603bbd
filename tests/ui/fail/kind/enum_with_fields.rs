use shm_runtime::Shareable;

#[derive(Shareable)]
#[repr(u8)]
enum Event {
    Quit,
    Resize { width: u32, height: u32 },
    Pause,
}

fn main() {}
