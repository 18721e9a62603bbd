//! Every way to copy, whatever this machine would choose, against what went in.

use core::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;
use std::time::{Duration, Instant};

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
    copies_what_it_should(copy_128::<Load>, lengths(LINE, 1), 1);
    copies_what_it_should(copy_128::<Store>, lengths(LINE, 1), 1);
}

#[test]
fn copies_by_avx_copy_the_bytes_and_no_others() {
    if !is_x86_feature_detected!("avx") {
        return eprintln!("skipped: this processor has no AVX");
    }
    copies_what_it_should(copy_256::<Load>, lengths(LINE, 1), 1);
    copies_what_it_should(copy_256::<Store>, lengths(LINE, 1), 1);
}

#[test]
fn copies_by_avx_512_copy_the_bytes_and_no_others() {
    if !is_x86_feature_detected!("avx512vl") {
        return eprintln!("skipped: this processor has no AVX-512");
    }
    copies_what_it_should(copy_512::<Load>, lengths(LINE, 1), 1);
    copies_what_it_should(copy_512::<Store>, lengths(LINE, 1), 1);
    copies_what_it_should(copy_halves::<Load>, lengths(LINE, 1), 1);
    copies_what_it_should(copy_halves::<Store>, lengths(LINE, 1), 1);
}

#[test]
fn copies_past_the_caches_copy_the_bytes_and_no_others() {
    copies_what_it_should(copy_stream::<Load>, lengths(LINE, 1), 1);
    copies_what_it_should(copy_stream::<Store>, lengths(LINE, 1), 1);
}

#[test]
fn copies_by_strings_copy_the_bytes_and_no_others() {
    copies_what_it_should(copy_string::<Load>, lengths(LINE, 8), 8);
    copies_what_it_should(copy_string::<Store>, lengths(LINE, 8), 8);
}

#[test]
fn the_copy_that_is_chosen_copies_the_bytes_and_no_others() {
    let long = [STRING - 1, STRING, STRING + 1, STRING + 8, CACHED, CACHED + 24, STREAM + 24];
    copies_what_it_should(load, lengths(1, 1), 1);
    copies_what_it_should(store, lengths(1, 1), 1);
    copies_what_it_should(load, long.into_iter(), 8);
    copies_what_it_should(store, long.into_iter(), 8);
}

/// Every way that this machine has, against a thread that writes or reads each word by itself.
/// `tests/tests/tearing.rs` does so with those that are chosen, from another process.
#[test]
fn no_way_to_copy_tears_a_word() {
    let mut ways: Vec<(Copy, Copy)> = vec![
        (copy_short_248::<Load>, copy_short_248::<Store>),
        (copy_128::<Load>, copy_128::<Store>),
        (copy_stream::<Load>, copy_stream::<Store>),
        (copy_string::<Load>, copy_string::<Store>),
    ];
    if is_x86_feature_detected!("avx") {
        ways.push((copy_256::<Load>, copy_256::<Store>));
    }
    if is_x86_feature_detected!("avx512vl") {
        ways.push((copy_512::<Load>, copy_512::<Store>));
        ways.push((copy_halves::<Load>, copy_halves::<Store>));
    }
    for (load, store) in ways {
        for offset in [0, 1, 3] {
            tears_nothing(load, store, offset);
        }
    }
}

/// A copy of less than a line is not one of those above.
unsafe fn copy_short_248<D: Direction>(from: *const u8, to: *mut u8, _: usize) {
    // SAFETY: by the callers, both sides are readable or writable for 256 words, which are more than 248 bytes.
    unsafe { copy_short::<D>(from, to, 248) }
}

fn tears_nothing(load: Copy, store: Copy, offset: usize) {
    const WORDS: usize = 256;
    let words: Vec<AtomicU64> = (0..offset + WORDS).map(|_| AtomicU64::new(0)).collect();
    let shared = &words[offset..];
    let whole = |word| assert!(word == 0 || word == u64::MAX, "{word:#x} was torn");

    let mut copy = [0; WORDS];
    let write = |word| shared.iter().for_each(|shared| shared.store(word, Relaxed));
    against(write, || {
        // SAFETY: both are so many words; the shared ones are accessed only by atomics.
        unsafe { load(shared.as_ptr().cast(), copy.as_mut_ptr().cast(), size_of_val(&copy)) };
        copy.into_iter().for_each(whole);
        copy.contains(&0) && copy.contains(&u64::MAX)
    });

    let (changed, mut word) = (AtomicBool::new(false), 0_u64);
    let read = |_| {
        let words = shared.iter().map(|shared| shared.load(Relaxed)).inspect(|&word| whole(word));
        let ones = words.filter(|&word| word != 0).count();
        changed.fetch_or(ones != 0 && ones != WORDS, Relaxed);
    };
    against(read, || {
        word = !word;
        let words = [word; WORDS];
        // SAFETY: both are so many words; the shared ones are accessed only by atomics.
        unsafe { store(words.as_ptr().cast(), shared.as_ptr().cast_mut().cast(), size_of_val(&words)) };
        changed.load(Relaxed)
    });
}

/// Repeats both for a while, until `copy` says that it met with what the other thread does.
fn against(other: impl Fn(u64) + Sync, mut copy: impl FnMut() -> bool) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                other(0);
                other(u64::MAX);
            }
        });
        let (start, mut met) = (Instant::now(), false);
        while start.elapsed() < Duration::from_millis(20) || !met && start.elapsed().as_secs() < 20 {
            met |= copy();
        }
        stop.store(true, Relaxed);
        assert!(met, "the other thread was never at work during a copy: nothing was tested");
    });
}
