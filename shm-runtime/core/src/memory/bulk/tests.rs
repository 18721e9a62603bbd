//! What a copy does beyond moving bytes.

use core::mem::offset_of;

use super::copy;
use crate::memory::access::Access;
use crate::memory::direction::{Load, Store};
use crate::memory::fields::{Fields, Member};
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::memory::structure::Declared;

#[test]
fn every_byte_but_0_is_loaded_as_true() {
    let bytes: [u8; 5000] = core::array::from_fn(|i| if i % 3 == 0 { 0 } else { i.to_le_bytes()[0] });
    let mut loaded = [0xFF; 5000];
    // SAFETY: both arrays have 5000 bytes, of which `bool`s are made.
    unsafe { copy::<[bool; 5000], Load>(bytes.as_ptr().cast(), loaded.as_mut_ptr().cast()) };
    assert_eq!(loaded, bytes.map(|byte| u8::from(byte != 0)));
}

#[test]
fn a_store_leaves_what_is_padding_in_the_segment() {
    #[repr(C)]
    struct Padded {
        small: u8,
        large: [u64; 40],
    }
    // SAFETY: as the derive would have it.
    unsafe impl Shareable for Padded {
        type __Parts<A: Access> = Shared<Self, A>;
        type __Member = Member<Self>;
        const __MEMBERS: Fields =
            Fields::listed::<(<u8 as Shareable>::__Member, <[u64; 40] as Shareable>::__Member)>();
        const __NAMES: &'static [&'static str] = &["small", "large"];
        const __OFFSETS: &'static [usize] = &[offset_of!(Self, small), offset_of!(Self, large)];
        const __LAYOUT: Declared = Declared::structure::<Self, 2>("Padded");
    }
    let mut segment = [u64::MAX; 41];
    let value = Padded { small: 0, large: [0; 40] };
    // SAFETY: 41 words are as large and aligned as a `Padded`.
    unsafe { copy::<Padded, Store>(&raw const value, segment.as_mut_ptr().cast()) };
    assert_eq!(segment[0].to_ne_bytes(), [0, 255, 255, 255, 255, 255, 255, 255]);
    assert!(segment[1..].iter().all(|&word| word == 0));
}
