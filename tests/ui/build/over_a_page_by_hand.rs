use shm_runtime::__private::{Settings, Trust};
use shm_runtime::{Key, Segment, Shareable, SharedSegment};

#[derive(Shareable)]
#[repr(C, align(8192))]
struct Station {
    celsius: f64,
}

// No derive, and so no check of it.
impl SharedSegment for Station {
    const SETTINGS: Settings =
        Settings { name: "Station", key_name: "", mode: 0o600, bare: true, trust: Trust::Anybody };

    fn key() -> Key {
        Key::private()
    }
}

fn main() {
    let _ = Segment::<Station>::from_id(0).and_then(|station| station.attach());
}
