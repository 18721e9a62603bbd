//! `SharedSegment` is a safe trait: whatever it is made to say by hand, no memory is used that is not there.

use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use shm_runtime::__private::{Settings, Trust};
use shm_runtime::{Error, ErrorKind, Key, Options, Segment, Shareable, SharedSegment};
use shm_tests::key::Own;
use shm_tests::oracle;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Small {
    bytes: [u8; 100],
}

/// Of what is not set here, nothing is checked by a derive.
const SETTINGS: Settings =
    Settings { name: "a\u{1b}[2Jname", key_name: "another", mode: 0o600, bare: true, trust: Trust::Anybody };

/// Says that there is no seal.
#[derive(Shareable)]
#[repr(C)]
struct Bare {
    bytes: [u8; 1 << 20],
}

impl SharedSegment for Bare {
    const SETTINGS: Settings = SETTINGS;

    /// Another one each time.
    fn key() -> Key {
        static NEXT: AtomicI32 = AtomicI32::new(1);
        Key::fixed((NEXT.fetch_add(1, Relaxed) << 24 | 0x00b1_7a1e).cast_unsigned())
    }

    fn open() -> Result<Segment<Self>, Error> {
        Segment::from_id(-1)
    }
}

/// Says that there is one, and that what it creates has a mode that no segment has.
#[derive(Shareable)]
#[repr(C)]
struct Sealed {
    bytes: [u8; 1 << 20],
}

impl SharedSegment for Sealed {
    const SETTINGS: Settings = Settings { bare: false, mode: u32::MAX, ..SETTINGS };

    fn key() -> Key {
        Key::private()
    }
}

fn is_never_used_as<T: SharedSegment>(small: &Own<Small>, options: &Options<T>) {
    let attached = options.open_id(small.id()).and_then(|segment| segment.attach());
    let error = attached.expect_err("it has a hundred bytes");
    let refused = matches!(error.kind(), ErrorKind::SizeDiffers { .. } | ErrorKind::NotSealed { .. });
    assert!(refused, "{error}");
    assert_eq!(oracle::attached(small.id()), 0);
}

#[test]
fn a_segment_that_is_too_small_for_a_struct_is_not_used_for_it_whatever_is_said() {
    let small = Own::<Small>::create();
    is_never_used_as(&small, &Bare::options());
    is_never_used_as(&small, Bare::options().allow_larger(true));
    is_never_used_as(&small, &Sealed::options());
    is_never_used_as(&small, Sealed::options().allow_larger(true));
    let text = Segment::<Bare>::from_id(small.id()).unwrap_err().to_string();
    assert!(text.contains("100 bytes") && text.contains(&(1 << 20).to_string()), "{text}");
}

#[test]
fn what_is_created_is_as_large_as_the_struct_whatever_is_said_of_it() {
    let bare = Bare::create_with(|new| new.bytes[(1 << 20) - 1].set(7)).unwrap().remove_on_drop();
    assert_eq!(oracle::by_id(bare.id()).unwrap().size, 1 << 20);
    assert_eq!(bare.attach().unwrap().bytes[(1 << 20) - 1].get(), 7);
    assert!(matches!(Sealed::create().unwrap_err().kind(), ErrorKind::InvalidInput { .. }));
    let init = |new: &shm_runtime::Shared<Sealed>| new.bytes[(1 << 20) - 1].set(8);
    let sealed = Sealed::options().mode(0o600).create_with(init).unwrap().remove_on_drop();
    assert!(oracle::by_id(sealed.id()).unwrap().size > 1 << 20);
    assert_eq!(
        Segment::<Sealed>::from_id(sealed.id()).unwrap().attach().unwrap().bytes[(1 << 20) - 1].get(),
        8
    );
}
