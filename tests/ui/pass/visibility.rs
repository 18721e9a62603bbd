//! Visibility, docs and deprecation are carried over; private fields, other modules, function bodies and `cfg`.

#![forbid(unsafe_code)]
#![deny(warnings, dead_code, missing_docs, missing_debug_implementations, unreachable_pub, rust_2018_idioms)]
#![deny(unused_qualifications, unnameable_types, let_underscore_drop, single_use_lifetimes)]

use shm_runtime::{Shareable, SharedSegment};

mod station {
    use shm_runtime::{Shareable, SharedSegment};

    #[derive(Debug, SharedSegment)]
    #[repr(C)]
    #[shm(private)]
    pub(crate) struct Station {
        pub(crate) celsius: f64,
        pub(super) wind: Wind,
        pub(in crate::station) pressure: u32,
        secret: Secret,
    }

    impl Station {
        pub(crate) fn reset(shared: &shm_runtime::Shared<Self>) {
            shared.secret.set(Secret { bits: 0 });
            shared.pressure.set(1013);
        }
    }

    #[derive(Clone, Copy, Debug, Shareable)]
    #[repr(C)]
    pub(super) struct Wind {
        pub(super) speed: f64,
    }

    #[derive(Clone, Copy, Debug, Shareable)]
    #[repr(C)]
    struct Secret {
        bits: u64,
    }
}

/// Only the segment uses the fields of this one, and some nobody.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Counters {
    hits: u64,
    #[cfg(target_os = "linux")]
    misses: u64,
    #[cfg(not(target_os = "linux"))]
    misses: String,
    #[cfg_attr(all(), shm(offset = 16))]
    _reserved: [u8; 16],
}

/// Names that take `r#`, and names in another style.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
#[allow(non_snake_case)]
struct r#Raw {
    r#type: u8,
    r#match: [r#struct; 2],
    CamelCase: u8,
}

#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(u8)]
enum r#struct {
    r#fn = 1,
    r#loop,
}

/// What is deprecated can be shared; only its use is warned of.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Old {
    #[deprecated = "use `celsius`"]
    fahrenheit: f64,
    celsius: f64,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, Shareable)]
#[repr(u8)]
enum Unit {
    #[deprecated]
    Fahrenheit,
    Celsius,
}

fn main() {
    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(name = NAME)]
    struct Local {
        part: Part,
    }

    #[derive(Clone, Copy, Shareable)]
    #[repr(C)]
    struct Part {
        value: u16,
    }

    const NAME: &str = "org.example.local";

    assert_eq!(Local::key(), shm_runtime::Key::name(NAME));
    assert_eq!(
        shm_runtime::Schema::of::<Raw>().to_string(),
        "struct Raw size 4 align 1\n  type @0 u8\n  match @1 [2] enum struct u8 fn=1 loop=2\n  CamelCase @3 u8\n",
    );
    let _use = (
        |local: &shm_runtime::Shared<Local>| local.part.set(local.part.get()),
        |shared: &shm_runtime::Shared<station::Station>| {
            station::Station::reset(shared);
            shared.celsius.set(shared.wind.speed.get());
        },
        |counters: &shm_runtime::Shared<Counters>| counters.hits.atomic().fetch_add(1, std::sync::atomic::Ordering::Relaxed),
        |raw: &shm_runtime::Shared<Raw>| {
            raw.r#type.set(1);
            raw.CamelCase.set(2);
            raw.r#match[0].set(r#struct::r#loop);
            raw.r#match[1].try_get() == Ok(r#struct::r#fn)
        },
        |old: &shm_runtime::Shared<Old>| {
            old.celsius.set(21.5);
            old.unit.set(Unit::Celsius);
        },
    );
}
