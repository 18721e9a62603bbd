//! The length of an array may be any constant expression.

#![forbid(unsafe_code)]
#![deny(warnings)]

use shm_runtime::{Schema, SharedSegment};

const LANES: usize = 3;

const fn double(n: usize) -> usize {
    2 * n
}

#[derive(Clone, Copy, SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Lengths {
    by_if: [u8; if cfg!(debug_assertions) || !cfg!(debug_assertions) { 4 } else { 8 }],
    by_match: [u8; match LANES {
        3 => 5,
        _ => 6,
    }],
    by_block: [u8; {
        let n = 1;
        n + 1
    }],
    by_const_block: [u8; const { LANES * 2 }],
    by_call: [u8; double(double(LANES))],
    by_loop: [u8; {
        let mut n = 0;
        while n < 7 {
            n += 1;
        }
        n
    }],
    by_closure_in_a_type: [u8; size_of::<fn(u8) -> [u8; 2]>()],
    by_cast: [u8; b'\x03' as usize],
    by_negation: [u8; !0usize as u8 as usize & 0x7],
    by_item: [u8; {
        const INNER: usize = 9;
        type Local = [u8; INNER];
        size_of::<Local>()
    }],
    by_method: [u8; "four".len()],
    by_comparison: [u8; (1 < 2) as usize],
    by_shift: [u8; 1 << 2],
    by_index: [u8; [1, 2, 3][1]],
    by_field: [u8; (3, 4).0],
    of_arrays: [[[u8; 1 + 1]; if true { 2 } else { 3 }]; 2],
    by_label: [u8; 'out: {
        if LANES == 3 {
            break 'out 2;
        }
        1
    }],
    by_unsafe_free_let: [u8; if let Some(n) = Some(3) { n } else { 0 }],
}

fn main() {
    let lengths = [4, 5, 2, 6, 12, 7, 8, 3, 7, 9, 4, 1, 4, 2, 3, 8, 2, 3];
    let schema = Schema::of::<Lengths>().to_string();
    assert_eq!(size_of::<Lengths>(), lengths.iter().sum::<usize>(), "{schema}");
    let segment = Lengths::create().unwrap().remove_on_drop();
    let shared = segment.attach().unwrap();
    assert_eq!(shared.by_if.len(), 4);
    assert_eq!(shared.by_match.len(), 5);
    assert_eq!(shared.by_item.len(), 9);
    shared.by_label.set([7; 2]);
    assert_eq!(shared.get().by_label, [7; 2]);
}
