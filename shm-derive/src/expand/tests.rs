//! What the derives write, for a handful of types: to be read in review whenever it changes.
//!
//! `UPDATE_EXPECT=1 cargo test -p shm-derive` writes `snapshots/` anew.

use expect_test::{ExpectFile, expect_file};
use quote::quote;

use crate::expand::derive;
use crate::role::Role;
use crate::tokens::normalise;

fn check(role: Role, input: proc_macro2::TokenStream, snapshot: &ExpectFile) {
    let input = syn::parse2(normalise(input)).expect("a type");
    let output = syn::parse2(derive(&input, role)).expect("items");
    snapshot.assert_eq(&prettyplease::unparse(&output));
}

#[test]
fn a_segment_with_a_nested_part() {
    let input = quote! {
        /// A weather station.
        #[repr(C)]
        #[shm(name = "org.example.weather", mode = 0o660, trust = 1000, size = 72)]
        pub struct Station {
            /// How often it was read.
            pub readings: AtomicU64,
            #[shm(was = "breeze")]
            wind: Wind,
            #[shm(offset = 24)]
            pub(crate) name: [u8; 32],
            r#type: Kind,
        }
    };
    check(Role::Segment, input, &expect_file!["snapshots/segment_with_nested_part.rs"]);
}

#[test]
fn a_bare_segment_of_an_existing_file() {
    let input = quote! {
        #[repr(C, align(64))]
        #[shm(ftok(path = "/var/lib/weather", project = 'W'), bare, fields = Counters)]
        struct Counter {
            count: u32,
        }
    };
    check(Role::Segment, input, &expect_file!["snapshots/bare_segment_by_ftok.rs"]);
}

#[test]
fn a_segment_that_ends_in_a_slice() {
    let input = quote! {
        #[repr(C)]
        #[shm(name = "org.example.log")]
        pub struct Log<T> {
            pub head: AtomicU64,
            #[shm(was = "entries")]
            pub records: [T],
        }
    };
    check(Role::Segment, input, &expect_file!["snapshots/segment_with_slice.rs"]);
}

#[test]
fn a_part_with_parameters() {
    let input = quote! {
        #[repr(C)]
        pub struct Ring<T: Copy, const N: usize, M = ()>
        where
            T: Default,
        {
            slots: [T; N],
            next: <T as Numbered>::Number,
            marker: PhantomData<M>,
        }
    };
    check(Role::Part, input, &expect_file!["snapshots/part_with_parameters.rs"]);
}

#[test]
fn an_enum() {
    let input = quote! {
        #[repr(u8)]
        enum Mode {
            Off,
            On = 7,
        }
    };
    check(Role::Part, input, &expect_file!["snapshots/enumeration.rs"]);
}

#[test]
fn a_part_with_a_macro_for_a_type() {
    let input = quote! {
        #[repr(C)]
        #[allow(dead_code)]
        struct Sample {
            value: number!(),
        }
    };
    check(Role::Part, input, &expect_file!["snapshots/part_with_macro.rs"]);
}

#[test]
fn a_segment_with_mistakes() {
    let input = quote! {
        #[shm(key = 0, mode = 660)]
        struct Wrong {
            count: u32,
        }
    };
    check(Role::Segment, input, &expect_file!["snapshots/segment_with_mistakes.rs"]);
}
