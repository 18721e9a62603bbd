//! Layout identity: a program with the same struct is let in, and any other is shown what differs.

use shm_runtime::{ErrorKind, Key, Options, SharedSegment};
use shm_tests::key::OwnKey;
use shm_tests::peer;
use shm_tests::seal::unique;

/// A module with a segment's struct of its own.
macro_rules! structs {
    ($($module:ident { $($item:item)* })*) => {$(
        mod $module {
            #[allow(unused_imports)]
            use shm_runtime::{Shareable, SharedSegment};
            $($item)*
        }
    )*};
}

structs! {
    base {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { pub(crate) count: u32, pub(crate) rate: f32, pub(crate) wind: Wind, pub(crate) name: [u8; 16], pub(crate) mode: Mode }
        #[derive(Clone, Copy, Shareable)] #[repr(C)]
        pub(crate) struct Wind { pub(crate) speed: f64, pub(crate) degrees: u16, pub(crate) gusts: u16 }
        #[derive(Clone, Copy, Shareable)] #[repr(u8)] #[allow(dead_code)]
        pub(crate) enum Mode { Off = 0, On = 1 }
    }
    elsewhere {
        // The same, in another order of definition and with other names for what has none in the layout.
        #[derive(Clone, Copy, Shareable)] #[repr(u8)] #[allow(dead_code)]
        pub(crate) enum Mode { Off, On }
        pub(crate) mod deeper {
            #[derive(Clone, Copy, shm_runtime::Shareable)] #[repr(C)]
            pub(crate) struct Wind { pub(crate) speed: f64, pub(crate) degrees: u16, pub(crate) gusts: u16 }
        }
        type Text = [u8; 16];
        #[derive(SharedSegment)] #[repr(C)] #[shm(private, mode = 0o640)]
        pub(crate) struct Station { pub(crate) count: u32, pub(crate) rate: f32, pub(crate) wind: deeper::Wind, pub(crate) name: Text, pub(crate) mode: Mode }
    }
    renamed_field {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { pub(crate) total: u32, pub(crate) rate: f32, pub(crate) wind: super::base::Wind, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode }
    }
    changed_type {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { pub(crate) count: i32, pub(crate) rate: f32, pub(crate) wind: super::base::Wind, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode }
    }
    made_atomic {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { pub(crate) count: std::sync::atomic::AtomicU32, pub(crate) rate: f32, pub(crate) wind: super::base::Wind, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode }
    }
    array_length {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { pub(crate) count: u32, pub(crate) rate: f32, pub(crate) wind: super::base::Wind, pub(crate) name: [u8; 17], pub(crate) mode: super::base::Mode }
    }
    swapped_in_a_part {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { pub(crate) count: u32, pub(crate) rate: f32, pub(crate) wind: Wind, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode }
        #[derive(Clone, Copy, Shareable)] #[repr(C)]
        pub(crate) struct Wind { pub(crate) speed: f64, pub(crate) gusts: u16, pub(crate) degrees: u16 }
    }
    discriminant {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { pub(crate) count: u32, pub(crate) rate: f32, pub(crate) wind: super::base::Wind, pub(crate) name: [u8; 16], pub(crate) mode: Mode }
        #[derive(Clone, Copy, Shareable)] #[repr(u8)] #[allow(dead_code)]
        pub(crate) enum Mode { Off = 0, On = 2 }
    }
    variant_name {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { pub(crate) count: u32, pub(crate) rate: f32, pub(crate) wind: super::base::Wind, pub(crate) name: [u8; 16], pub(crate) mode: Mode }
        #[derive(Clone, Copy, Shareable)] #[repr(u8)] #[allow(dead_code)]
        pub(crate) enum Mode { Off = 0, Running = 1 }
    }
    moved_offset {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { pub(crate) count: u32, pub(crate) rate: f32, pub(crate) wind: Wind, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode }
        #[derive(Clone, Copy, Shareable)] #[repr(C, align(16))]
        pub(crate) struct Wind { pub(crate) speed: f64, pub(crate) degrees: u16, pub(crate) gusts: u16 }
    }
    alignment_only {
        // 48 bytes either way.
        #[derive(SharedSegment)] #[repr(C, align(16))] #[shm(private)]
        pub(crate) struct Station { pub(crate) count: u32, pub(crate) rate: f32, pub(crate) wind: super::base::Wind, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode }
    }
    another_name {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Buoy { pub(crate) count: u32, pub(crate) rate: f32, pub(crate) wind: super::base::Wind, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode }
    }
    another_name_called_the_same {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private, type_name = "Station")]
        pub(crate) struct WeatherStationV1 { pub(crate) count: u32, pub(crate) rate: f32, pub(crate) wind: super::base::Wind, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode }
    }
    swapped_fields {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { pub(crate) rate: f32, pub(crate) count: u32, pub(crate) wind: super::base::Wind, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode }
    }
    // In what is tail padding of `base`: 48 bytes still.
    grown_into_padding {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { pub(crate) count: u32, pub(crate) rate: f32, pub(crate) wind: super::base::Wind, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode, pub(crate) level: u8, pub(crate) extra: u32 }
    }
    grown_at_the_end {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { pub(crate) count: u32, pub(crate) rate: f32, pub(crate) wind: super::base::Wind, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode, pub(crate) history: [u64; 100] }
    }
    grown_in_the_middle {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { pub(crate) count: u32, pub(crate) rate: f32, pub(crate) wind: super::base::Wind, pub(crate) added: u8, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode }
    }
    grown_part {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { pub(crate) count: u32, pub(crate) rate: f32, pub(crate) wind: Wind, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode }
        // Four bytes of padding before.
        #[derive(Clone, Copy, Shareable)] #[repr(C)]
        pub(crate) struct Wind { pub(crate) speed: f64, pub(crate) degrees: u16, pub(crate) gusts: u16, pub(crate) added: u32 }
    }
    copyable {
        #[derive(Clone, Copy, SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Small { pub(crate) big: u64, pub(crate) little: u8 }
    }
    copyable_grown {
        #[derive(Clone, Copy, SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Small { pub(crate) big: u64, pub(crate) little: u8, pub(crate) more: [u8; 7] }
    }
    bare_now {
        #[derive(Clone, Copy, SharedSegment)] #[repr(C)] #[shm(private, bare)]
        pub(crate) struct Small { pub(crate) big: u64, pub(crate) little: u8 }
    }
    // A peer's own `Cell`, in another crate and without its functions.
    cell {
        use std::sync::atomic::AtomicU32;
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Cell { pub(crate) inits: AtomicU32, pub(crate) counter: AtomicU32, pub(crate) pattern: [u64; 16] }
    }
}

use base::Station;

fn options<T: SharedSegment>(name: &str) -> Options<T> {
    let mut options = T::options();
    options.key(Key::name(name.to_owned()));
    options
}

/// Creates a `Theirs`, and opens it as an `Ours`; the difference, if it is refused.
fn refused<Theirs: SharedSegment, Ours: SharedSegment>(compatible: bool) -> Option<String> {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let _theirs = options::<Theirs>(&name).create().expect("a new name");
    let ours = match compatible {
        true => options::<Ours>(&name).open_compatible(),
        false => options::<Ours>(&name).open(),
    };
    let ours = ours.expect("opening does not look at the layout");
    let (write, read) = (ours.attach().err(), ours.attach_read_only().err());
    assert_eq!(write.is_some(), read.is_some());
    let error = write?;
    assert_eq!(error.to_string(), read.expect("as for writing").to_string());
    let ErrorKind::LayoutDiffers { theirs, ours, .. } = error.kind() else { panic!("{error}") };
    let difference = theirs.difference(ours);
    assert!(error.to_string().contains(&difference), "{error}");
    Some(difference)
}

macro_rules! differs {
    ($($test:ident: $module:ident::$theirs:ident, $difference:expr;)*) => {$(
        #[test]
        fn $test() {
            assert_eq!(refused::<$module::$theirs, Station>(false).as_deref(), Some($difference));
            // And so it is when compatible ones are welcome.
            assert_eq!(refused::<$module::$theirs, Station>(true).as_deref(), Some($difference));
            // The other way round, with the signs changed.
            let back = refused::<Station, $module::$theirs>(false).expect("refused");
            let count = |text: &str, sign| text.lines().filter(|line| line.starts_with(sign)).count();
            assert_eq!(count(&back, "  - "), count($difference, "  + "));
            assert_eq!(count(&back, "  + "), count($difference, "  - "));
        }
    )*};
}
differs! {
    a_renamed_field_is_refused: renamed_field::Station, "  - total @0 u32\n  + count @0 u32\n";
    a_changed_type_is_refused: changed_type::Station, "  - count @0 i32\n  + count @0 u32\n";
    a_field_made_atomic_is_refused: made_atomic::Station, "  - count @0 atomic u32\n  + count @0 u32\n";
    two_swapped_fields_of_one_size_are_refused: swapped_fields::Station,
        "  - rate @0 f32\n  - count @4 u32\n  + count @0 u32\n  + rate @4 f32\n";
    two_swapped_fields_of_a_part_are_refused: swapped_in_a_part::Station,
        "  - wind.gusts @8 u16\n  - wind.degrees @10 u16\n  + wind.degrees @8 u16\n  + wind.gusts @10 u16\n";
    a_changed_array_length_is_refused: array_length::Station,
        "  - name @24 [17] u8\n  - mode @41 enum Mode u8 Off=0 On=1\n  + name @24 [16] u8\n  + mode @40 enum Mode u8 Off=0 On=1\n";
    a_changed_discriminant_is_refused: discriminant::Station,
        "  - mode @40 enum Mode u8 Off=0 On=2\n  + mode @40 enum Mode u8 Off=0 On=1\n";
    a_renamed_variant_is_refused: variant_name::Station,
        "  - mode @40 enum Mode u8 Off=0 Running=1\n  + mode @40 enum Mode u8 Off=0 On=1\n";
    a_moved_offset_is_refused: moved_offset::Station,
        "  - struct Station size 64 align 16\n  + struct Station size 48 align 8\n  - wind @16 struct Wind size 16 align 16\n  + wind @8 struct Wind size 16 align 8\n  - name @32 [16] u8\n  - mode @48 enum Mode u8 Off=0 On=1\n  + name @24 [16] u8\n  + mode @40 enum Mode u8 Off=0 On=1\n";
    another_struct_of_the_same_fields_is_refused: another_name::Buoy,
        "  - struct Buoy size 48 align 8\n  + struct Station size 48 align 8\n";
    a_field_added_in_the_middle_is_refused: grown_in_the_middle::Station,
        "  - added @24 u8\n  - name @25 [16] u8\n  - mode @41 enum Mode u8 Off=0 On=1\n  + name @24 [16] u8\n  + mode @40 enum Mode u8 Off=0 On=1\n";
    a_field_added_to_a_part_is_refused: grown_part::Station, "  - wind.added @12 u32\n";
}

#[test]
fn a_changed_alignment_is_refused() {
    let difference = refused::<alignment_only::Station, Station>(false);
    let (old, new) = ("struct Station size 48 align 16", "struct Station size 48 align 8");
    assert_eq!(difference, Some(format!("  - {old}\n  + {new}\n")));
    // A stricter alignment, as new fields may bring one, is compatible; a laxer one is not.
    assert_eq!(refused::<alignment_only::Station, Station>(true), None);
    let difference = refused::<Station, alignment_only::Station>(true);
    assert_eq!(difference, Some(format!("  - {new}\n  + {old}\n")));
}

#[test]
fn the_same_struct_in_another_module_is_let_in() {
    assert_eq!(refused::<elsewhere::Station, Station>(false), None);
    assert_eq!(refused::<Station, elsewhere::Station>(false), None);
}

#[test]
fn a_type_name_makes_two_names_one() {
    assert_eq!(refused::<another_name_called_the_same::WeatherStationV1, Station>(false), None);
    assert_eq!(refused::<Station, another_name_called_the_same::WeatherStationV1>(false), None);
}

#[test]
fn of_a_struct_with_another_name_the_error_says_how_to_give_it_the_first_ones() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let _created = options::<Station>(&name).create().expect("create");
    let error = options::<another_name::Buoy>(&name).open().expect("open").attach().unwrap_err();
    let text = error.to_string();
    let hint = "if Buoy is Station with another name, write `#[shm(type_name = \"Station\")]` on it";
    assert!(text.contains(hint), "{text}");
    // Of other differences, the name is not the way out.
    let error = options::<changed_type::Station>(&name).open().expect("open").attach().unwrap_err();
    assert!(!error.to_string().contains("type_name"), "{error}");
}

#[test]
fn the_same_struct_in_another_program_is_let_in() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let mut peer = peer!().seal();
    peer.ask(format!("create {name} finish"));
    let cell = options::<cell::Cell>(&name).open().expect("there").attach().expect("the same");
    assert_eq!(cell.pattern[0].get(), 0x9e37_79b9_7f4a_7c15);
}

#[test]
fn a_struct_opened_by_the_key_of_another_is_refused() {
    let difference = refused::<cell::Cell, Station>(false).expect("refused");
    assert!(difference.contains("  - struct Cell size 136 align 8\n"), "{difference}");
    assert!(difference.contains("  + wind.speed @0 f64\n"), "{difference}");
}

#[test]
fn fields_gained_at_the_end_are_welcome_only_to_open_compatible() {
    for (compatible, plain) in [
        (
            refused::<grown_at_the_end::Station, Station>(true),
            refused::<grown_at_the_end::Station, Station>(false),
        ),
        (
            refused::<grown_into_padding::Station, Station>(true),
            refused::<grown_into_padding::Station, Station>(false),
        ),
    ] {
        assert_eq!(compatible, None);
        assert!(plain.is_some());
    }
    assert_eq!(refused::<Station, Station>(true), None);
    // The new program needs its fields: it is not let in to the old one's segment.
    assert_eq!(
        refused::<Station, grown_at_the_end::Station>(true).as_deref(),
        Some(
            "  - struct Station size 48 align 8\n  + struct Station size 848 align 8\n  + history @48 [100] u64\n"
        )
    );
    assert!(refused::<Station, grown_into_padding::Station>(true).is_some());
}

#[test]
fn the_schema_of_a_grown_segment_has_the_new_fields() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let new = options::<grown_at_the_end::Station>(&name).create().expect("new").attach().expect("ours");
    let old = options::<Station>(&name).open_compatible().expect("there").attach().expect("grown");
    let schema = old.schema().expect("sealed");
    assert!(schema.to_string().ends_with("  history @48 [100] u64\n"), "{schema}");
    assert_eq!(schema, new.schema().expect("sealed"));
    old.wind.speed.set(1.5);
    assert_eq!(new.wind.speed.get(), 1.5);
    // What is printed are the fields that this program knows.
    assert!(!format!("{old:?}").contains("history"));
}

#[test]
fn setting_an_old_struct_leaves_a_field_in_its_padding_alone() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let new = options::<copyable_grown::Small>(&name).create().expect("new").attach().expect("ours");
    let old = options::<copyable::Small>(&name).open_compatible().expect("there").attach().expect("grown");
    new.more.copy_from(&[7; 7]);
    old.set(copyable::Small { big: u64::MAX, little: 255 });
    assert_eq!((new.big.get(), new.little.get(), new.more.get()), (u64::MAX, 255, [7; 7]));
    new.set(copyable_grown::Small { big: 1, little: 2, more: [3; 7] });
    assert_eq!((old.get().big, old.get().little), (1, 2));
}

#[test]
fn open_compatible_of_a_bare_segment_checks_the_size_as_open_does() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let _created = options::<bare_now::Small>(&name).create().expect("new");
    options::<bare_now::Small>(&name).open_compatible().expect("there").attach().expect("bare");
    let error = options::<copyable::Small>(&name)
        .open_compatible()
        .and_then(|segment| segment.attach())
        .expect_err("it is bare");
    assert!(matches!(error.kind(), ErrorKind::NotSealed { .. }), "{error}");
}
