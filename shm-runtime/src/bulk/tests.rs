//! What a copy does beyond moving bytes.

use super::{Load, Store, copy};

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
    unsafe impl crate::Shareable for Padded {
        type Parts<A: crate::Access> = crate::shareable::Opaque;
        const FIELDS: &'static [crate::info::FieldInfo] = &[
            crate::info::FieldInfo { name: "small", offset: 0, info: &u8::INFO },
            crate::info::FieldInfo { name: "large", offset: 8, info: &<[u64; 40]>::INFO },
        ];
        const INFO: crate::info::TypeInfo = crate::info::TypeInfo::structure("Padded", 328, 8, Self::FIELDS);
        unsafe fn copy<D: super::Direction>(from: *const Self, to: *mut Self) {
            // SAFETY: the caller's promise.
            unsafe { u8::copy::<D>(&raw const (*from).small, &raw mut (*to).small) };
            // SAFETY: the caller's promise.
            unsafe { <[u64; 40]>::copy::<D>(&raw const (*from).large, &raw mut (*to).large) };
        }
    }
    let mut segment = [u64::MAX; 41];
    let value = Padded { small: 0, large: [0; 40] };
    // SAFETY: 41 words are as large and aligned as a `Padded`.
    unsafe { copy::<Padded, Store>(&raw const value, segment.as_mut_ptr().cast()) };
    assert_eq!(segment[0].to_ne_bytes(), [0, 255, 255, 255, 255, 255, 255, 255]);
    assert!(segment[1..].iter().all(|&word| word == 0));
}
