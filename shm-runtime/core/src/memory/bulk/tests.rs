//! What a copy does beyond moving bytes.

use core::mem::offset_of;

use super::{copy, copy_slice};
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

/// Around the sizes at which a copy changes how it goes on, at each place between two lines that the type can have.
fn copies_its_bytes_and_no_others<T: Shareable + Copy>(width: usize) {
    const AROUND: usize = 64;
    let source: [u64; 100] = core::array::from_fn(|i| (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    for len in (0..=160 / width).chain([511 / width, 512 / width]) {
        let size = len * width;
        for (from, to) in
            (0..AROUND).step_by(width).flat_map(|at| [(at, 0), (0, at), (at, AROUND - width - at)])
        {
            for loads in [true, false] {
                let mut copied = [u64::MAX; 100];
                let place = copied.as_mut_ptr().cast::<u8>();
                // SAFETY: both have 800 bytes, more than the largest offset and length together; both places are aligned to
                // the width, and private.
                unsafe {
                    let (from, to) = (source.as_ptr().cast::<u8>().add(from).cast(), place.add(to).cast());
                    match loads {
                        true => copy_slice::<T, Load>(from, to, len),
                        false => copy_slice::<T, Store>(from, to, len),
                    }
                };
                let (source, copied) = (bytes(&source), bytes(&copied));
                assert_eq!(
                    copied[to..to + size],
                    source[from..from + size],
                    "{width}: {len} from {from} to {to}"
                );
                let mut others = copied[..to].iter().chain(&copied[to + size..]);
                assert!(others.all(|&byte| byte == 0xFF), "{width}: {len} from {from} to {to}");
            }
        }
    }
}

fn bytes(words: &[u64]) -> &[u8] {
    // SAFETY: any bytes are bytes.
    unsafe { words.align_to().1 }
}

#[test]
fn a_copy_of_scalars_of_any_width_copies_the_bytes_and_no_others() {
    copies_its_bytes_and_no_others::<u8>(1);
    copies_its_bytes_and_no_others::<u16>(2);
    copies_its_bytes_and_no_others::<u32>(4);
    copies_its_bytes_and_no_others::<u64>(8);
}

#[test]
fn a_value_of_any_length_is_copied_whole() {
    macro_rules! lengths {
        ($($len:literal)*) => {$(
            let source: [u16; $len] = core::array::from_fn(|i| u16::try_from(i * 257 + 1).unwrap());
            let mut copied = [0; $len];
            // SAFETY: the same array on both sides, aligned and private.
            unsafe { copy::<[u16; $len], Load>(&raw const source, &raw mut copied) };
            assert_eq!(copied, source);
        )*};
    }
    lengths! { 1 2 3 4 5 6 7 8 9 11 15 16 17 23 24 31 32 33 47 48 60 61 62 63 64 65 100 }
}
