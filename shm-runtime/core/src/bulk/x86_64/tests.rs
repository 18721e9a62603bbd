//! Every way to copy, whatever this machine would choose, against what went in.

use super::*;

type Copy = unsafe fn(*const u8, *mut u8, usize);

/// Bytes before and behind a copy, which it must leave alone.
const AROUND: usize = 64;

fn copies_what_it_should(copy: Copy, lengths: impl Iterator<Item = usize> + Clone, step: usize) {
    let longest = lengths.clone().max().unwrap_or(0) + 2 * AROUND;
    // Words, because strings need their alignment.
    let source: Vec<u64> =
        (0..longest.div_ceil(8) as u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    let mut copied = vec![0; source.len()];
    for from in (0..AROUND).step_by(step * 3) {
        for to in (0..AROUND).step_by(step * 5) {
            for len in lengths.clone() {
                copied.fill(u64::MAX);
                // SAFETY: both are longer by the largest offset; the source is initialised, and nobody else
                // has them.
                unsafe {
                    copy(
                        source.as_ptr().cast::<u8>().add(from),
                        copied.as_mut_ptr().cast::<u8>().add(to),
                        len,
                    )
                };
                let (source, copied) = (bytes(&source), bytes(&copied));
                let (before, behind) = (&copied[..to], &copied[to + len..][..AROUND]);
                assert!(
                    copied[to..to + len] == source[from..from + len]
                        && before.iter().chain(behind).all(|&byte| byte == 0xFF),
                    "{len} bytes from offset {from} to offset {to}"
                );
            }
        }
    }
}

fn bytes(words: &[u64]) -> &[u8] {
    // SAFETY: any bytes are bytes.
    unsafe { words.align_to().1 }
}

/// Around each power of two, where the ways are chosen and divided; `step` bytes apart.
fn lengths(from: usize, step: usize) -> impl Iterator<Item = usize> + Clone {
    (from.next_power_of_two().ilog2()..13)
        .flat_map(move |log| [(1 << log) - step, 1 << log, (1 << log) + step, (1 << log) + 7 * step])
        .filter(move |&len| len >= from)
}

#[test]
fn short_copies_copy_the_bytes_and_no_others() {
    copies_what_it_should(copy_short::<Load>, 0..256, 7);
    copies_what_it_should(copy_short::<Store>, 0..256, 7);
}

#[test]
fn copies_by_sse_copy_the_bytes_and_no_others() {
    copies_what_it_should(copy_128::<Load>, lengths(IN_LINE, 1), 1);
    copies_what_it_should(copy_128::<Store>, lengths(IN_LINE, 1), 1);
}

#[test]
fn copies_by_avx_copy_the_bytes_and_no_others() {
    if !is_x86_feature_detected!("avx") {
        return eprintln!("skipped: this processor has no AVX");
    }
    copies_what_it_should(copy_256::<Load>, lengths(IN_LINE, 1), 1);
    copies_what_it_should(copy_256::<Store>, lengths(IN_LINE, 1), 1);
}

#[test]
fn copies_by_avx_512_copy_the_bytes_and_no_others() {
    if !is_x86_feature_detected!("avx512f") {
        return eprintln!("skipped: this processor has no AVX-512");
    }
    copies_what_it_should(copy_512::<Load>, lengths(IN_LINE, 1), 1);
    copies_what_it_should(copy_512::<Store>, lengths(IN_LINE, 1), 1);
}

#[test]
fn copies_by_strings_copy_the_bytes_and_no_others() {
    copies_what_it_should(copy_string::<Load>, lengths(64, 8), 8);
    copies_what_it_should(copy_string::<Store>, lengths(64, 8), 8);
}

#[test]
fn the_copy_that_is_chosen_copies_the_bytes_and_no_others() {
    let long = [STRING - 1, STRING, STRING + 1, STRING + 8, CACHED, CACHED + 24];
    copies_what_it_should(load, lengths(1, 1), 1);
    copies_what_it_should(store, lengths(1, 1), 1);
    copies_what_it_should(load, long.into_iter(), 8);
    copies_what_it_should(store, long.into_iter(), 8);
}
