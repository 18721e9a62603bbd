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
    // A field of a part, and one of the whole, that had other names.
    renamed_and_said {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { #[shm(was = "count")] pub(crate) total: u32, pub(crate) rate: f32, pub(crate) wind: Wind, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode }
        #[derive(Clone, Copy, Shareable)] #[repr(C)]
        pub(crate) struct Wind { #[shm(was = "speed")] pub(crate) r#type: f64, pub(crate) degrees: u16, pub(crate) gusts: u16 }
    }
    renamed_and_grown {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { #[shm(was = "count")] pub(crate) total: u32, pub(crate) rate: f32, pub(crate) wind: super::base::Wind, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode, pub(crate) history: [u64; 100] }
    }
    renamed_otherwise {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { #[shm(was = "number")] pub(crate) total: u32, pub(crate) rate: f32, pub(crate) wind: super::base::Wind, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode }
    }
    renamed_to_another_type {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Station { #[shm(was = "count")] pub(crate) total: i32, pub(crate) rate: f32, pub(crate) wind: super::base::Wind, pub(crate) name: [u8; 16], pub(crate) mode: super::base::Mode }
    }
    // Alone, in a part, and in arrays of both.
    modes {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Modes { pub(crate) mode: Mode, pub(crate) all: [[Mode; 2]; 3], pub(crate) parts: [Part; 2], pub(crate) end: u8 }
        #[derive(Clone, Copy, Shareable)] #[repr(C)]
        pub(crate) struct Part { pub(crate) mode: Mode, pub(crate) level: u8 }
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Shareable)] #[repr(u8)] #[allow(dead_code)]
        pub(crate) enum Mode { Off = 0, On = 1 }
    }
    modes_gained {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Modes { pub(crate) mode: Mode, pub(crate) all: [[Mode; 2]; 3], pub(crate) parts: [Part; 2], pub(crate) end: u8 }
        #[derive(Clone, Copy, Shareable)] #[repr(C)]
        pub(crate) struct Part { pub(crate) mode: Mode, pub(crate) level: u8 }
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Shareable)] #[repr(u8)] #[allow(dead_code)]
        pub(crate) enum Mode { Off = 0, On = 1, Standby = 7, Test = 12 }
    }
    modes_gained_before_the_end {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Modes { pub(crate) mode: Mode, pub(crate) all: [[Mode; 2]; 3], pub(crate) parts: [Part; 2], pub(crate) end: u8 }
        #[derive(Clone, Copy, Shareable)] #[repr(C)]
        pub(crate) struct Part { pub(crate) mode: Mode, pub(crate) level: u8 }
        #[derive(Clone, Copy, Shareable)] #[repr(u8)] #[allow(dead_code)]
        pub(crate) enum Mode { Off = 0, Standby = 7, On = 1 }
    }
    modes_renumbered {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Modes { pub(crate) mode: Mode, pub(crate) all: [[Mode; 2]; 3], pub(crate) parts: [Part; 2], pub(crate) end: u8 }
        #[derive(Clone, Copy, Shareable)] #[repr(C)]
        pub(crate) struct Part { pub(crate) mode: Mode, pub(crate) level: u8 }
        // Of which the text of one begins with that of the other.
        #[derive(Clone, Copy, Shareable)] #[repr(u8)] #[allow(dead_code)]
        pub(crate) enum Mode { Off = 0, On = 12 }
    }
    modes_of_another_size {
        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
        pub(crate) struct Modes { pub(crate) mode: Mode, pub(crate) all: [[Mode; 2]; 3], pub(crate) parts: [Part; 2], pub(crate) end: u8 }
        #[derive(Clone, Copy, Shareable)] #[repr(C)]
        pub(crate) struct Part { pub(crate) mode: Mode, pub(crate) level: u8 }
        #[derive(Clone, Copy, Shareable)] #[repr(i8)] #[allow(dead_code)]
        pub(crate) enum Mode { Off = 0, On = 1 }
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

#[test]
fn a_renamed_field_that_says_its_former_name_is_let_in() {
    for compatible in [false, true] {
        assert_eq!(refused::<Station, renamed_and_said::Station>(compatible), None);
        // The old program knows of no other name.
        let difference = refused::<renamed_and_said::Station, Station>(compatible).expect("refused");
        assert!(difference.contains("  - total @0 u32\n  + count @0 u32\n"), "{difference}");
        assert!(refused::<Station, renamed_otherwise::Station>(compatible).is_some());
        assert!(refused::<Station, renamed_to_another_type::Station>(compatible).is_some());
    }
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let old = options::<Station>(&name).create().expect("new").attach().expect("ours");
    let new = options::<renamed_and_said::Station>(&name).open().expect("there").attach().expect("the same");
    old.count.set(7);
    old.wind.speed.set(1.5);
    assert_eq!((new.total.get(), new.wind.r#type.get()), (7, 1.5));
    // And a struct that grew with it is upgraded.
    let mut options = options::<renamed_and_grown::Station>(&name);
    let new = options.upgrade(|_| ()).open().expect("upgraded").attach().expect("ready");
    assert_eq!(new.total.get(), 7);
}

#[test]
fn an_enum_that_gained_variants_at_its_end_is_let_in_from_both_sides() {
    for compatible in [false, true] {
        assert_eq!(refused::<modes::Modes, modes_gained::Modes>(compatible), None);
        assert_eq!(refused::<modes_gained::Modes, modes::Modes>(compatible), None);
        assert!(refused::<modes::Modes, modes_gained_before_the_end::Modes>(compatible).is_some());
        assert!(refused::<modes::Modes, modes_renumbered::Modes>(compatible).is_some());
        assert!(refused::<modes_renumbered::Modes, modes::Modes>(compatible).is_some());
        assert!(refused::<modes::Modes, modes_of_another_size::Modes>(compatible).is_some());
    }
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let old = options::<modes::Modes>(&name).create().expect("new").attach().expect("ours");
    let new = options::<modes_gained::Modes>(&name).open().expect("there").attach().expect("the same");
    new.parts[1].mode.set(modes_gained::Mode::Standby);
    // What the old one does not know is no value to it.
    let error = old.parts[1].mode.try_get().expect_err("it is new");
    assert_eq!((error.found(), error.type_name()), (7, "Mode"));
    old.mode.set(modes::Mode::On);
    assert_eq!(new.mode.try_get(), Ok(modes_gained::Mode::On));
}

/// The text of the error of attaching an `Ours` that is opened in this way, where a `Theirs` is.
fn advice<Theirs: SharedSegment, Ours: SharedSegment>(
    open: impl Fn(
        &mut Options<Ours>,
        &shm_runtime::Segment<Theirs>,
    ) -> Result<shm_runtime::Segment<Ours>, shm_runtime::Error>,
) -> String {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let theirs = options::<Theirs>(&name).create().expect("a new name");
    let opened = open(&mut options::<Ours>(&name), &theirs).and_then(|segment| segment.attach().map(drop));
    opened.expect_err("another layout").to_string()
}

#[test]
fn an_error_advises_what_can_work_and_never_what_was_called() {
    use grown_at_the_end::Station as Grown;
    let (compatible, upgrade) = ("open_compatible()", ".upgrade(");
    let removal = "remove the segment, with `ipcrm -m ";
    // A newer segment.
    for text in [
        advice::<Grown, Station>(|ours, _| ours.open()),
        advice::<Grown, Station>(|ours, _| ours.open_or_create()),
        advice::<Grown, Station>(|ours, _| ours.upgrade(|_| ()).open()),
    ] {
        assert!(text.contains(compatible) && !text.contains(upgrade) && !text.contains(removal), "{text}");
    }
    // An older one.
    for text in [
        advice::<Station, Grown>(|ours, _| ours.open()),
        advice::<Station, Grown>(|ours, _| ours.open_compatible()),
        advice::<Station, Grown>(|ours, _| ours.open_or_create()),
        advice::<Station, Grown>(|ours, _| ours.open_or_create_compatible()),
    ] {
        assert!(text.contains(upgrade) && !text.contains(compatible) && !text.contains(removal), "{text}");
    }
    // One that is neither, or that is known by its id only: for that there is no such call.
    for text in [
        advice::<swapped_fields::Station, Station>(|ours, _| ours.open()),
        advice::<swapped_fields::Station, Station>(|ours, _| ours.open_compatible()),
        advice::<swapped_fields::Station, Station>(|ours, _| ours.open_or_create()),
        advice::<swapped_fields::Station, Station>(|ours, _| ours.upgrade(|_| ()).open()),
        advice::<Grown, Station>(|ours, theirs| ours.open_id(theirs.id())),
        advice::<Station, Grown>(|ours, theirs| ours.open_id(theirs.id())),
    ] {
        assert!(text.contains(removal) && !text.contains(upgrade) && !text.contains(compatible), "{text}");
    }
}

#[test]
fn open_or_create_compatible_opens_what_a_newer_program_made_and_creates_what_is_not_there() {
    let name = unique();
    let _cleanup = OwnKey::name(&name);
    let made = options::<Station>(&name).open_or_create_compatible().expect("created");
    made.remove().expect("ours");
    let new = options::<grown_at_the_end::Station>(&name).create().expect("new").attach().expect("ours");
    new.count.set(5);
    let old =
        options::<Station>(&name).open_or_create_compatible().expect("opened").attach().expect("compatible");
    assert_eq!((old.segment().id(), old.count.get()), (new.segment().id(), 5));
}
