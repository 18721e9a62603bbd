//! The life of a segment beside the same calls through libc. In one process.
//!
//! `cargo bench --bench lifecycle -- --ratios` prints the table alone.

use std::hint::black_box;
use std::ptr;

use criterion::Criterion;
use shm_runtime::{Attached, Key, Options, ReadOnly, SharedSegment};

use support::{compare, ratios_only};

mod support;

/// Small enough for its seal to be in the same page.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Sealed {
    words: [u64; 64],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Bare {
    words: [u64; 64],
}

const SIZE: usize = size_of::<Bare>();

/// Create, attach, touch, detach, remove.
fn life<T: SharedSegment>(touch: impl FnOnce(&Attached<T>)) {
    let segment = T::create().expect("create");
    let attached = segment.attach().expect("attach");
    touch(&attached);
    attached.detach().expect("detach");
    segment.remove().expect("remove");
}

fn life_by_libc() {
    // SAFETY: creates a segment of its own.
    let id = unsafe { libc::shmget(libc::IPC_PRIVATE, SIZE, libc::IPC_CREAT | libc::IPC_EXCL | 0o600) };
    assert_ne!(id, -1, "shmget");
    // SAFETY: maps where nothing is.
    let address = unsafe { libc::shmat(id, ptr::null(), 0) };
    assert_ne!(address.addr(), usize::MAX, "shmat");
    // SAFETY: just mapped, and large enough.
    unsafe { address.cast::<u64>().write_volatile(1) };
    // SAFETY: mapped above, and not used any more.
    assert_ne!(unsafe { libc::shmdt(address) }, -1, "shmdt");
    // SAFETY: the segment was created above.
    let removed = unsafe { libc::shmctl(id, libc::IPC_RMID, ptr::null_mut()) };
    assert_ne!(removed, -1, "shmctl");
}

/// Open, attach, read, detach.
fn visit<T: SharedSegment>(options: &Options<T>, read: impl FnOnce(&Attached<T, ReadOnly>) -> u64) {
    let segment = options.open().expect("open");
    let attached = segment.attach_read_only().expect("attach");
    black_box(read(&attached));
    attached.detach().expect("detach");
}

fn visit_by_libc(key: i32) {
    // SAFETY: takes numbers only.
    let id = unsafe { libc::shmget(key, SIZE, 0) };
    assert_ne!(id, -1, "shmget");
    // SAFETY: maps where nothing is.
    let address = unsafe { libc::shmat(id, ptr::null(), libc::SHM_RDONLY) };
    assert_ne!(address.addr(), usize::MAX, "shmat");
    // SAFETY: just mapped, and large enough.
    black_box(unsafe { address.cast::<u64>().read_volatile() });
    // SAFETY: mapped above, and not used any more.
    assert_ne!(unsafe { libc::shmdt(address) }, -1, "shmdt");
}

fn main() {
    let bare_life = || life::<Bare>(|segment| segment.words[0].set(1));
    let sealed_life = || life::<Sealed>(|segment| segment.words[0].set(1));

    // Keys of its own, so that two runs do not meet.
    let key = 0x7368_0000 ^ (i32::try_from(std::process::id()).expect("a pid") << 1);
    let (mut bare, mut sealed) = (Bare::options(), Sealed::options());
    let _bare = bare.key(Key::fixed(key.unsigned_abs())).create().expect("create").remove_on_drop();
    let _sealed = sealed.key(Key::fixed((key + 1).unsigned_abs())).create().expect("create").remove_on_drop();
    let bare_visit = || visit(&bare, |segment| segment.words[0].get());
    let sealed_visit = || visit(&sealed, |segment| segment.words[0].get());

    println!("Time in that of the calls through libc, in one process: median (middle half)");
    println!("create, attach, touch, detach, remove; bare    {}", compare(bare_life, life_by_libc));
    println!("create, attach, touch, detach, remove; sealed  {}", compare(sealed_life, life_by_libc));
    println!("open, attach, read, detach; bare               {}", compare(bare_visit, || visit_by_libc(key)));
    println!(
        "open, attach, read, detach; sealed             {}",
        compare(sealed_visit, || visit_by_libc(key))
    );
    if ratios_only() {
        return;
    }
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("life cycle, in one process, create to remove");
    group.bench_function("bare", |b| b.iter(bare_life));
    group.bench_function("sealed", |b| b.iter(sealed_life));
    group.bench_function("libc", |b| b.iter(life_by_libc));
    group.finish();
    let mut group = criterion.benchmark_group("life cycle, in one process, open to detach");
    group.bench_function("bare", |b| b.iter(bare_visit));
    group.bench_function("sealed", |b| b.iter(sealed_visit));
    group.bench_function("libc", |b| b.iter(|| visit_by_libc(key)));
    group.finish();
}
