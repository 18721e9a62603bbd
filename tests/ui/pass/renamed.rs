//! The runtime under another name, and through another crate's re-export.

#![forbid(unsafe_code)]
#![deny(warnings)]

extern crate shm_runtime as segments;

mod library {
    pub mod reexport {
        pub use ::segments::*;
    }
}

// Whoever names it by its first name gets this.
mod shm_runtime {}

mod by_new_name {
    use segments::{Shareable, SharedSegment};

    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(name = "org.example", mode = 0o640, crate = ::segments)]
    pub struct Station {
        pub wind: Wind,
        pub mode: Mode,
    }

    #[derive(Clone, Copy, Shareable)]
    #[repr(C)]
    #[shm(crate = segments)]
    pub struct Wind {
        pub speed: f64,
    }

    #[derive(Clone, Copy, Shareable)]
    #[repr(i8)]
    #[shm(crate = segments)]
    pub enum Mode {
        Off,
    }
}

mod by_reexport {
    use crate::library::reexport::SharedSegment;

    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(private, crate = crate::library::reexport)]
    pub struct Station {
        pub celsius: f64,
    }
}

fn main() {
    use segments::{Schema, Shared};

    assert_eq!(Schema::of::<by_new_name::Station>().size(), 16);
    assert_eq!(Schema::of::<by_reexport::Station>().size(), 8);
    let _use = |station: &Shared<by_new_name::Station>, other: &Shared<by_reexport::Station>| {
        station.wind.speed.set(other.celsius.get());
        station.mode.set(by_new_name::Mode::Off);
    };
}
