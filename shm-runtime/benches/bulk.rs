//! Bulk copies beside memcpy, from and to the same memory. In one process.
//!
//! `cargo bench --bench bulk -- --ratios` prints the table alone.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use shm_runtime::{Attached, Segment, Shared, SharedSegment};

use support::{Ratio, compare, ratios_only};

mod support;

/// `N` words, `8 * PAD` bytes behind the start of a page.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Place<const PAD: usize, const N: usize> {
    pad: [u64; PAD],
    words: [u64; N],
}

/// The private side: the same offsets behind the start of a page.
#[repr(C, align(4096))]
#[derive(Clone)]
struct Page([u64; 512]);

fn private(words: usize, pad: usize) -> Vec<Page> {
    vec![Page([1; 512]); (words + pad).div_ceil(512)]
}

fn attach<const PAD: usize, const N: usize>() -> Attached<Place<PAD, N>> {
    let segment: Segment<Place<PAD, N>> = Place::create().expect("create a segment");
    // The kernel removes it when this mapping is gone, however this ends.
    let attached = segment.attach();
    segment.remove().expect("remove the segment");
    let attached = attached.expect("attach the segment");
    attached.prefault().expect("prefault the segment");
    attached
}

/// A value at the start of a page. How long a copy takes depends on where in a page its two sides are, and a value
/// on the stack would be elsewhere for the peer than for us.
#[repr(C, align(4096))]
struct Paged<T>(T);

#[inline(never)]
fn get<const N: usize>(words: &Shared<[u64; N]>) -> [u64; N] {
    words.get()
}

#[inline(never)]
fn set<const N: usize>(words: &Shared<[u64; N]>, value: [u64; N]) {
    words.set(value);
}

#[inline(never)]
fn copy_to<const N: usize>(words: &Shared<[u64; N]>, to: &mut [u64; N]) {
    words.copy_to(to);
}

#[inline(never)]
fn copy_from<const N: usize>(words: &Shared<[u64; N]>, from: &[u64; N]) {
    words.copy_from(from);
}

/// As `copy_to`, with a length that the compiler does not know.
#[inline(never)]
fn copy_range_to<const N: usize>(words: &Shared<[u64; N]>, to: &mut [u64]) {
    words.copy_range_to(..to.len(), to);
}

#[inline(never)]
fn copy_range_from<const N: usize>(words: &Shared<[u64; N]>, from: &[u64]) {
    words.copy_range_from(..from.len(), from);
}

// SAFETY of the peers: both sides are as large as is copied, apart, and used by nobody else.

#[inline(never)]
fn read<T: Copy>(from: *const T) -> T {
    // SAFETY: as above.
    unsafe { from.read() }
}

#[inline(never)]
fn write<T: Copy>(to: *mut T, value: T) {
    // SAFETY: as above.
    unsafe { to.write(value) }
}

#[inline(never)]
fn memcpy<T: Copy>(from: *const T, to: *mut T) {
    // SAFETY: as above.
    unsafe { to.copy_from_nonoverlapping(from, 1) }
}

#[inline(never)]
fn memcpy_slice<T: Copy>(from: *const T, to: *mut T, len: usize) {
    // SAFETY: as above.
    unsafe { to.copy_from_nonoverlapping(from, len) }
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

fn ratios<const PAD: usize, const N: usize>() {
    let attached = attach::<PAD, N>();
    let words = &attached.words;
    let there = words.as_mut_ptr();
    let row = |what: &str, offset: usize, ratio: &Ratio| {
        let (size, ours) = (size(N * 8), PAD * 8);
        println!("{size:>7}  {what:<15}  {ours:>7}  {offset:>7}  {}", ratio.inverse());
    };
    for pad in [0, 1, 3] {
        let mut pages = private(N, pad);
        // SAFETY: the pages hold so many words.
        let slice = unsafe { std::slice::from_raw_parts_mut(pages.as_mut_ptr().cast::<u64>().add(pad), N) };
        let here: &mut [u64; N] = slice.try_into().expect("N words");
        let at = &raw mut *here;
        let ratio = compare(|| copy_to(words, black_box(&mut *here)), || memcpy(there, black_box(at)));
        row("copy_to", pad * 8, &ratio);
        let ratio = compare(|| copy_from(words, black_box(&*here)), || memcpy(black_box(at), there));
        row("copy_from", pad * 8, &ratio);
        let ratio = compare(
            || copy_range_to(words, black_box(&mut here[..])),
            || memcpy_slice(there.cast::<u64>(), black_box(at.cast()), black_box(N)),
        );
        row("copy_range_to", pad * 8, &ratio);
        let ratio = compare(
            || copy_range_from(words, black_box(&here[..])),
            || memcpy_slice(black_box(at.cast::<u64>()), there.cast(), black_box(N)),
        );
        row("copy_range_from", pad * 8, &ratio);
    }
    let ratio = compare(
        || {
            black_box(&Paged(get(words)));
        },
        || {
            black_box(&Paged(read(there)));
        },
    );
    row("get", 0, &ratio);
    // To pass the value, it is copied: in both.
    let value = [1; N];
    let ratio = compare(|| set(words, *black_box(&value)), || write(there, *black_box(&value)));
    row("set", 0, &ratio);
}

fn plots<const N: usize>(criterion: &mut Criterion) {
    let attached = attach::<1, N>();
    let (words, there) = (&attached.words, attached.words.as_mut_ptr());
    let mut here = vec![1; N].into_boxed_slice();
    let here: &mut [u64; N] = (&mut *here).try_into().expect("N words");
    let at = &raw mut *here;
    let mut group = criterion.benchmark_group(format!("bulk, in one process, {}", size(N * 8)));
    group.throughput(Throughput::Bytes(N as u64 * 8));
    group.bench_function("copy_to", |b| {
        b.iter(|| copy_to(words, black_box(&mut *here)));
    });
    group.bench_function("memcpy from the segment", |b| b.iter(|| memcpy(there, black_box(at))));
    group.bench_function("copy_from", |b| b.iter(|| copy_from(words, black_box(&*here))));
    group.bench_function("memcpy to the segment", |b| b.iter(|| memcpy(black_box(at), there)));
    group.finish();
}

macro_rules! for_each_size {
    ($n:ident => $do:expr) => {
        for_each_size!($n => $do; 8 64 512 8192 131_072 2_097_152);
    };
    ($n:ident => $do:expr; $($words:literal)*) => {$({
        const $n: usize = $words;
        $do;
    })*};
}

fn main() {
    println!("Speed in that of memcpy, in one process: median (middle half)");
    println!("   size  copy             segment  private  ratio");
    println!("                           offset   offset");
    // Values of 16 MiB are passed on the stack.
    let table = std::thread::Builder::new().stack_size(256 << 20).spawn(|| {
        for_each_size!(N => {
            ratios::<0, N>();
            ratios::<1, N>();
            ratios::<3, N>();
        });
    });
    table.expect("start a thread").join().expect("the table");
    if !ratios_only() {
        let mut criterion = Criterion::default().configure_from_args();
        for_each_size!(N => plots::<N>(&mut criterion));
        criterion.final_summary();
    }
}
